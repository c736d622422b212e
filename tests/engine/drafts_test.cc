// Drafts of every kind of drafter (MTP blocks, DSpark) on small random models of every member: whichever of
// them are rejected, logits, state and later drafts are in every bit those of a sequence that was fed token
// by token.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/model_batch.h"
#include "engine/model_sequence.h"
#include "engine/session.h"
#include "model/model_cases.h"

namespace hadal {
namespace {

struct Member {
  const char* name;
  const char* preset;
  std::vector<std::string> sets;
};

const Member kMembers[] = {
    {"v32_mtp",
     "v32-tiny",
     {"index_topk=16", "n_routed_experts=8", "num_experts_per_tok=2", "n_group=4", "topk_group=2"}},
    {"v4_mtp", "tiny", {"sliding_window=16", "index_topk=8", "n_routed_experts=6", "num_experts_per_tok=2"}},
    {"v4_dspark",
     "tiny",
     {"sliding_window=16", "index_topk=8", "n_routed_experts=6", "num_experts_per_tok=2",
      "dspark_block_size=5"}},
    {"v41_dspark",
     "v41-tiny",
     {"sliding_window=16", "index_topk=8", "candidate_topk_blocks=3", "candidate_block_size=4",
      "compress_ratios=[0, 0, 3, 3, 2, 2, 1, 1, 1, 1]", "n_routed_experts=6", "num_experts_per_tok=2",
      "dspark_block_size=5", "dspark_n_routed_experts=4", "dspark_num_experts_per_tok=1"}},
};
constexpr int64_t kVocabulary = 800;

const RandomModel& model_of(const Member& member) {
  static std::map<std::string, std::unique_ptr<RandomModel>> models;
  std::unique_ptr<RandomModel>& model = models[member.name];
  if (model == nullptr) {
    MakeRandomOptions options;
    options.preset = member.preset;
    options.format = RandomFormat::kFp8Fp4;
    options.seed = 5;
    options.sets = member.sets;
    options.sets.emplace_back("vocab_size=800");
    options.sets.emplace_back("hidden_size=128");
    model = std::make_unique<RandomModel>(options);
  }
  return *model;
}

class Drafts : public testing::TestWithParam<size_t> {
 protected:
  const Model& model() const { return *model_of(kMembers[GetParam()]); }
};
INSTANTIATE_TEST_SUITE_P(Members, Drafts, testing::Range<size_t>(0, std::size(kMembers)),
                         [](const auto& which) { return std::string(kMembers[which.param].name); });

bool same_bits(float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); }

// One sequence, its drafter, and what it gave last.
struct Side {
  Side(const Model& model, Ops& ops, int64_t max_tokens)
      : model_(model),
        ops_(ops),
        state(model.config(), ops.entry_format(), max_tokens, model.drafter_layers()),
        workspace_(model, 128, kMaxRollback + 1),
        drafter(make_drafter(model, state, workspace_, ops)) {}

  void feed(std::span<const int32_t> ids, int64_t logit_rows) {
    const Slice slice{&state, ids, logit_rows};
    const ForwardResult result = forward(model_, {&slice, 1}, workspace_, ops_);
    drafter->observe(state.length() - std::ssize(ids), ids, result, 0);
    logits.assign(result.logits.data, result.logits.data + result.logits.rows * result.logits.cols);
  }
  void truncate(int64_t length) {
    state.truncate(length);
    drafter->rewind(length, false);
  }
  void clear() {
    state.truncate(0);
    drafter->restart(0);
  }
  // The logits that the drafter draws from are left in `logits`.
  std::vector<int32_t> draft(int32_t next) {
    logits.clear();
    return drafter->draft(next, max_drafts(model_.config()), [&](std::span<const float> row, int64_t) {
      logits.insert(logits.end(), row.begin(), row.end());
      return static_cast<int32_t>(std::max_element(row.begin(), row.end()) - row.begin());
    });
  }

 private:
  const Model& model_;
  Ops& ops_;

 public:
  SequenceState state;

 private:
  Workspace workspace_;

