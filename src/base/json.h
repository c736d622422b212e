// JSON exactly as Python's json module reads and writes it: for everything that is rendered into a prompt,
// and for requests, where key order and number spelling must survive.
//
// Read as json.loads: integers of any length keep their digits, NaN and Infinity are numbers, 1e400 is
// Infinity, a repeated key has its first place and its last value, raw control characters and a BOM are
// errors. Written as json.dumps(ensure_ascii=False): separators ", " and ": ", floats as repr() prints them.
// Limits: kJsonMaxDepth levels, integers of kJsonMaxDigits digits (Python's own). Text is UTF-8, but bytes
// from 0x80 on are not looked at: callers check. A \ud800 without its partner, which UTF-8 cannot say,
// becomes the three bytes that UTF-8's rule would give it (so is_valid_utf8 finds it) and never joins a
// neighbour. This is not the reader of checkpoint files: those are large, and simdjson reads them.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace hadal {

// Where Python's recursion limit ends json.loads, within a few levels that depend on the caller's own depth.
inline constexpr int kJsonMaxDepth = 990;
// Python refuses longer integers since 3.11.
inline constexpr size_t kJsonMaxDigits = 4300;

class Json;
struct JsonMember;
using JsonArray = std::vector<Json>;

// Members in the order in which their keys first came; keys are distinct.
class JsonObject {
 public:
  // Members are of a type that is complete only below; so the compiler's own versions of these are in
  // json.cc.
  JsonObject();
  JsonObject(const JsonObject&);
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(const JsonObject&);
  JsonObject& operator=(JsonObject&&) noexcept;
  ~JsonObject();
  // Takes members as they were read: repeated keys are still in it.
  explicit JsonObject(std::vector<JsonMember> members);

  // A new key comes last; a known one keeps its place.
  void set(std::string key, Json value);
  const Json* find(std::string_view key) const;
  const std::vector<JsonMember>& members() const { return members_; }

 private:
  std::vector<JsonMember> members_;
};

// An integer's decimal text: "-" only before a number that is not 0, no leading zeros.
struct JsonInteger {
  std::string text;
};

class Json {
 public:
  Json() = default;  // null
  Json(std::nullptr_t) {}
  template <std::same_as<bool> T>
  Json(T value) : value_(value) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Json(T value) : value_(JsonInteger{std::to_string(value)}) {}
  Json(double value) : value_(value) {}
  Json(JsonInteger value) : value_(std::move(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(JsonArray value) : value_(std::move(value)) {}
  Json(JsonObject value) : value_(std::move(value)) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  // Null when it is of another kind.
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const JsonInteger* integer() const { return std::get_if<JsonInteger>(&value_); }
  const double* real() const { return std::get_if<double>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const JsonArray* array() const { return std::get_if<JsonArray>(&value_); }
  const JsonObject* object() const { return std::get_if<JsonObject>(&value_); }
  // The member of an object; null when there is none, or when this is no object.
  const Json* find(std::string_view key) const {
    const JsonObject* const members = object();
    return members == nullptr ? nullptr : members->find(key);
  }

 private:
  std::variant<std::nullptr_t, bool, JsonInteger, double, std::string, JsonArray, JsonObject> value_;
};

struct JsonMember {
  std::string key;
  Json value;
};

struct JsonProblem {
  const char* what = "";
  size_t offset = 0;  // bytes
};

// Nothing when json.loads would raise; `problem` (if given) then says why.
std::optional<Json> parse_json(std::string_view text, JsonProblem* problem = nullptr);

// json.dumps(value, ensure_ascii=False). `value` is at most kJsonMaxDepth deep, as all that was read is.
std::string dump_json(const Json& value);
// The text of a string between its quotes: only ", \ and control characters are escaped, so that a string may
// be escaped piece by piece.
void append_json_escaped(std::string_view text, std::string& out);
std::string json_quoted(std::string_view text);
// repr(value): the shortest digits that read back as the same number, 1e+16 from there on, 1e-05 from there
// down. Not finite: NaN, Infinity, -Infinity, as json.dumps has them.
std::string python_float(double value);

}  // namespace hadal
