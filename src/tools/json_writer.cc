#include "tools/json_writer.h"

namespace hadal {

void JsonWriter::item() {
  if (keyed_) {
    keyed_ = false;
    return;
  }
  if (depth_ > 0) out_ << (empty_ ? "\n" : ",\n");
  empty_ = false;
}

void JsonWriter::begin(char bracket) {
  item();
  out_ << bracket;
  empty_ = true;
  ++depth_;
}

void JsonWriter::end(char bracket) {
  if (!empty_) out_ << '\n';
  out_ << bracket;
  empty_ = false;
  --depth_;
}

void JsonWriter::key(std::string_view key) {
  item();
  out_ << json_quoted(key) << ": ";
  keyed_ = true;
}

void JsonWriter::text(std::string_view value) {
  item();
  out_ << json_quoted(value);
}

void JsonWriter::boolean(bool value) {
  item();
  out_ << (value ? "true" : "false");
}

void JsonWriter::value(const Json& value) {
  item();
  out_ << dump_json(value);
}

}  // namespace hadal
