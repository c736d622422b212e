# Writes OUTPUT, a C++ file that holds the files of DIST. NAME.gz is the compressed form of NAME.
# Bytes stand as 64-bit numbers: GCC reads those eight times as fast as single bytes.
file(GLOB_RECURSE files RELATIVE ${DIST} ${DIST}/*)
list(SORT files)

set(types ".html=text/html" ".js=text/javascript" ".css=text/css" ".svg=image/svg+xml" ".txt=text/plain"
    ".webmanifest=application/manifest+json")

# Appends the file's bytes as an array `name`, and leaves their number in `size`.
macro(append_array name path)
  file(READ ${path} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  math(EXPR missing "(16 - ${digits} % 16) % 16")
  string(REPEAT "0" ${missing} padding)
  string(REGEX REPLACE "(..)(..)(..)(..)(..)(..)(..)(..)" "0x\\8\\7\\6\\5\\4\\3\\2\\1,\n" words "${hex}${padding}")
  string(APPEND arrays "constexpr uint64_t ${name}[] = {\n${words}};\n")
endmacro()

set(arrays "")
set(rows "")
set(number 0)
foreach(file ${files})
  if(file MATCHES "\\.gz$")
    continue()
  endif()
  string(REGEX MATCH "\\.[^.]*$" suffix ${file})
  set(type "")
  foreach(known ${types})
    string(REGEX MATCH "^([^=]*)=(.*)$" _ "${known}")
    if(suffix STREQUAL CMAKE_MATCH_1)
      set(type "${CMAKE_MATCH_2}")
    endif()
  endforeach()
  if(NOT type)
    message(FATAL_ERROR "web/dist/${file}: add the type of ${suffix} files to cmake/embed_web.cmake")
  endif()
  if(type MATCHES "^text/")
    string(APPEND type "; charset=utf-8")
  endif()
  append_array(kFile${number} ${DIST}/${file})
  set(bytes "view(kFile${number}, ${size})")
  set(gzip "\"\"")
  if(EXISTS ${DIST}/${file}.gz)
    append_array(kGzip${number} ${DIST}/${file}.gz)
    set(gzip "view(kGzip${number}, ${size})")
  endif()
  file(SHA256 ${DIST}/${file} hash)
  string(SUBSTRING ${hash} 0 32 hash)
  string(APPEND rows "    {\"/${file}\", \"${type}\", ${bytes}, ${gzip}, \"\\\"${hash}\\\"\"},\n")
  math(EXPR number "${number} + 1")
endforeach()
if(number EQUAL 0)
  message(FATAL_ERROR "${DIST} is empty: the built page belongs there (npm run build in web/)")
endif()

file(WRITE ${OUTPUT}.tmp "// Written by cmake/embed_web.cmake from web/dist.
#include \"server/web_assets_data.h\"

#include <array>
#include <bit>
#include <cstdint>

namespace hadal {
namespace {

static_assert(std::endian::native == std::endian::little);

${arrays}
std::string_view view(const uint64_t* words, size_t size) { return {reinterpret_cast<const char*>(words), size}; }

const std::array<WebAsset, ${number}> kAssets = {{
${rows}}};

}  // namespace

std::span<const WebAsset> web_asset_table() { return kAssets; }

}  // namespace hadal
")
file(RENAME ${OUTPUT}.tmp ${OUTPUT})
