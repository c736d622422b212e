// The bodies of requests: bytes that anybody may send -> JSON whose limits hold, and its fields by type.
//
// Stricter than base/json.h where a client must not get away with it: the depth is kRequestMaxDepth, NaN and
// numbers beyond a double are no JSON, and neither is half a surrogate pair. Number spelling, key order and
// the last of repeated keys are as there. Everything refused is a RequestError(400) that names the field.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace hadal {

inline constexpr int kRequestMaxDepth = 127;

Json parse_request_json(std::string_view body);

// The object of these members, in this order.
JsonObject object_of(std::vector<std::pair<const char*, Json>> members);

// What kind of value it is, in words, for messages.
std::string_view json_kind(const Json& value);
// Code points.
size_t text_length(std::string_view utf8);

// An object of a request and the way to it. A field that is null counts as one that is not there.
class RequestObject {
 public:
  // `place` is empty for the body itself.
  RequestObject(const Json& value, std::string place);

  const Json& json() const { return *value_; }
  const std::string& place() const { return place_; }
  std::string place_of(std::string_view key) const;

  // Null pointers: not there.
  const Json* find(std::string_view key) const;
  const std::string* text(std::string_view key) const;
  const JsonArray* list(std::string_view key) const;
  std::optional<RequestObject> object(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  // 0 .. 2^64 - 1, spelt without a fraction or an exponent.
  std::optional<uint64_t> count(std::string_view key) const;
  // One of the names, or nothing.
  const std::string* choice(std::string_view key, std::initializer_list<std::string_view> names) const;

  // Not there is an error.
  const std::string& need_text(std::string_view key) const;
  const JsonArray& need_list(std::string_view key) const;
  RequestObject need_object(std::string_view key) const;
  const std::string& need_choice(std::string_view key, std::initializer_list<std::string_view> names) const;
  // Null is a value here.
  const Json& need(std::string_view key) const;

 private:
  const Json* value_;
  std::string place_;
};

}  // namespace hadal
