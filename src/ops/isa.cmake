# One translation unit per instruction set: files named *_avx2.cc and *_avx512.cc get that set's flags.
# GCC 12 takes the undefined operands of its own AVX-512 intrinsics for uninitialised variables (GCC bug 105593).
get_target_property(ops_sources hadal_ops SOURCES)
foreach(file ${ops_sources})
  if(file MATCHES "_avx2\\.cc$")
    set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
  elseif(file MATCHES "_avx512\\.cc$")
    set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS
      "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx512vnni;-mavx2;-mfma;-mf16c;-Wno-unknown-warning-option;-Wno-uninitialized;-Wno-maybe-uninitialized")
  endif()
endforeach()
