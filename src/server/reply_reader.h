// Tokens of a reply -> what it says: reasoning, content and calls, as all protocols need it.
//
// Over text/reply_parser it adds what the API promises: no line ends at the edges of reasoning, at the start
// of content and before calls; stop strings, which act on content only; in JSON mode the JSON without what
// models write around it. The markup of every format is read for any model. How the tokens were cut or
// bundled changes nothing but the borders of the pieces that come out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/logprobs.h"
#include "server/prompt_plan.h"
#include "text/tokenizer.h"

namespace hadal {

struct TokenLogprobs {
  int32_t id = 0;
  Logprobs values;
};

struct ReplyEvent {
  enum class Kind : uint8_t { kReasoning, kContent, kCallBegin, kCallArguments, kCallEnd };
  Kind kind;
  std::string text;                          // of a kCallBegin the name
  bool complete = false;                     // of a kCallEnd: the call is whole
  std::vector<TokenLogprobs> logprobs = {};  // of reasoning and content, where asked for
};

class ReplyReader {
 public:
  // The tokenizer must outlive the reader.
  ReplyReader(OutputReading reading, const Tokenizer& tokenizer);
  ~ReplyReader();
  ReplyReader(ReplyReader&&) noexcept;
  ReplyReader& operator=(ReplyReader&&) noexcept;

  std::vector<ReplyEvent> feed(int32_t id, const std::optional<Logprobs>& logprobs = std::nullopt);
  // The reply is over. Nothing may be fed after it.
  std::vector<ReplyEvent> finish();

  // A stop string has come: nothing more will come out.
  bool stopped() const;
  // Which one.
  const std::string& stop_string() const;
  bool in_reasoning() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace hadal
