// The values, and how they are written. The reader is json_parse.cc.
#include "base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "base/check.h"

namespace hadal {
namespace {

// Objects up to this size are searched member by member.
constexpr size_t kFewMembers = 16;

}  // namespace

JsonObject::JsonObject() = default;
JsonObject::JsonObject(const JsonObject&) = default;
JsonObject::JsonObject(JsonObject&&) noexcept = default;
JsonObject& JsonObject::operator=(const JsonObject&) = default;
JsonObject& JsonObject::operator=(JsonObject&&) noexcept = default;
JsonObject::~JsonObject() = default;

JsonObject::JsonObject(std::vector<JsonMember> members) {
  if (members.size() <= kFewMembers) {
    members_.reserve(members.size());
    for (JsonMember& member : members) set(std::move(member.key), std::move(member.value));
    return;
  }
  std::unordered_map<std::string_view, size_t> first_places;  // views into `members`, which stays whole
  first_places.reserve(members.size());
  std::vector<bool> is_first(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    const auto [place, is_new] = first_places.emplace(members[i].key, i);
    is_first[i] = is_new;
    if (!is_new) members[place->second].value = std::move(members[i].value);
  }
  members_.reserve(first_places.size());
  first_places.clear();
  for (size_t i = 0; i < members.size(); ++i)
    if (is_first[i]) members_.push_back(std::move(members[i]));
}

void JsonObject::set(std::string key, Json value) {
  const auto place = std::ranges::find(members_, key, &JsonMember::key);
  if (place == members_.end()) {
    members_.push_back({std::move(key), std::move(value)});
  } else {
    place->value = std::move(value);
  }
}

const Json* JsonObject::find(std::string_view key) const {
  const auto place = std::ranges::find(members_, key, &JsonMember::key);
  return place == members_.end() ? nullptr : &place->value;
}

void append_json_escaped(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<uint8_t>(c) >> 4];
          out += kHex[c & 15];
        } else {
          out += c;
        }
    }
  }
}

std::string json_quoted(std::string_view text) {
  std::string quoted = "\"";
  append_json_escaped(text, quoted);
  return quoted += '"';
}

std::string python_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  char shortest[40];  // d.ddde+xx
  const std::to_chars_result end =
      std::to_chars(shortest, shortest + sizeof(shortest), value, std::chars_format::scientific);
  CHECK(end.ec == std::errc());
  std::string_view text(shortest, static_cast<size_t>(end.ptr - shortest));
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  const size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), exponent);
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);

  std::string result = negative ? "-" : "";
  // The point stands behind this many digits.
  const int whole = exponent + 1;
  const auto count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    result += digits[0];
    if (count > 1) result.append(1, '.').append(digits, 1);
    const std::string size = std::to_string(std::abs(exponent));
    result.append(exponent < 0 ? "e-" : "e+").append(size.size() < 2 ? "0" : "").append(size);
  } else if (whole <= 0) {
    result.append("0.").append(static_cast<size_t>(-whole), '0').append(digits);
  } else if (whole < count) {
    result.append(digits, 0, static_cast<size_t>(whole))
        .append(1, '.')
        .append(digits, static_cast<size_t>(whole));
  } else {
    result.append(digits).append(static_cast<size_t>(whole - count), '0').append(".0");
  }
  return result;
}

namespace {

void append_json(const Json& value, std::string& out) {
  if (const bool* const boolean = value.boolean()) {
    out += *boolean ? "true" : "false";
  } else if (const JsonInteger* const integer = value.integer()) {
    out += integer->text;
  } else if (const double* const real = value.real()) {
    out += python_float(*real);
  } else if (const std::string* const string = value.string()) {
    out += '"';
    append_json_escaped(*string, out);
    out += '"';
  } else if (const JsonArray* const array = value.array()) {
    out += '[';
    for (const Json& item : *array) {
      if (&item != array->data()) out += ", ";
      append_json(item, out);
    }
    out += ']';
  } else if (const JsonObject* const object = value.object()) {
    out += '{';
    for (const JsonMember& member : object->members()) {
      if (&member != object->members().data()) out += ", ";
      out += '"';
      append_json_escaped(member.key, out);
      out += "\": ";
      append_json(member.value, out);
    }
    out += '}';
  } else {
    out += "null";
  }
}

}  // namespace

std::string dump_json(const Json& value) {
  std::string out;
  append_json(value, out);
  return out;
}

}  // namespace hadal
