// What `hadal run` does: a text goes on, as it comes or as one JSON object.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "engine/session.h"
#include "formats/config.h"
#include "text/tokenizer.h"

namespace hadal {

struct RunOptions {
  int64_t max_new_tokens = 256;
  std::vector<std::string> stop_strings = {};  // not part of the result
  bool ignore_eos = false;                     // ends of text are text
  SamplingParams sampling = {};
  std::optional<int64_t> top_logprobs = {};  // in the JSON
  bool json = false;
};

// The tokens of a prompt: the model's first token (unless `bos` is off or the prompt brings it), then the
// text as content, or with `markup` with the control tokens that it spells.
std::vector<int32_t> prompt_tokens(const Tokenizer& tokenizer, const ModelConfig& config,
                                   std::string_view text, bool markup, bool bos);

// Error(kIo) when `out` cannot be written.
GenerateResult run_text(Session& session, const Tokenizer& tokenizer, const ModelConfig& config,
                        std::vector<int32_t> prompt, const RunOptions& options, std::ostream& out);

// "12 tokens read in 0.31 s (38.7/s), 64 written in 4.20 s (15.2/s), ..."
std::string describe(const GenerateResult& result);

}  // namespace hadal
