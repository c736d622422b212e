// hadal eval logits: the logits of every position of a list of token ids, and what happens on the way, as a
// safetensors file that other implementations can be compared with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/loaded_model.h"

namespace hadal {

struct EvalOptions {
  ModelOptions model;                  // its chunk: rows of a forward pass
  std::string ids;                     // file of whitespace-separated token ids
  std::string out;                     // safetensors file, appears when it is complete
  std::optional<int64_t> decode_from;  // positions from here on are fed one by one
  bool mtp = false;                    // mtp_logits too
  bool trace = false;                  // layers.N.{out,index_topk,experts} too, and the drafts of DSpark
  std::string
      teacher;  // expected.safetensors: its layers.(N-1).out.official goes into layer N; no logits then
};

// Text of whitespace-separated ids, each in [0, vocab_size) -> ids; Error(kUsage) naming `origin` and the
// place of what is wrong.
std::vector<int32_t> parse_token_ids(std::string_view text, int64_t vocab_size, const std::string& origin);

// The ids in `file`; Error(kUsage) where they are not of this model or more than it has positions for.
std::vector<int32_t> read_token_ids(const std::string& file, const ModelConfig& config);

// Writes options.out: logits F32 [n, vocab] and what else was asked for.
void eval_logits(const EvalOptions& options);

}  // namespace hadal
