# hadal_library(NAME deps...): static library hadal_NAME from all of src/NAME.
function(hadal_library name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  add_library(hadal_${name} STATIC ${sources})
  target_include_directories(hadal_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(hadal_${name} PUBLIC ${ARGN})
endfunction()

# hadal_test(NAME deps...): test program NAME_test from all of tests/NAME.
function(hadal_test name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${name}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_include_directories(${name}_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name}_test PRIVATE ${ARGN} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE HADAL_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  # Suites whose name holds "Heavy" carry the label heavy (left out under ASan), the rest their folder's name.
  gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST TEST_FILTER "-*Heavy*" PROPERTIES LABELS ${name})
  gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST TEST_FILTER "*Heavy*" TEST_SUFFIX "@heavy"
                       TEST_LIST ${name}_heavy_tests PROPERTIES LABELS "heavy")
endfunction()
