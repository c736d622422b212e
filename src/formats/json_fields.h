// JsonFields: the members of one object, asked for by name; each read checks type and range.
//
// A member that is null counts as absent. Whatever was neither read nor named in known() is reported by
// warn_unknown(), so that no key is overlooked in silence.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/json.h"

namespace hadal {

class JsonFields {
 public:
  // `field` names the object in messages; "" is the whole file. The JsonFile must outlive this.
  JsonFields(const JsonFile& file, JsonFile::Value object, std::string field);

  std::optional<JsonFile::Value> find(std::string_view key);

  // A whole number within [least, most]; 10000.0 is one too. Error where it is missing.
  int64_t integer(std::string_view key, int64_t least, int64_t most);
  int64_t integer_or(std::string_view key, int64_t otherwise, int64_t least, int64_t most);
  double number(std::string_view key);
  double number_or(std::string_view key, double otherwise);
  // A number above 0.
  double positive(std::string_view key);
  double positive_or(std::string_view key, double otherwise);
  bool boolean_or(std::string_view key, bool otherwise);
  std::string_view text_or(std::string_view key, std::string_view otherwise);
  // An array of whole numbers; absent: empty. With `or_one` a single number stands for an array of one.
  std::vector<int64_t> integers(std::string_view key, int64_t least, int64_t most, bool or_one = false);

  // Error where the key is there with another value: nothing else is implemented.
  void expect_integer(std::string_view key, int64_t only);
  void expect_boolean(std::string_view key, bool only);
  void expect_text(std::string_view key, std::string_view only);

  void known(std::initializer_list<std::string_view> keys);
  void warn_unknown() const;

  // "key" or "field.key", for messages.
  std::string name_of(std::string_view key) const;

 private:
  struct Field {
    JsonFile::Member member;
    bool known = false;
  };
  int64_t whole(JsonFile::Value value, const std::string& name, int64_t least, int64_t most) const;
  JsonFile::Value required(std::string_view key);

  const JsonFile& file_;
  std::string field_;
  std::vector<Field> fields_;
};

}  // namespace hadal
