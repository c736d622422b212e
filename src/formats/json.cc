#include "formats/json.h"

#include <algorithm>
#include <utility>

namespace hadal {

JsonFile::JsonFile(std::string_view text, std::string origin) : origin_(std::move(origin)) {
  const auto error = parser_.parse(text.data(), text.size()).get(root_);
  if (error) bad("not valid JSON: {}; write or fetch the file again", simdjson::error_message(error));
}

std::vector<JsonFile::Member> JsonFile::members(Value value, std::string_view field) const {
  const std::string name = field.empty() ? "the file" : std::string(field);
  simdjson::dom::object object;
  if (value.get(object)) bad("{} is {}; expected an object", name, shown(value));
  std::vector<Member> all;
  for (const auto [key, member] : object) all.push_back({key, member});
  std::vector<std::string_view> keys;
  keys.reserve(all.size());
  for (const Member& member : all) keys.push_back(member.key);
  std::sort(keys.begin(), keys.end());
  const auto twice = std::adjacent_find(keys.begin(), keys.end());
  if (twice != keys.end()) bad("{} has {} twice; which one is meant cannot be known", name, shown(*twice));
  return all;
}

std::string shown(simdjson::dom::element value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return shown(text);
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  return simdjson::minify(value);
}

}  // namespace hadal
