// The same bits, always: threads, chunks, decode, company in the batch, how the file is loaded, instruction
// set.
#include <tuple>

#include "model/model_cases.h"

namespace hadal {
namespace {

constexpr int64_t kTokens = 150;  // one block of 128 finishes, many of 4

struct Axes {
  Isa isa = Isa::kReference;
  int threads = 1;
  int64_t chunk = kTokens;
  int64_t decode_from = kTokens;
};

struct Rows {
  std::vector<std::vector<float>> logits, mtp_logits;
};

Rows run(const Model& model, Numerics numerics, std::span<const int32_t> ids, const Axes& axes) {
  const auto ops = make_ops({.numerics = numerics, .isa = axes.isa, .threads = axes.threads});
  const auto tokens = static_cast<int64_t>(ids.size());
  Feeder feeder(model, *ops, tokens, std::min(axes.chunk, tokens));
  feeder.feed_to(ids, std::min(axes.decode_from, tokens), axes.chunk);
  feeder.feed_to(ids, tokens, 1);
  return {feeder.logits, feeder.mtp_logits};
}

void expect_same(const Rows& expected, const Rows& seen, const std::string& what) {
  const auto tokens = static_cast<int64_t>(expected.logits.size());
  EXPECT_EQ(different_rows(expected.logits, seen.logits, tokens), 0) << what;
  EXPECT_EQ(different_rows(expected.mtp_logits, seen.mtp_logits, tokens - 1), 0) << what;
}

std::string describe(const Axes& axes) {
  return fmt::format("isa {}, threads {}, chunk {}, decode from {}", isa_name(axes.isa), axes.threads,
                     axes.chunk, axes.decode_from);
}

class Bits : public testing::TestWithParam<std::tuple<RandomFormat, Numerics>> {
 protected:
  const Model& model() const { return *small_random_model(std::get<0>(GetParam())); }
  Numerics numerics() const { return std::get<1>(GetParam()); }
  const Rows& reference() const {
    static std::map<ParamType, Rows> known;
    const auto [at, is_new] = known.try_emplace(GetParam());
    if (is_new) at->second = run(model(), numerics(), ids_, {});
    return at->second;
  }

