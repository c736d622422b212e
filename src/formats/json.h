// JsonFile: one JSON file of a model, parsed, with the words for what is wrong in it.
//
// simdjson keeps duplicate keys, in order; members() refuses them, which is what every reader here wants.
// What a string or a key holds is the file's own text: it goes into messages through shown(), cut short and
// escaped. Not for text that is rendered into prompts: that needs Python's JSON, which is in base.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "formats/shown.h"

namespace hadal {

class JsonFile {
 public:
  using Value = simdjson::dom::element;
  struct Member {
    std::string_view key;
    Value value;
  };

  // `origin` is the path that messages name. Error(kInvalidModel) where the text is not one JSON value.
  JsonFile(std::string_view text, std::string origin);

  Value root() const { return root_; }

  // The members of an object in the order of the file. Error where `value` is no object or a key is there
  // twice; `field` names it in messages ("" is the whole file).
  std::vector<Member> members(Value value, std::string_view field) const;

  // Throws Error(kInvalidModel) "origin: what".
  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidModel, "{}: {}", origin_, fmt::format(format, std::forward<Args>(args)...));
  }

  const std::string& origin() const { return origin_; }

 private:
  std::string origin_;
  simdjson::dom::parser parser_;
  Value root_;
};

// For messages: a scalar's own JSON (long strings cut), or what kind of container it is.
std::string shown(simdjson::dom::element value);
}  // namespace hadal
