// Two uses of the bytes. First byte even: the rest is a tokenizer.json, which is refused with an Error or
// works. Odd: the rest is a text for the tokenizer of the tests, and must come back from every way in.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

void round_trip(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<int32_t> content = tokenizer.encode_content(text);
  CHECK(tokenizer.decode(content) == text);
  for (const int32_t id : content) CHECK(!tokenizer.is_added(id));
  const std::vector<int32_t> ids = tokenizer.encode(text);
  CHECK(tokenizer.decode(ids) == text);
  // The markup that encode() found, told to encode_segments().
  std::vector<TextRange> ranges;
  int64_t at = 0;
  for (const int32_t id : ids) {
    const auto size = static_cast<int64_t>(tokenizer.token_bytes(id).size());
    if (tokenizer.is_added(id)) ranges.push_back({at, at + size});
    at += size;
  }
  CHECK(tokenizer.encode_segments(text, ranges) == ids);
  StreamDecoder decoder(tokenizer);
  std::string streamed;
  for (const int32_t id : ids) streamed += decoder.feed(id);
  streamed += decoder.flush();
  CHECK(is_valid_utf8(streamed));
  CHECK(!is_valid_utf8(text) || streamed == text);
}

const Tokenizer& test_tokenizer() {
  static const Tokenizer tokenizer =
      Tokenizer::from_file(HADAL_SOURCE_DIR "/tests/data/tokenizer/tokenizer.json");
  return tokenizer;
}

}  // namespace
}  // namespace hadal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 1) {
    hadal::round_trip(hadal::test_tokenizer(), rest);
    return 0;
  }
  try {
    hadal::round_trip(hadal::Tokenizer::from_json(rest, "fuzz"), "The 漢字 <think>\xFF 123\r\n");
  } catch (const hadal::Error&) {
  }
  return 0;
}
