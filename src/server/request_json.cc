#include "server/request_json.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/printable.h"
#include "base/utf8.h"
#include "server/request_error.h"

namespace hadal {
namespace {

// What base/json.h would let through, found before anything is built from it.
void check_outline(std::string_view body) {
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
      continue;
    }
    if (c == '"') in_text = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > kRequestMaxDepth) refuse("", "the body is nested deeper than {} levels", kRequestMaxDepth);
    if (c == 'N' || c == 'I') refuse("", "the body is not JSON: NaN and Infinity are not, at byte {}", i);
  }
}

void check_values(const Json& value) {
  const auto check_text = [](const std::string& text) {
    if (!is_valid_utf8(text)) refuse("", "the body is not JSON: it holds half of a surrogate pair");
  };
  if (const std::string* const text = value.string()) check_text(*text);
  if (value.real() != nullptr && !std::isfinite(*value.real()))
    refuse("", "the body is not JSON: a number in it is out of range");
  if (value.array() != nullptr) std::ranges::for_each(*value.array(), check_values);
  if (value.object() == nullptr) return;
  for (const JsonMember& member : value.object()->members()) {
    check_text(member.key);
    check_values(member.value);
  }
}

[[noreturn]] void wrong_kind(const std::string& place, std::string_view wanted, const Json& value) {
  refuse(place, "expected {}, got {}", wanted, json_kind(value));
}

}  // namespace

JsonObject object_of(std::vector<std::pair<const char*, Json>> members) {
  JsonObject object;
  for (auto& [key, value] : members) object.set(key, std::move(value));
  return object;
}

std::string_view json_kind(const Json& value) {
  return value.is_null()              ? "null"
         : value.boolean() != nullptr ? "true or false"
         : value.integer() != nullptr ? "an integer"
         : value.real() != nullptr    ? "a number with a fraction or an exponent"
         : value.string() != nullptr  ? "a string"
         : value.array() != nullptr   ? "a list"
                                      : "an object";
}

size_t text_length(std::string_view utf8) {
  return static_cast<size_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

Json parse_request_json(std::string_view body) {
  if (!is_valid_utf8(body)) refuse("", "the body is not UTF-8");
  check_outline(body);
  JsonProblem problem;
  std::optional<Json> value = parse_json(body, &problem);
  if (!value) refuse("", "the body is not JSON: {} at byte {}", problem.what, problem.offset);
  check_values(*value);
  return *std::move(value);
}

RequestObject::RequestObject(const Json& value, std::string place)
    : value_(&value), place_(std::move(place)) {
  if (value.object() == nullptr) wrong_kind(place_.empty() ? "body" : place_, "an object", value);
}

std::string RequestObject::place_of(std::string_view key) const {
  return place_.empty() ? std::string(key) : fmt::format("{}.{}", place_, key);
}

const Json* RequestObject::find(std::string_view key) const {
  const Json* const found = value_->find(key);
  return found == nullptr || found->is_null() ? nullptr : found;
}

const std::string* RequestObject::text(std::string_view key) const {
  const Json* const found = find(key);
  if (found != nullptr && found->string() == nullptr) wrong_kind(place_of(key), "a string", *found);
  return found == nullptr ? nullptr : found->string();
}

const JsonArray* RequestObject::list(std::string_view key) const {
  const Json* const found = find(key);
  if (found != nullptr && found->array() == nullptr) wrong_kind(place_of(key), "a list", *found);
  return found == nullptr ? nullptr : found->array();
}

std::optional<RequestObject> RequestObject::object(std::string_view key) const {
  const Json* const found = find(key);
  if (found == nullptr) return std::nullopt;
  return RequestObject(*found, place_of(key));
}

std::optional<bool> RequestObject::flag(std::string_view key) const {
  const Json* const found = find(key);
  if (found == nullptr) return std::nullopt;
  if (found->boolean() == nullptr) wrong_kind(place_of(key), "true or false", *found);
  return *found->boolean();
}

std::optional<double> RequestObject::number(std::string_view key) const {
  const Json* const found = find(key);
  if (found == nullptr) return std::nullopt;
  if (found->real() != nullptr) return *found->real();
  if (found->integer() == nullptr) wrong_kind(place_of(key), "a number", *found);
  const std::string& digits = found->integer()->text;
  double value = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc())
    refuse(place_of(key), "the number is out of range");
  return value;
}

std::optional<uint64_t> RequestObject::count(std::string_view key) const {
  const Json* const found = find(key);
  if (found == nullptr) return std::nullopt;
  if (found->integer() == nullptr) wrong_kind(place_of(key), "a whole number from 0", *found);
  const std::string& digits = found->integer()->text;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size())
    refuse(place_of(key), "expected a whole number from 0, got {:.40}", digits);
  return value;
}

const std::string* RequestObject::choice(std::string_view key,
                                         std::initializer_list<std::string_view> names) const {
  const std::string* const found = text(key);
  if (found != nullptr && std::ranges::find(names, *found) == names.end())
    refuse(place_of(key), "{} is none of {}", in_quotes(found->substr(0, 80)), fmt::join(names, ", "));
  return found;
}

const Json& RequestObject::need(std::string_view key) const {
  const Json* const found = value_->find(key);
  if (found == nullptr) refuse(place_of(key), "this field is missing");
  return *found;
}

const std::string& RequestObject::need_text(std::string_view key) const {
  const Json& found = need(key);
  if (found.string() == nullptr) wrong_kind(place_of(key), "a string", found);
  return *found.string();
}

const JsonArray& RequestObject::need_list(std::string_view key) const {
  const Json& found = need(key);
  if (found.array() == nullptr) wrong_kind(place_of(key), "a list", found);
  return *found.array();
}

RequestObject RequestObject::need_object(std::string_view key) const {
  return RequestObject(need(key), place_of(key));
}

const std::string& RequestObject::need_choice(std::string_view key,
                                              std::initializer_list<std::string_view> names) const {
  need_text(key);
  return *choice(key, names);
}

}  // namespace hadal
