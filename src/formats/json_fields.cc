#include "formats/json_fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/log.h"

namespace hadal {

JsonFields::JsonFields(const JsonFile& file, JsonFile::Value object, std::string field)
    : file_(file), field_(std::move(field)) {
  for (const JsonFile::Member& member : file.members(object, field_)) fields_.push_back({member});
}

std::string JsonFields::name_of(std::string_view key) const {
  return field_.empty() ? std::string(key) : fmt::format("{}.{}", field_, key);
}

std::optional<JsonFile::Value> JsonFields::find(std::string_view key) {
  const auto at = std::find_if(fields_.begin(), fields_.end(),
                               [&](const Field& field) { return field.member.key == key; });
  if (at == fields_.end()) return std::nullopt;
  at->known = true;
  if (at->member.value.is_null()) return std::nullopt;
  return at->member.value;
}

JsonFile::Value JsonFields::required(std::string_view key) {
  const std::optional<JsonFile::Value> value = find(key);
  if (!value) file_.bad("{} is missing; take the file of the model's publisher", name_of(key));
  return *value;
}

int64_t JsonFields::whole(JsonFile::Value value, const std::string& name, int64_t least, int64_t most) const {
  constexpr double kExact = 0x1p53;  // beyond it a double is no count any more
  int64_t n = 0;
  double real = 0;
  bool ok = !value.get(n);
  if (!ok && value.is_double() && !value.get(real) && std::fabs(real) <= kExact && std::trunc(real) == real) {
    n = static_cast<int64_t>(real);
    ok = true;
  }
  if (!ok || n < least || n > most)
    file_.bad("{} is {}; expected a whole number from {} to {}", name, shown(value), least, most);
  return n;
}

int64_t JsonFields::integer(std::string_view key, int64_t least, int64_t most) {
  return whole(required(key), name_of(key), least, most);
}

int64_t JsonFields::integer_or(std::string_view key, int64_t otherwise, int64_t least, int64_t most) {
  const std::optional<JsonFile::Value> value = find(key);
  return value ? whole(*value, name_of(key), least, most) : otherwise;
}

double JsonFields::number(std::string_view key) {
  const JsonFile::Value value = required(key);
  double real = 0;
  if (value.get(real)) file_.bad("{} is {}; expected a number", name_of(key), shown(value));
  return real;
}

double JsonFields::number_or(std::string_view key, double otherwise) {
  return find(key) ? number(key) : otherwise;
}

double JsonFields::positive(std::string_view key) {
  const double real = number(key);
  if (real <= 0) file_.bad("{} is {}; expected a number above 0", name_of(key), real);
  return real;
}

double JsonFields::positive_or(std::string_view key, double otherwise) {
  return find(key) ? positive(key) : otherwise;
}

bool JsonFields::boolean_or(std::string_view key, bool otherwise) {
  const std::optional<JsonFile::Value> value = find(key);
  if (!value) return otherwise;
  bool truth = false;
  if (value->get(truth)) file_.bad("{} is {}; expected true or false", name_of(key), shown(*value));
  return truth;
}

std::string_view JsonFields::text_or(std::string_view key, std::string_view otherwise) {
  const std::optional<JsonFile::Value> value = find(key);
  if (!value) return otherwise;
  std::string_view text;
  if (value->get(text)) file_.bad("{} is {}; expected a string", name_of(key), shown(*value));
  return text;
}

std::vector<int64_t> JsonFields::integers(std::string_view key, int64_t least, int64_t most, bool or_one) {
  const std::optional<JsonFile::Value> value = find(key);
  if (!value) return {};
  simdjson::dom::array array;
  if (value->get(array)) {
    if (or_one) return {whole(*value, name_of(key), least, most)};
    file_.bad("{} is {}; expected an array", name_of(key), shown(*value));
  }
  std::vector<int64_t> all;
  for (const JsonFile::Value item : array)
    all.push_back(whole(item, fmt::format("{}[{}]", name_of(key), all.size()), least, most));
  return all;
}

void JsonFields::expect_integer(std::string_view key, int64_t only) {
  const std::optional<JsonFile::Value> value = find(key);
  int64_t n = 0;
  if (value && (value->get(n) || n != only))
    file_.bad("{} is {}; this program knows only {}", name_of(key), shown(*value), only);
}

void JsonFields::expect_boolean(std::string_view key, bool only) {
  if (boolean_or(key, only) != only)
    file_.bad("{} is {}; this program knows only {}", name_of(key), !only, only);
}

void JsonFields::expect_text(std::string_view key, std::string_view only) {
  const std::string_view text = text_or(key, only);
  if (text != only) file_.bad("{} is {}; this program knows only {}", name_of(key), shown(text), shown(only));
}

void JsonFields::known(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) find(key);
}

void JsonFields::warn_unknown() const {
  constexpr int kMost = 20;
  int count = 0;
  for (const Field& field : fields_) {
    if (field.known) continue;
    if (++count <= kMost)
      log_warning("{}: {} is a key that this program does not know; it is ignored", file_.origin(),
                  shown(name_of(field.member.key)));
  }
  if (count > kMost) log_warning("{}: {} more keys are not known and ignored", file_.origin(), count - kMost);
}

}  // namespace hadal
