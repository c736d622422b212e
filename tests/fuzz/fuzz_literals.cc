// An encoding file, which is refused with an Error or gives literals that prompts can be rendered with.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "text/chat_format.h"

namespace hadal {
namespace {

const JsonArray& messages() {
  static const std::optional<Json> parsed = parse_json(
      R"([{"role": "system", "content": "S", "tools": [{"function": {"name": "f"}}], "response_format": {"type": "x"}}, {"role": "user", "content": "q"}])");
  CHECK(parsed);
  return *parsed->array();
}

void check(const ChatLiterals& literals) {
  for (const auto& [level, text] : literals.efforts) {
    ChatOptions options;
    options.thinking_mode = "thinking";
    // An empty level is the default of formats that have one, and unknown to the others' users.
    if (!level.empty()) options.reasoning_effort = Json(level);
    const RenderedPrompt prompt = render_chat(literals, messages(), options);
    int64_t at = 0;
    for (const TextRange& range : prompt.special_ranges) {
      CHECK(range.begin >= at && range.end > range.begin);
      at = range.end;
    }
    CHECK(at <= static_cast<int64_t>(prompt.text.size()));
  }
}

}  // namespace
}  // namespace hadal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const std::optional<hadal::ChatLiterals> literals =
        hadal::parse_chat_literals({reinterpret_cast<const char*>(data), size}, "fuzz.py");
    if (literals) hadal::check(*literals);
  } catch (const hadal::Error& error) {
    CHECK(error.code() == hadal::ErrorCode::kInvalidModel);
  }
  return 0;
}
