#include "tools/tokenize.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <istream>
#include <iterator>
#include <limits>
#include <ostream>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/printable.h"
#include "tools/jsonl.h"

namespace hadal {
namespace {

using simdjson::dom::element;

std::string encoded(const Tokenizer& tokenizer, bool content, element line) {
  std::string_view text;
  if (line["text"].get(text)) fail(ErrorCode::kUsage, "expected an object with a string \"text\"");
  const std::vector<int32_t> ids = content ? tokenizer.encode_content(text) : tokenizer.encode(text);
  return fmt::format("{{\"ids\":[{}]}}", fmt::join(ids, ","));
}

std::string decoded(const Tokenizer& tokenizer, element line) {
  simdjson::dom::array array;
  if (line["ids"].get(array)) fail(ErrorCode::kUsage, "expected an object with an array \"ids\"");
  std::string hex;
  for (const element value : array) {
    int64_t id = 0;
    if (value.get(id) || id < 0 || id > std::numeric_limits<int32_t>::max())
      fail(ErrorCode::kUsage, "\"ids\" has {}, which is no token id", simdjson::minify(value));
    for (const char c : tokenizer.token_bytes(static_cast<int32_t>(id)))
      fmt::format_to(std::back_inserter(hex), "{:02x}", static_cast<uint8_t>(c));
  }
  return fmt::format("{{\"hex\":\"{}\"}}", hex);
}

}  // namespace

Tokenizer load_tokenizer(const std::string& model) {
  return Tokenizer::from_file(is_directory(model) ? model + "/tokenizer.json" : model);
}

void tokenize_lines(const Tokenizer& tokenizer, TokenizeMode mode, std::istream& in, std::ostream& out) {
  simdjson::dom::parser parser;
  for_each_json_line(in, out, [&](const std::string& line) {
    element parsed;
    const auto error = parser.parse(line).get(parsed);
    if (error) fail(ErrorCode::kUsage, "not valid JSON: {}", simdjson::error_message(error));
    return mode == TokenizeMode::kDecode ? decoded(tokenizer, parsed)
                                         : encoded(tokenizer, mode == TokenizeMode::kContent, parsed);
  });
}

void tokenize_text(const Tokenizer& tokenizer, bool content, std::istream& in, std::ostream& out) {
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::vector<int32_t> ids = content ? tokenizer.encode_content(text) : tokenizer.encode(text);
  for (const int32_t id : ids)
    out << fmt::format("{:>7} {} {}\n", id, tokenizer.is_added(id) ? '*' : ' ',
                       in_quotes(tokenizer.token_bytes(id)));
  if (!out.flush()) fail(ErrorCode::kIo, "standard output: write failed");
  log_info("{} bytes, {} tokens", text.size(), ids.size());
}

}  // namespace hadal
