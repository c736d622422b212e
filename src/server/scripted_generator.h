// A generator without a model: the k-th generation that is admitted answers with the k-th line of a file. It
// lets the whole server run, with real clients, where there are no weights.
//
// A line: {"text", "finish": "stop"|"length"|"content_filter"|null, "pieces"?: ["..."], "tokens_per_piece"?,
// "usage"?: {"prompt_tokens", "cached_tokens"}, "delay_ms"?, "match"?}. `text` is what the model would have
// produced, control tokens spelt out; `pieces` cuts it (a pause before each, counted as tokens_per_piece
// tokens). A line with `match` waits for a prompt that holds that text. No lines left: refused. The position
// of a token counts pieces, not tokens, so that usage is what the line says.
#pragma once

#include <memory>
#include <string>

#include "engine/generator.h"
#include "text/tokenizer.h"

namespace hadal {

// `tokenizer` must outlive it. Error(kUsage) naming the line that is not as above.
std::unique_ptr<Generator> make_scripted_generator(const std::string& path, const Tokenizer& tokenizer,
                                                   int64_t max_context);

}  // namespace hadal
