// What the fuzz targets of the server share: a generator that says what it is told, and a strict reader of
// server-sent events.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "engine/generator.h"
#include "server/reply.h"
#include "text/control_tokens.h"
#include "text/literals.h"
#include "text/tokenizer.h"

namespace hadal {

// The built-in model's tokenizer, with the control tokens that other formats have in place of some that none
// needs.
inline const Tokenizer& fuzz_tokenizer() {
  static const Tokenizer tokenizer = [] {
    std::string json = read_file(HADAL_SOURCE_DIR "/assets/builtin/tokenizer.json", 1 << 26);
    constexpr std::pair<std::string_view, std::string_view> kRenamed[] = {
        {"<｜title｜>", "<｜System｜>"},
        {"<｜domain｜>", "<｜fim▁begin｜>"},
        {"<｜authority｜>", "<｜fim▁hole｜>"},
        {"<｜read_url｜>", "<｜fim▁end｜>"}};
    for (const auto& [from, to] : kRenamed)
      for (size_t at = 0; (at = json.find(from, at)) != std::string::npos; at += to.size())
        json.replace(at, from.size(), to);
    return Tokenizer::from_json(json, "tokenizer.json");
  }();
  return tokenizer;
}

// Every request gets these tokens.
class ToldGenerator final : public Generator {
 public:
  std::vector<int32_t> tokens;
  FinishReason finish = FinishReason::kStopToken;

  int64_t vocab_size() const override { return static_cast<int64_t>(fuzz_tokenizer().vocab_size()); }
  int64_t max_context() const override { return 1 << 20; }

  Submission submit(GenerationRequest request) override {
    const auto prompt_size = static_cast<int64_t>(request.prompt.size());
    auto stream = std::make_shared<TokenStream>(tokens.size() + 2);
    stream->push(PromptProgress{prompt_size, prompt_size, prompt_size / 2});
    Finished finished;
    finished.reason = finish;
    finished.usage.prompt_tokens = prompt_size;
    finished.usage.cached_tokens = prompt_size / 2;
    for (const int32_t id : tokens) {
      GeneratedToken token{id, prompt_size + finished.usage.new_tokens++, false, std::nullopt};
      if (request.top_logprobs) token.logprobs = Logprobs{-0.5, {{id, -0.5F}}};
      stream->push(std::move(token));
    }
    stream->push(std::move(finished));
    return stream;
  }

  void prefill_in_background(std::vector<int32_t>, std::string) override {}
  GeneratorStats stats() const override { return {}; }
  bool drain(std::chrono::milliseconds) override { return true; }
  void stop() override {}
};

struct ReadEvent {
  std::string name;
  std::string data;
};

// What a client's reader makes of a stream, by the rules of the standard: a line ends with CR, LF or both.
// Every line must be one that we write, so nothing that a model or a client says can begin a line of its own.
inline std::vector<ReadEvent> read_events(std::string_view bytes) {
  CHECK(is_valid_utf8(bytes));
  CHECK(bytes.find('\r') == std::string_view::npos && bytes.find('\0') == std::string_view::npos);
  std::vector<ReadEvent> events;
  while (!bytes.empty()) {
    const size_t end = bytes.find("\n\n");
    CHECK(end != std::string_view::npos);
    std::string_view block = bytes.substr(0, end);
    bytes.remove_prefix(end + 2);
    ReadEvent event;
    if (block.starts_with("event: ")) {
      const size_t line = block.find('\n');
      CHECK(line != std::string_view::npos);
      event.name = block.substr(7, line - 7);
      block.remove_prefix(line + 1);
    }
    CHECK(block.starts_with("data: ") && block.find('\n') == std::string_view::npos);
    event.data = block.substr(6);
    events.push_back(std::move(event));
  }
  return events;
}

// The rest of a reply, up to its end.
inline std::string drained(ServedReply& reply) {
  std::string text;
  for (int rounds = 0; !reply.done(); ++rounds) {
    CHECK(rounds < 100000);
    text += reply.take();
  }
  return text;
}

inline Json json_of(std::string_view text) {
  std::optional<Json> value = parse_json(text);
  CHECK(value);
  return *std::move(value);
}

}  // namespace hadal
