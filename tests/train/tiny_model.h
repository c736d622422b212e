// The small model of the tests of training: three layers, one of each kind of attention.
#pragma once

#include <string>
#include <vector>

namespace hadal {

// KEY=VALUE for make_random; `more` comes on top.
inline std::vector<std::string> tiny_model_with(const std::vector<std::string>& more) {
  std::vector<std::string> sets = {"num_hidden_layers=3",
                                   "compress_ratios=[0,4,128,0]",
                                   "num_hash_layers=1",
                                   "sliding_window=16",
                                   "index_topk=4",
                                   "index_n_heads=2",
                                   "n_routed_experts=4",
                                   "num_experts_per_tok=2",
                                   "moe_intermediate_size=32",
                                   "num_attention_heads=2"};
  sets.insert(sets.end(), more.begin(), more.end());
  return sets;
}

}  // namespace hadal