 public:
  std::unique_ptr<Drafter> drafter;
  std::vector<float> logits;
};

// All that later tokens can see.
void expect_same_state(const SequenceState& a, const SequenceState& b) {
  ASSERT_EQ(a.length(), b.length());
  EXPECT_TRUE(save_tail(a, a.length(), 0) == save_tail(b, b.length(), 0));
  for (size_t l = 0; l < a.layers.size(); ++l) {
    const LayerState& layer = a.layers[l];
    if (layer.ratio == 0) continue;
    const int64_t entries = a.length() / layer.ratio;
    EXPECT_EQ(0, std::memcmp(layer.entries.data(), b.layers[l].entries.data(),
                             static_cast<size_t>(entries * layer.entry_bytes)))
        << "entries of layer " << l;
    if (layer.index_keys.size() == 0) continue;
    std::vector<float> keys[2];
    for (int64_t n = 0; n < entries; ++n) {
      for (const size_t side : {0, 1}) {
        keys[side].resize(static_cast<size_t>(layer.index_form.dim));
        decode_index_key(layer.index_form, (side == 0 ? a : b).layers[l].index_keys.data(), n,
                         keys[side].data());
      }
      EXPECT_TRUE(std::ranges::equal(keys[0], keys[1], same_bits)) << "index key " << n << " of layer " << l;
    }
  }
}

TEST_P(Drafts, EveryPatternOfRejectionLeavesNoTrace) {
  const auto ops = make_ops({.numerics = Numerics::kStored, .isa = available_isas().back(), .threads = 1});
  const std::vector<int32_t> ids = random_ids(260, kVocabulary, 3);
  Side drafting(model(), *ops, 260);
  Side plain(model(), *ops, 260);
  const int64_t most = max_drafts(model().config());
  EXPECT_EQ(most, model().dspark ? 5 : 1);
  int64_t drafted = 0;
  // From every phase of the blocks, before and after the window is full, and one pattern behind another.
  for (const int64_t start : {1, 14, 15, 16, 17, 30, 125}) {
    for (Side* const side : {&drafting, &plain}) {
      side->clear();
      side->feed(std::span(ids).first(static_cast<size_t>(start)), 0);
    }
    for (int64_t drafts = 1; drafts <= most; ++drafts) {
      for (int64_t right = 0; right <= drafts; ++right) {
        const int64_t first = plain.state.length();
        SCOPED_TRACE(fmt::format("from {}: {} of {} at {}", start, right, drafts, first));
        std::vector<int32_t> rows(ids.begin() + first, ids.begin() + first + 1 + drafts);
        for (int64_t i = right + 1; i <= drafts; ++i)
          rows[static_cast<size_t>(i)] =
              (rows[static_cast<size_t>(i)] + 1) % static_cast<int32_t>(kVocabulary);
        drafting.feed(rows, drafts + 1);
        drafting.truncate(first + 1 + right);
        for (int64_t i = 0; i <= right; ++i) {
          plain.feed({&rows[static_cast<size_t>(i)], 1}, 1);
          EXPECT_TRUE(std::equal(plain.logits.begin(), plain.logits.end(),
                                 drafting.logits.begin() + i * kVocabulary, same_bits));
        }
        expect_same_state(drafting.state, plain.state);
        if ((drafts + right) % 2 == 0) {
          const int32_t next = ids[static_cast<size_t>(plain.state.length())];
          const std::vector<int32_t> proposed = drafting.draft(next);
          EXPECT_EQ(proposed, plain.draft(next));
          EXPECT_TRUE(std::ranges::equal(drafting.logits, plain.logits, same_bits));
          drafted += std::ssize(proposed);
        }
        ASSERT_FALSE(HasFailure());
      }
    }
  }
  EXPECT_GE(drafted, 7);
}

// Whatever the drafter proposes, and however often it is right.
TEST_P(Drafts, TokensAreThoseWithout) {
  int64_t drafted = 0;
  int64_t accepted = 0;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    SamplingParams sampling{.temperature = static_cast<double>(seed % 3) * 0.5, .seed = seed};
    // Random weights draft badly; with a few tokens far above the rest drafts are often right.
    if (seed % 2 == 1) sampling.logit_bias = {{7, 40.0f}, {9, 40.5f}, {11, 41.0f}};
    std::vector<int32_t> tokens[2];
    for (const bool drafts : {false, true}) {
      const auto ops =
          make_ops({.numerics = Numerics::kNative, .isa = available_isas().back(), .threads = 1});
      Session session(
          std::make_unique<ModelSequence>(
              model(), *ops,
              SequenceOptions{.max_tokens = 120, .max_rows = 32, .drafts = drafts, .snapshots = 1}),
          drafts ? Speculation::kOn : Speculation::kOff);
      for (const int64_t context : {40, 33}) {  // the second goes back, behind drafts
        GenerateRequest request{.context = random_ids(context, kVocabulary, 9), .max_new_tokens = 40};
        request.sampling = sampling;
        GenerateHooks hooks;
        hooks.on_token = [&](const GeneratedToken& token) {
          tokens[drafts ? 1 : 0].push_back(token.id);
          return true;
        };
        const GenerateResult result = session.generate(request, hooks);
        drafted += result.drafted_tokens;
        accepted += result.accepted_tokens;
      }
    }
    EXPECT_EQ(tokens[0], tokens[1]) << seed;
    EXPECT_EQ(tokens[0].size(), 80U);
  }
  EXPECT_GT(drafted, 60);
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, drafted);
}

// Behind a prefix from the cache the drafter has no rows: it must not see what another sequence left there.
TEST_P(Drafts, DoNotSeeAnotherSequence) {
  const auto ops = make_ops({.numerics = Numerics::kStored, .isa = available_isas().back(), .threads = 1});
  const std::vector<int32_t> ids = random_ids(100, kVocabulary, 4);
  const std::vector<int32_t> others = random_ids(100, kVocabulary, 8);
  std::vector<float> logits[2];
  for (const bool used : {false, true}) {
    ModelBatch batch(model(), *ops, {.slots = 1, .max_tokens = 120, .max_rows = 128});
    const auto feed = [&](std::span<const int32_t> tokens) {
      const BatchModel::Piece piece{0, tokens, 0};
      batch.run(BatchModel::Lane::kPrompt, {&piece, 1}, {});
    };
    const auto draft = [&](std::vector<float>* to) {
      batch.draft(0, 1, batch.max_drafts(), [&](std::span<const float> row, int64_t) {
        if (to != nullptr) to->insert(to->end(), row.begin(), row.end());
        return 2;
      });
    };
    feed(ids);
    StateParts parts{100,
                     {std::make_shared<StatePart>(batch.save_block(0, 0, 100))},
                     std::make_shared<StatePart>(batch.save_tail(0, 100, 0)),
                     0};
    batch.clear(0);
    if (used) {
      feed(others);
      draft(nullptr);
    }
    batch.load(0, parts);
    feed(std::span(others).first(3));
    draft(&logits[used ? 1 : 0]);
  }
  if (model().config().family.attention != AttentionKind::kMla) {
    EXPECT_EQ(logits[0], logits[1]);
  }
}

}  // namespace
}  // namespace hadal
