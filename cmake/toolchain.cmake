# Compiler settings shared by everything: warnings are errors, sums are never contracted behind our back.
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wno-sign-conversion
                    -Wnon-virtual-dtor -ffp-contract=off -fno-math-errno)
# GCC 12 warns of overlaps that cannot be in "x" + std::string() (its bug 105651).
# (clang-tidy does not know that warning.)
add_compile_options(-Wno-restrict -Wno-unknown-warning-option)
# Clang sees a deprecated call inside GCC 12's own std::stable_sort.
add_compile_options($<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_compile_options(-fstack-protector-strong)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(HADAL_SANITIZE)
  add_compile_options(-fsanitize=${HADAL_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${HADAL_SANITIZE})
  # Instrumented, the members of a std::variant look uninitialised to GCC 12. The release build keeps the warning.
  add_compile_options(-Wno-maybe-uninitialized)
endif()
