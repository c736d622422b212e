# web/dist -> web_assets_data.cc, a part of hadal_server. The committed bundle is enough: no Node here.
file(GLOB_RECURSE web_dist_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/dist/*)
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/web_assets_data.cc
  COMMAND ${CMAKE_COMMAND} -DDIST=${CMAKE_SOURCE_DIR}/web/dist -DOUTPUT=${CMAKE_BINARY_DIR}/web_assets_data.cc
          -P ${CMAKE_SOURCE_DIR}/cmake/embed_web.cmake
  DEPENDS ${web_dist_files} ${CMAKE_SOURCE_DIR}/cmake/embed_web.cmake
  COMMENT "Embedding the web page"
  VERBATIM)
target_sources(hadal_server PRIVATE ${CMAKE_BINARY_DIR}/web_assets_data.cc)
