#include "text/python_text.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/utf8.h"
#include "text/unicode_tables.h"

namespace hadal {
namespace {

bool is_printable(uint32_t c) {
  const CharClass kind = char_class(c);
  return c == ' ' || (kind != CharClass::kOther && kind != CharClass::kHanOther &&
                      kind != CharClass::kSpace && kind != CharClass::kLineBreak);
}

void append_escaped(uint32_t c, std::string& out) {
  if (c < 0x100) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
  } else if (c < 0x10000) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
  } else {
    fmt::format_to(std::back_inserter(out), "\\U{:08x}", c);
  }
}

void append_quoted(std::string_view text, std::string& out) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out += quote;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    Utf8Char c = next_utf8(p, end);
    if (c.status != Utf8Status::kValid && static_cast<uint8_t>(*p) == 0xED && end - p >= 3) {
      // Half of a surrogate pair (base/json.h).
      c.code_point =
          0xD000u | (static_cast<uint8_t>(p[1]) & 0x3Fu) << 6 | (static_cast<uint8_t>(p[2]) & 0x3Fu);
      c.size = 3;
    }
    if (*p == quote || *p == '\\') {
      out.append(1, '\\').append(1, *p);
    } else if (*p == '\n') {
      out += "\\n";
    } else if (*p == '\r') {
      out += "\\r";
    } else if (*p == '\t') {
      out += "\\t";
    } else if (is_printable(c.code_point)) {
      out.append(p, c.size);
    } else {
      append_escaped(c.code_point, out);
    }
    p += c.size;
  }
  out += quote;
}

void append_repr(const Json& value, std::string& out) {
  if (const bool* const boolean = value.boolean()) {
    out += *boolean ? "True" : "False";
  } else if (const JsonInteger* const integer = value.integer()) {
    out += integer->text;
  } else if (const double* const real = value.real()) {
    out += std::isnan(*real) ? "nan" : std::isinf(*real) ? (*real < 0 ? "-inf" : "inf") : python_float(*real);
  } else if (const std::string* const string = value.string()) {
    append_quoted(*string, out);
  } else if (const JsonArray* const array = value.array()) {
    out += '[';
    for (const Json& item : *array) {
      if (&item != array->data()) out += ", ";
      append_repr(item, out);
    }
    out += ']';
  } else if (const JsonObject* const object = value.object()) {
    out += '{';
    for (const JsonMember& member : object->members()) {
      if (&member != object->members().data()) out += ", ";
      append_quoted(member.key, out);
      out += ": ";
      append_repr(member.value, out);
    }
    out += '}';
  } else {
    out += "None";
  }
}

}  // namespace

bool python_truth(const Json* value) {
  if (value == nullptr || value->is_null()) return false;
  if (const bool* const boolean = value->boolean()) return *boolean;
  if (const JsonInteger* const integer = value->integer()) return integer->text != "0";
  if (const double* const real = value->real()) return *real != 0;
  if (const std::string* const string = value->string()) return !string->empty();
  if (const JsonArray* const array = value->array()) return !array->empty();
  return !value->object()->members().empty();
}

std::string python_str(const Json& value) {
  if (const std::string* const string = value.string()) return *string;
  std::string out;
  append_repr(value, out);
  return out;
}

std::optional<std::string> python_dict_key(const Json& value) {
  if (value.array() != nullptr || value.object() != nullptr) return std::nullopt;
  if (const std::string* const string = value.string()) return std::string("text ").append(*string);
  if (const bool* const boolean = value.boolean()) return *boolean ? "1" : "0";
  if (const double* const real = value.real(); real != nullptr && std::trunc(*real) == *real)
    return fmt::format("{:.0f}", *real == 0 ? 0.0 : *real);
  return python_str(value);
}

}  // namespace hadal
