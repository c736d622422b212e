// The indexer: picks against scores in double, ties and limits, the official bf16 score, and the same bits
// everywhere.
#include "ops/reference/index_topk.h"

#include "ops/op_check.h"
#include "quant/index_key.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

// Random keys in the form of the numerics, and what they say in fp32.
struct Keys {
  Keys(EntryFormat format, int64_t count, uint64_t seed)
      : values(random_values(count * kIndexDim, seed)),
        bytes(v4_index_keys(format).bytes(count)),
        form(v4_index_keys(format)) {
    // Some keys are equal, so that scores tie.
    for (int64_t n = 5; n < count; n += 7)
      std::copy_n(values.begin() + (n - 5) * kIndexDim, kIndexDim, values.begin() + n * kIndexDim);
    ReferenceOps ops(format == EntryFormat::kF32 ? Numerics::kFp32 : Numerics::kStored);
    if (count > 0) ops.store_index_keys(as_mat(values, count), 0, form, bytes.data());
    if (format == EntryFormat::kF32) return;
    for (int64_t n = 0; n < count; ++n)
      decode_index_key(form, bytes.data(), n, values.data() + n * kIndexDim);
  }
  IndexKeys keys() const { return {form, bytes.data()}; }
  std::vector<float> values;
  std::vector<std::byte> bytes;
  IndexKeyForm form;
};

std::vector<float> fp4(std::vector<float> q) {
  for (size_t i = 0; i < q.size(); i += kIndexDim) {
    uint8_t codes[kIndexDim], scales[4];
    quantise_index_vector(q.data() + i, kIndexDim, codes, scales);
    for (int64_t k = 0; k < kIndexDim; ++k) q[i + k] = e2m1_to_f32(codes[k]) * e8m0_to_f32(scales[k / 32]);
  }
  return q;
}

void expect_picks_are_best(Numerics numerics, int64_t heads, int64_t visible, int64_t topk) {
  SCOPED_TRACE(testing::Message() << heads << " heads, " << visible << " visible, top " << topk);
  const Keys keys(ReferenceOps(numerics).entry_format(), visible, 1);
  std::vector<float> q = random_values(heads * kIndexDim, 2), w = random_values(heads, 3);
  const std::vector<float> exact_q = numerics == Numerics::kFp32 ? q : fp4(q);
  std::vector<int64_t> picks(topk, -7);
  ReferenceOps(numerics).index_topk(as_mat(q, 1), as_mat(w, 1), 0.125f, keys.keys(), {&visible, 1},
                                    {.topk = topk, .picks = picks.data()});
  const int64_t count = std::min(visible, topk);
  for (int64_t i = 1; i < count; ++i) ASSERT_LT(picks[i - 1], picks[i]);
  for (int64_t i = count; i < topk; ++i) ASSERT_EQ(picks[i], -1);
  if (count == 0) return;
  ASSERT_GE(picks[0], 0);
  ASSERT_LT(picks[count - 1], visible);

  std::vector<double> scores(visible), bounds(visible);
  for (int64_t n = 0; n < visible; ++n) {
    for (int64_t h = 0; h < heads; ++h) {
      double qk = 0;
      double magnitude = 0;
      for (int64_t k = 0; k < kIndexDim; ++k) {
        const double term = static_cast<double>(exact_q[h * kIndexDim + k]) * keys.values[n * kIndexDim + k];
        qk += term;
        magnitude += std::abs(term);
      }
      scores[n] += w[h] * 0.125 * std::max(qk, 0.0);
      // 8 steps and 4 of the tree for qk, one for the weight, one a head for the sum.
      bounds[n] += std::abs(w[h]) * 0.125 * magnitude * (13 + static_cast<double>(heads)) * kUnit;
    }
  }
  double worst_picked = 1e30;
  for (int64_t i = 0; i < count; ++i)
    worst_picked = std::min(worst_picked, scores[picks[i]] + bounds[picks[i]]);
  for (int64_t n = 0; n < visible; ++n) {
    const bool picked = std::binary_search(picks.begin(), picks.begin() + count, n);
    EXPECT_TRUE(picked || scores[n] - bounds[n] <= worst_picked) << n;
  }
}