  const std::vector<int32_t> ids_ = random_ids(kTokens, 300, 5);
};

TEST_P(Bits, DoNotDependOnInstructionSetOrThreads) {
  if (numerics() == Numerics::kOfficial) GTEST_SKIP() << "official runs on the reference loops alone";
  const Rows& expected = reference();
  const std::vector<Isa> isas = available_isas();
  if (isas.size() < 3) GTEST_LOG_(WARNING) << "SKIP: this machine cannot run every instruction set";
  for (const Isa isa : isas) {
    if (isa == Isa::kReference) continue;
    for (const int threads : {1, 2, 3, 4, 8}) {
      const Axes axes{.isa = isa, .threads = threads};
      expect_same(expected, run(model(), numerics(), ids_, axes), describe(axes));
    }
  }
}

TEST_P(Bits, DoNotDependOnChunksOrDecoding) {
  const Rows& expected = reference();
  const Isa best = available_isas().back();
  for (const Axes& axes :
       {Axes{.isa = best, .chunk = 1}, Axes{.isa = best, .chunk = 7}, Axes{.isa = best, .chunk = 64},
        Axes{.isa = best, .threads = 3, .chunk = 129}, Axes{.isa = best, .chunk = 50, .decode_from = 120},
        Axes{.chunk = 31, .decode_from = 131}})
    expect_same(expected, run(model(), numerics(), ids_, axes), describe(axes));
}

TEST_P(Bits, DoNotDependOnCompany) {
  const Rows& expected = reference();
  const std::vector<int32_t> others = random_ids(kTokens, 300, 77);
  const Rows expected_others = run(model(), numerics(), others, {});
  const auto ops = make_ops({.numerics = numerics(), .isa = available_isas().back(), .threads = 2});
  const ModelConfig& config = model().config();
  SequenceState a(config, ops->entry_format(), kTokens, 0);
  SequenceState b(config, ops->entry_format(), kTokens, 0);
  Workspace workspace(model(), 60, 60);
  Rows seen_a, seen_b;
  seen_a.logits.resize(kTokens);
  seen_b.logits.resize(kTokens);
  for (int64_t step = 0; a.length() < kTokens || b.length() < kTokens; ++step) {
    // Slices of changing sizes; now and then one sequence rests.
    const auto next = [&](SequenceState& state, const std::vector<int32_t>& ids, int64_t count) {
      count = std::min(count, kTokens - state.length());
      return Slice{&state,
                   std::span(ids).subspan(static_cast<size_t>(state.length()), static_cast<size_t>(count)),
                   count};
    };
    std::vector<Slice> batch;
    for (const Slice& slice : {next(b, others, step * 7 % 30), next(a, ids_, step * 5 % 23)})
      if (!slice.ids.empty()) batch.push_back(slice);
    if (batch.empty()) continue;
    std::vector<int64_t> firsts;
    firsts.reserve(batch.size());
    for (const Slice& slice : batch) firsts.push_back(slice.state->length());
    const ForwardResult result = forward(model(), batch, workspace, *ops);
    int64_t row = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      Rows& seen = batch[i].state == &a ? seen_a : seen_b;
      for (int64_t r = 0; r < batch[i].logit_rows; ++r, ++row)
        seen.logits[static_cast<size_t>(firsts[i] + r)].assign(result.logits.row(row),
                                                               result.logits.row(row) + result.logits.cols);
    }
  }
  EXPECT_EQ(different_rows(expected.logits, seen_a.logits, kTokens), 0);
  EXPECT_EQ(different_rows(expected_others.logits, seen_b.logits, kTokens), 0);
}

TEST_P(Bits, DoNotDependOnHowTheFileIsLoaded) {
  const Model read = Model::load(small_random_model(std::get<0>(GetParam())).dir(), LoadMode::kRead);
  const std::span<const int32_t> some = std::span(ids_).first(40);
  expect_same(run(model(), numerics(), some, {}), run(read, numerics(), some, {}), "load read");
}

INSTANTIATE_TEST_SUITE_P(Small, Bits,
                         testing::Combine(testing::ValuesIn(kAllFormats), testing::ValuesIn(kAllNumerics)),
                         [](const auto& axis) {
                           return std::string(std::get<0>(axis.param) == RandomFormat::kBf16 ? "bf16_"
                                                                                             : "fp8fp4_") +
                                  numerics_name(std::get<1>(axis.param));
                         });

TEST(LogitRows, AreTheLastOnes) {
  const Model& model = *small_random_model(RandomFormat::kFp8Fp4);
  const std::vector<int32_t> ids = random_ids(20, 300, 5);
  const Rows expected = run(model, Numerics::kNative, ids, {});
  const auto ops = make_ops({.numerics = Numerics::kNative, .isa = available_isas().back(), .threads = 1});
  SequenceState state(model.config(), ops->entry_format(), 20, 0);
  Workspace workspace(model, 20, 3);
  const Slice slice{&state, ids, 3};
  const ForwardResult result = forward(model, {&slice, 1}, workspace, *ops);
  ASSERT_EQ(result.logits.rows, 3);
  for (int64_t r = 0; r < 3; ++r)
    EXPECT_TRUE(
        std::equal(result.logits.row(r), result.logits.row(r) + 300, expected.logits[17 + r].begin()));
}

// Sizes nearer to real ones, where kernels leave their tails and CSA really selects among many.
TEST(BitsHeavy, MidModel) {
  MakeRandomOptions options;
  options.preset = "mid";
  options.format = RandomFormat::kFp8Fp4;
  options.sets = {"index_topk=16"};
  options.threads = 2;
  const RandomModel random(options);
  const Model& model = *random;
  const std::vector<int32_t> ids = random_ids(kTokens, model.config().vocab_size, 5);
  const std::span<const int32_t> few = std::span(ids).first(18);
  for (const Numerics numerics : {Numerics::kStored, Numerics::kNative}) {
    const Isa best = available_isas().back();
    const Rows expected = run(model, numerics, ids, {.isa = best, .threads = 2});
    std::vector<Axes> others{{.isa = best, .threads = 8},
                             {.isa = best, .threads = 3, .chunk = 64},
                             {.isa = best, .threads = 2, .chunk = 7, .decode_from = 130}};
    for (const Isa isa : available_isas())
      if (isa != best && isa != Isa::kReference) others.push_back({.isa = isa, .threads = 2, .chunk = 129});
    for (const Axes& axes : others)
      expect_same(expected, run(model, numerics, ids, axes), numerics_name(numerics) + ", " + describe(axes));
    expect_same(run(model, numerics, few, {}),
                run(model, numerics, few, {.isa = best, .threads = 4, .chunk = 5}),
                numerics_name(numerics) + ", reference");
  }
}

// What these models say must never change by accident: a change here is a change of every user's replies.
TEST(Outputs, StayWhatTheyWere) {
  struct Case {
    RandomFormat format;
    Numerics numerics;
    uint64_t logits, mtp_logits;
  };
  const auto hash = [](const std::vector<std::vector<float>>& rows) {
    uint64_t h = 14695981039346656037u;  // FNV-1a over the words
    for (const std::vector<float>& row : rows)
      for (const float x : row) h = (h ^ std::bit_cast<uint32_t>(x)) * 1099511628211u;
    return h;
  };
  const Case cases[] = {
      {RandomFormat::kBf16, Numerics::kFp32, 0xdef18c2eff1b4680, 0x55fafe2debe138bb},
      {RandomFormat::kBf16, Numerics::kStored, 0x4b1799312f5bb8a7, 0xde71b941da216b73},
      {RandomFormat::kBf16, Numerics::kOfficial, 0x39163d5edb676370, 0x89bf6a6ee9e05edf},
      {RandomFormat::kFp8Fp4, Numerics::kFp32, 0x309f830e52154eaf, 0xa5fd8c4ac2c59186},
      {RandomFormat::kFp8Fp4, Numerics::kStored, 0x3a3c863298175333, 0xc8d20cf7acd2172b},
      {RandomFormat::kFp8Fp4, Numerics::kNative, 0xa74bbe28b73954aa, 0x3d4937c120a1ea7a},
      {RandomFormat::kFp8Fp4, Numerics::kOfficial, 0x115f76adfd29b15c, 0xe9bf5e6424b9284c},
  };
  for (const Case& c : cases) {
    const Rows rows = run(*small_random_model(c.format), c.numerics, random_ids(kTokens, 300, 5),
                          {.isa = available_isas().back()});
    EXPECT_EQ(fmt::format("{:#x} {:#x}", hash(rows.logits), hash(rows.mtp_logits)),
              fmt::format("{:#x} {:#x}", c.logits, c.mtp_logits))
        << (c.format == RandomFormat::kBf16 ? "bf16 " : "fp8fp4 ") << numerics_name(c.numerics);
  }
}

}  // namespace
}  // namespace hadal
