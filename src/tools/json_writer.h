// JsonWriter: JSON to a stream as it comes, laid out as Python's json.dumps(indent=0, ensure_ascii=False):
// each item on a line of its own. For output that may be large; nothing is kept.
#pragma once

#include <concepts>
#include <ostream>
#include <string_view>

#include "base/json.h"

namespace hadal {

class JsonWriter {
 public:
  explicit JsonWriter(std::ostream& out) : out_(out) {}

  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }

  // The key of the next value in an object.
  void key(std::string_view key);
  void text(std::string_view value);  // UTF-8
  void boolean(bool value);
  void value(const Json& value);  // on one line
  template <std::integral T>
  void integer(T value) {
    item();
    out_ << +value;
  }

  void field(std::string_view name, std::string_view value) {
    key(name);
    text(value);
  }
  template <std::integral T>
  void field(std::string_view name, T value) {
    key(name);
    integer(value);
  }

 private:
  void begin(char bracket);
  void end(char bracket);
  void item();  // what comes before a value

  std::ostream& out_;
  bool empty_ = true;  // nothing yet in the innermost container
  bool keyed_ = false;
  int depth_ = 0;
};

}  // namespace hadal
