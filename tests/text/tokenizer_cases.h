// What the tokenizer's tests and benchmark share: the cases in files, and the tokenizers that they are about.
#pragma once

#include <simdjson.h>
#include <zlib.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "golden/golden.h"
#include "text/tokenizer.h"

namespace hadal {

inline std::string own_case(const std::string& name) {
  return HADAL_SOURCE_DIR "/tests/data/tokenizer/" + name;
}

inline std::string gunzip_file(const std::string& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) fail(ErrorCode::kIo, "{}: cannot open", path);
  std::string content;
  std::string block(1 << 20, '\0');
  for (int n = 0; (n = gzread(file, block.data(), static_cast<unsigned>(block.size()))) > 0;)
    content.append(block, 0, static_cast<size_t>(n));
  gzclose(file);
  return content;
}

// The tokenizer of DeepSeek-V4, from the shared cases.
inline const Tokenizer& real_tokenizer() {
  static const Tokenizer tokenizer = Tokenizer::from_json(
      gunzip_file(shared_path("golden/tokenizer/tokenizer.json.gz")), "tokenizer.json.gz");
  return tokenizer;
}

// The same as V4.1 has it: id 128799 is the system marker.
inline const Tokenizer& real_v41_tokenizer() {
  static const Tokenizer tokenizer = [] {
    std::string json = gunzip_file(shared_path("golden/tokenizer/tokenizer.json.gz"));
    constexpr std::string_view kUnused = "<｜place▁holder▁no▁799｜>";
    for (size_t at = 0; (at = json.find(kUnused, at)) != std::string::npos;)
      json.replace(at, kUnused.size(), "<｜System｜>");
    return Tokenizer::from_json(json, "tokenizer.json.gz of V4.1");
  }();
  return tokenizer;
}

// Calls `check` with each line's object. Returns how many lines there were.
inline size_t for_each_line(const std::string& path,
                            const std::function<void(simdjson::dom::element)>& check) {
  const std::string content = read_file(path, uint64_t{1} << 30);
  simdjson::dom::parser parser;
  size_t lines = 0;
  for (size_t begin = 0; begin < content.size(); ++lines) {
    const size_t end = content.find('\n', begin);
    SCOPED_TRACE(path + ":" + std::to_string(lines + 1));
    check(parser.parse(content.substr(begin, end - begin)));
    begin = end + 1;
  }
  return lines;
}

inline std::vector<int32_t> ids_of(simdjson::dom::element line, std::string_view key) {
  std::vector<int32_t> ids;
  for (const int64_t id : simdjson::dom::array(line[key])) ids.push_back(static_cast<int32_t>(id));
  return ids;
}

}  // namespace hadal
