// The same bits, always, for the other members of the family: threads, instruction sets, chunks, decode,
// tokens taken back, over small models whose sizes leave tails everywhere.
#include "model/model_cases.h"

namespace hadal {
namespace {

constexpr int64_t kTokens = 80;

struct Member {
  const char* name;
  const char* preset;
  RandomFormat format;
  std::vector<std::string> sets;
};

const std::vector<Member>& members() {
  static const std::vector<Member> all = {
      {"v3_bf16",
       "v32-tiny",
       RandomFormat::kBf16,
       {"model_type=\"deepseek_v3\"", "hidden_size=150", "kv_lora_rank=128", "n_group=4", "topk_group=2"}},
      {"v32_bf16_odd",
       "v32-tiny",
       RandomFormat::kBf16,
       {"hidden_size=150", "q_lora_rank=70", "kv_lora_rank=136", "qk_nope_head_dim=40", "qk_rope_head_dim=24",
        "v_head_dim=36", "index_head_dim=80", "index_n_heads=3", "index_topk=16", "n_routed_experts=9",
        "n_group=3", "topk_group=2", "num_experts_per_tok=3", "moe_intermediate_size=50",
        "intermediate_size=90", "n_shared_experts=2"}},
      {"v32_fp8",
       "v32-tiny",
       RandomFormat::kFp8Fp4,
       {"hidden_size=200", "num_attention_heads=5", "index_topk=16", "moe_intermediate_size=72"}},
      {"v41_bf16_odd",
       "v41-tiny",
       RandomFormat::kBf16,
       {"hidden_size=150", "q_lora_rank=70", "head_dim=80", "qk_rope_head_dim=24", "o_lora_rank=30",
        "sliding_window=16", "index_head_dim=40", "index_n_heads=3", "index_topk=8",
        "candidate_topk_blocks=3", "candidate_block_size=4", "compress_ratios=[0, 0, 3, 3, 2, 2, 1, 1, 1, 1]",
        "n_routed_experts=6", "num_experts_per_tok=2", "moe_intermediate_size=50", "engram_max_ngram_size=3",
        "engram_head_dim=20"}},
      {"v41_fp8fp4",
       "v41-tiny",
       RandomFormat::kFp8Fp4,
       {"hidden_size=160", "sliding_window=16", "index_topk=12", "candidate_topk_blocks=4",
        "candidate_block_size=5", "n_routed_experts=6", "num_experts_per_tok=2"}},
  };
  return all;
}

const Model& model_of(const Member& member) {
  static std::map<std::string, std::unique_ptr<RandomModel>> models;
  std::unique_ptr<RandomModel>& model = models[member.name];
  if (model == nullptr) {
    MakeRandomOptions options;
    options.preset = member.preset;
    options.format = member.format;
    options.seed = 11;
    options.sets = member.sets;
    options.sets.emplace_back("vocab_size=800");
    model = std::make_unique<RandomModel>(options);
  }
  return **model;
}

class FamilyBits : public testing::TestWithParam<std::tuple<size_t, Numerics>> {
 protected:
  const Member& member() const { return members()[std::get<0>(GetParam())]; }
  Numerics numerics() const { return std::get<1>(GetParam()); }

  struct Rows {
    std::vector<std::vector<float>> logits, mtp_logits;
  };
  Rows fed(Isa isa, int threads, int64_t chunk) const {
    const auto ops = make_ops({.numerics = numerics(), .isa = isa, .threads = threads});
    Feeder feeder(model_of(member()), *ops, kTokens, std::min(chunk, kTokens));
    feeder.feed_to(ids_, kTokens, chunk);
    return {feeder.logits, feeder.mtp_logits};
  }
  const Rows& reference() const {
    static std::map<ParamType, Rows> known;
    const auto [at, is_new] = known.try_emplace(GetParam());
    if (is_new) at->second = fed(Isa::kReference, 1, kTokens);
    return at->second;
  }
  void expect_same(const Rows& seen, const std::string& what) const {
    EXPECT_EQ(different_rows(reference().logits, seen.logits, kTokens), 0) << what;
    if (!reference().mtp_logits.empty()) {
      EXPECT_EQ(different_rows(reference().mtp_logits, seen.mtp_logits, kTokens - 1), 0) << what;
    }
  }

  const std::vector<int32_t> ids_ = random_ids(kTokens, 800, 5);
};

TEST_P(FamilyBits, DoNotDependOnHowTheyAreComputed) {
  for (const Isa isa : available_isas()) {
    if (isa == Isa::kReference) continue;
    expect_same(fed(isa, 3, kTokens), isa_name(isa));
  }
  const Isa best = available_isas().back();
  for (const int64_t chunk : {1, 7, 64}) expect_same(fed(best, 2, chunk), fmt::format("chunk {}", chunk));
}

TEST_P(FamilyBits, SurviveTokensTakenBack) {
  const auto ops = make_ops({.numerics = numerics(), .isa = available_isas().back(), .threads = 1});
  Feeder feeder(model_of(member()), *ops, kTokens, 40);
  std::vector<int32_t> wrong = ids_;
  for (int64_t length = 20; length + kMaxRollback <= kTokens; length += 13) {
    feeder.feed_to(ids_, length, 40);
    for (int64_t i = length; i < length + kMaxRollback; ++i) wrong[static_cast<size_t>(i)] = 7;
    feeder.feed_to(wrong, length + kMaxRollback, 3);
    feeder.state.truncate(length);
    wrong = ids_;
  }
  feeder.feed_to(ids_, kTokens, 40);
  EXPECT_EQ(different_rows(reference().logits, feeder.logits, kTokens), 0);
}

INSTANTIATE_TEST_SUITE_P(Members, FamilyBits,
                         testing::Combine(testing::Range<size_t>(0, 5),
                                          testing::Values(Numerics::kFp32, Numerics::kNative)),
                         [](const auto& which) {
                           return std::string(members()[std::get<0>(which.param)].name) + "_" +
                                  numerics_name(std::get<1>(which.param));
                         });

}  // namespace
}  // namespace hadal
