// What the tests of chat formats and replies share: cases in files.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "golden/golden.h"

namespace hadal {

inline std::string own_chat_case(const std::string& name) {
  return HADAL_SOURCE_DIR "/tests/data/chat/" + name;
}

inline Json read_json(const std::string& path) {
  const std::string content = read_file(path, uint64_t{1} << 26);
  const std::optional<Json> value = parse_json(content);
  if (!value) fail(ErrorCode::kInvalidModel, "{}: not JSON", path);
  return *value;
}

// The JSON files of a folder, by name.
inline std::vector<std::string> json_files(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".json") paths.push_back(entry.path().string());
  std::ranges::sort(paths);
  return paths;
}

// The values of a file's lines.
inline std::vector<Json> json_lines(const std::string& path) {
  const std::string content = read_file(path, uint64_t{1} << 26);
  std::vector<Json> values;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const std::optional<Json> value = parse_json(std::string_view(content).substr(begin, end - begin));
    if (!value) fail(ErrorCode::kInvalidModel, "{}:{}: not JSON", path, values.size() + 1);
    values.push_back(*value);
    begin = end + 1;
  }
  return values;
}

inline const std::string& text_of(const Json& value, std::string_view key) {
  return *value.find(key)->string();
}

}  // namespace hadal
