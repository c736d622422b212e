// A reply against the reference's parser of whole texts, and against itself cut into pieces. The first byte
// says whether it thinks and in which format, the second where it is cut. To make markup likely, D and E in
// the text stand for the DSML token and the end of the turn.
#include <cstdint>
#include <string>
#include <string_view>

#include "../text/reply_oracle.h"
#include "base/check.h"
#include "base/error.h"
#include "text/reply_parser.h"

namespace hadal {
namespace {

// Nothing when it is refused.
std::optional<Reply> parsed(std::string_view text, ReplyMode mode, bool thinking, ChatDialect dialect,
                            size_t piece) {
  Reply reply;
  const auto add = [&reply](const std::vector<ReplyDelta>& deltas) {
    for (const ReplyDelta& delta : deltas) reply.add(delta);
  };
  try {
    ReplyParser parser(mode, thinking, dialect);
    for (size_t at = 0; at < text.size(); at += piece) add(parser.feed(text.substr(at, piece)));
    add(parser.finish());
  } catch (const Error&) {
    return std::nullopt;
  }
  return reply;
}

bool equal(const std::optional<Reply>& a, const std::optional<Reply>& b, bool with_completeness) {
  if (!a || !b) return !a && !b;
  return shown(*a, with_completeness) == shown(*b, with_completeness);
}

void check(std::string_view text, bool thinking, ChatDialect dialect, size_t piece) {
  const std::optional<Reply> expected = ReplyOracle::parse(text, thinking, dialect);
  const std::optional<Reply> strict = parsed(text, ReplyMode::kStrict, thinking, dialect, text.size() + 1);
  const std::optional<Reply> lenient = parsed(text, ReplyMode::kLenient, thinking, dialect, text.size() + 1);
  CHECK(equal(strict, expected, false));
  CHECK(lenient);
  CHECK(!expected || equal(lenient, expected, false));
  for (const size_t size : {piece, size_t{1}}) {
    CHECK(equal(parsed(text, ReplyMode::kStrict, thinking, dialect, size), strict, true));
    CHECK(equal(parsed(text, ReplyMode::kLenient, thinking, dialect, size), lenient, true));
  }
}

}  // namespace
}  // namespace hadal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string text;
  for (const char c : std::string_view(reinterpret_cast<const char*>(data) + 2, size - 2)) {
    if (c == 'D') {
      text += hadal::kDsmlToken;
    } else if (c == 'E') {
      text += hadal::kEosToken;
    } else if (static_cast<uint8_t>(c) <
               0xF8) {  // bytes that no text has are replaced, which the oracle does not do
      text += c;
    }
  }
  constexpr hadal::ChatDialect kDialects[] = {hadal::ChatDialect::kV4Preview, hadal::ChatDialect::kV41,
                                              hadal::ChatDialect::kV32};
  hadal::check(text, data[0] % 2 == 1, kDialects[data[0] / 2 % 3], data[1] + size_t{1});
  return 0;
}