TEST(IndexTopk, PicksTheBest) {
  for (const Numerics numerics : {Numerics::kFp32, Numerics::kStored}) {
    for (const int64_t visible : {0, 1, 15, 16, 17, 33, 200}) expect_picks_are_best(numerics, 3, visible, 16);
    expect_picks_are_best(numerics, 64, 100, 64);
  }
}

TEST(IndexTopk, EqualScoresGoToTheLowestIndex) {
  const std::vector<float> scores = {1, 2, -0.0f, 2, 0, 2, -1};
  std::vector<int64_t> picks(2);
  pick_best(scores, 2, picks.data());
  EXPECT_EQ(picks, (std::vector<int64_t>{1, 3}));
  picks.resize(5);
  pick_best(scores, 5, picks.data());  // of the two zeros the first
  EXPECT_EQ(picks, (std::vector<int64_t>{0, 1, 2, 3, 5}));
}

TEST(IndexTopk, AllEqualTakesTheFirst) {
  for (const Numerics numerics : {Numerics::kFp32, Numerics::kStored, Numerics::kOfficial}) {
    const auto ops = make_ops({numerics, available_isas().back(), 2});
    const Keys keys(ops->entry_format(), 100, 4);
    std::vector<float> q(2 * kIndexDim), w = {1, 2};
    const int64_t visible = 100;
    std::vector<int64_t> picks(10);
    ops->index_topk(as_mat(q, 1), as_mat(w, 1), 1.0f, keys.keys(), {&visible, 1},
                    {.topk = 10, .picks = picks.data()});
    EXPECT_EQ(picks, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  }
}

TEST(IndexTopk, OfficialScoresTieInBf16) {
  // Products of 256 and 257, which bf16 cannot tell apart: official takes the lowest index, stored the
  // larger.
  std::vector<float> q(kIndexDim), values(2 * kIndexDim), w = {1};
  std::fill_n(q.begin(), 7, 6.0f);
  q[7] = 4;
  q[8] = 1;
  for (const int64_t key : {0, 1}) {
    std::fill_n(values.begin() + key * kIndexDim, 7, 6.0f);
    values[key * kIndexDim + 7] = 1;
  }
  values[kIndexDim + 8] = 1;
  const IndexKeyForm form = v4_index_keys(EntryFormat::kStored);
  std::vector<std::byte> keys(form.bytes(2));
  ReferenceOps stored(Numerics::kStored);
  stored.store_index_keys(as_mat(values, 2), 0, form, keys.data());
  const int64_t visible = 2;
  int64_t pick = -1;
  stored.index_topk(as_mat(q, 1), as_mat(w, 1), 1.0f, {form, keys.data()}, {&visible, 1},
                    {.topk = 1, .picks = &pick});
  EXPECT_EQ(pick, 1);
  OfficialOps().index_topk(as_mat(q, 1), as_mat(w, 1), 1.0f, {form, keys.data()}, {&visible, 1},
                           {.topk = 1, .picks = &pick});
  EXPECT_EQ(pick, 0);
}

TEST(IndexTopk, SameBitsEverywhere) {
  for (const Numerics numerics : {Numerics::kFp32, Numerics::kStored}) {
    const Keys keys(ReferenceOps(numerics).entry_format(), 2000, 5);
    for (const int64_t heads : {1, 2, 5, 16, 20}) {
      const std::vector<std::vector<int64_t>> visibles = {
          {}, {0}, {2000}, {1, 2, 15, 16, 17, 700, 701, 1999}};
      for (const std::vector<int64_t>& visible : visibles) {
        for (const int64_t topk : {1, 16, 512}) {
          SCOPED_TRACE(testing::Message() << heads << " heads, " << visible.size() << " rows, top " << topk);
          const auto rows = static_cast<int64_t>(visible.size());
          expect_same_bits(numerics, [&](Ops& ops) {
            RandomRows q(rows, heads * kIndexDim, 6), w(rows, heads, 7);
            std::vector<int64_t> picks(rows * topk);
            ops.index_topk(q.mat(), w.mat(), 0.01f, keys.keys(), visible,
                           {.topk = topk, .picks = picks.data()});
            return picks;
          });
        }
      }
    }
  }
}

// The other members' keys and the choice in two levels.
TEST(IndexTopk, SameBitsForEveryFormAndLevel) {
  const IndexKeyForm forms[] = {{IndexForm::kFp8, 128}, {IndexForm::kF32, 80}, {IndexForm::kFp8, 48},
                                {IndexForm::kFp4, 128}, {IndexForm::kFp4, 40}, {IndexForm::kFp8, 43}};
  for (const IndexKeyForm& form : forms) {
    constexpr int64_t kCount = 300;
    const std::vector<float> values = random_values(kCount * form.dim, 1);
    std::vector<std::byte> bytes(form.bytes(kCount));
    for (int64_t n = 0; n < kCount; ++n)
      encode_index_key(form, values.data() + n * form.dim, n, bytes.data());
    const std::vector<int64_t> visible = {0, 1, 7, 40, 41, 150, 299, 300};
    const auto rows = static_cast<int64_t>(visible.size());
    for (const int level : {0, 1, 2}) {
      SCOPED_TRACE(testing::Message()
                   << static_cast<int>(form.form) << ' ' << form.dim << ", level " << level);
      expect_same_bits(Numerics::kStored, [&](Ops& ops) {
        RandomRows q(rows, 5 * form.dim, 6), w(rows, 5, 7);
        constexpr int64_t kTopk = 20;
        constexpr int64_t kBlocks = 6;
        std::vector<int64_t> picks(rows * kTopk), blocks(rows * kBlocks, -1);
        for (int64_t t = 0; t < rows; ++t) {
          for (int64_t b = 0; level == 2 && b < std::min(kBlocks, (visible[t] + 6) / 7); ++b)
            blocks[t * kBlocks + b] = (visible[t] + 6) / 7 > 2 * kBlocks ? 2 * b + 1 : b;
        }
        IndexChoice choice{.topk = kTopk, .picks = picks.data()};
        if (level > 0) choice.block = 7;
        if (level > 0) choice.top_blocks = kBlocks;
        if (level == 1) choice.best_blocks = blocks.data();
        if (level == 2) choice.within = blocks.data();
        ops.index_topk(q.mat(), w.mat(), 0.01f, {form, bytes.data()}, visible, choice);
        picks.insert(picks.end(), blocks.begin(), blocks.end());
        return picks;
      });
    }
  }
}

TEST(IndexTopk, BlocksHaveTheirBestEntryAndTheNewestOne) {
  // One head whose score is the key's first value, 12 keys in blocks of 3.
  const IndexKeyForm form{IndexForm::kF32, 2};
  std::vector<float> keys;
  for (const float value : std::vector<float>{1, 9, 1, 2, 2, 2, 8, 1, 1, 3, 0, 0}) {
    keys.push_back(value);
    keys.push_back(0);
  }
  std::vector<float> q = {1, 0}, w = {1};
  const IndexKeys stored{form, reinterpret_cast<const std::byte*>(keys.data())};
  std::vector<int64_t> picks(3), blocks(2);
  const auto pick = [&](int64_t visible, const int64_t* within) {
    IndexChoice choice{.topk = 3, .picks = picks.data(), .block = 3, .top_blocks = 2, .within = within};
    if (within == nullptr) choice.best_blocks = blocks.data();
    ReferenceOps(Numerics::kFp32).index_topk(as_mat(q, 1), as_mat(w, 1), 1.0f, stored, {&visible, 1}, choice);
  };
  pick(12, nullptr);
  EXPECT_EQ(blocks, (std::vector<int64_t>{0, 3}));    // the newest, then the best of the others
  EXPECT_EQ(picks, (std::vector<int64_t>{1, 6, 9}));  // its own picks are free
  pick(12, blocks.data());
  EXPECT_EQ(picks, (std::vector<int64_t>{0, 1, 9}));
  pick(4, nullptr);
  EXPECT_EQ(blocks, (std::vector<int64_t>{0, 1}));
  const int64_t only[] = {1, -1};
  pick(4, only);
  EXPECT_EQ(picks, (std::vector<int64_t>{3, -1, -1}));
}

}  // namespace
}  // namespace hadal
