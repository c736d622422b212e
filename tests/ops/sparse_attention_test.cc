// Attention: the formula in double with a derived bound, sinks and single keys, the official walk, and the
// same bits everywhere.
#include "ops/op_check.h"
#include "quant/kv_entry.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

// A pool of rows in the form of the numerics, what they say in fp32, and random choices of them.
struct Pool {
  Pool(EntryFormat format, int64_t count, int64_t dim, uint64_t seed)
      : head_dim(dim),
        form(v4_kv_row(format, dim)),
        values(random_values(count * dim, seed)),
        bytes(count * form.bytes()) {
    for (int64_t n = 0; n < count; ++n) rows.push_back(bytes.data() + n * form.bytes());
    ReferenceOps(format == EntryFormat::kF32 ? Numerics::kFp32 : Numerics::kStored)
        .store_kv(as_mat(values, count), form, rows);
    for (int64_t n = 0; n < count && format == EntryFormat::kStored; ++n)
      decode_kv_row(form, rows[n], values.data() + n * dim);
  }
  KeyForms forms() const { return {form, form}; }
  int64_t head_dim;
  KvRow form;
  std::vector<float> values;
  std::vector<std::byte> bytes;
  std::vector<std::byte*> rows;
};

struct Attended {
  double value = 0;
  double bound = 0;
};

// Channel by channel of one head over the first `count` rows of the pool.
std::vector<Attended> exact_attention(const float* q, const Pool& pool, int64_t count, double sink,
                                      double scale) {
  const int64_t dim = pool.head_dim;
  std::vector<double> a(count);
  double error = 0;
  double max = -1e300;
  for (int64_t i = 0; i < count; ++i) {
    double magnitude = 0;
    for (int64_t c = 0; c < dim; ++c) {
      const double term = static_cast<double>(q[c]) * pool.values[i * dim + c];
      a[i] += term * scale;
      magnitude += std::abs(term) * scale;
    }
    error = std::max(error, magnitude * (static_cast<double>(dim) / 16 + 5) * kUnit);
    max = std::max(max, a[i]);
  }
  double sum = std::exp(sink - max);
  for (const double x : a) sum += std::exp(x - max);
  std::vector<Attended> out(dim);
  for (int64_t c = 0; c < dim; ++c) {
    double magnitude = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double term = std::exp(a[i] - max) / sum * pool.values[i * dim + c];
      out[c].value += term;
      magnitude += std::abs(term);
    }
    // p is wrong by twice the error of a, by the rounding of a - M (below 64 where p matters) and of exp.
    out[c].bound = magnitude * (4 * error + 2 * (64 + 4 + static_cast<double>(count)) * kUnit) + 1e-30;
  }
  return out;
}

TEST(SparseAttention, MatchesDouble) {
  for (const Numerics numerics : {Numerics::kFp32, Numerics::kStored}) {
    for (const int64_t count : {1, 2, 17, 130}) {
      SCOPED_TRACE(count);
      const Pool pool(ReferenceOps(numerics).entry_format(), count, 128, 1);
      std::vector<float> q = random_values(2 * 128, 2), sink = {0.3f, -2.0f}, out(2 * 128);
      const KeyRows keys{pool.rows.data(), count};
      ReferenceOps(numerics).sparse_attention(as_mat(q, 1), {&keys, 1}, pool.forms(),
                                              OddBytes<float>(sink).data(), 0.09f, as_mat(out, 1));
      for (int64_t h = 0; h < 2; ++h) {
        const auto exact =
            exact_attention(q.data() + h * 128, pool, count, sink[h], static_cast<double>(0.09f));
        for (int64_t c = 0; c < 128; ++c) EXPECT_NEAR(out[h * 128 + c], exact[c].value, exact[c].bound);
      }
    }
  }
}

TEST(SparseAttention, SinksTakeNothingOrEverything) {
  const Pool pool(EntryFormat::kF32, 1, 64, 3);
  std::vector<float> q = random_values(3 * 64, 4), sink = {-1e30f, 1e30f, 0}, out(3 * 64);
  std::fill_n(q.begin() + 128, 64, 0.0f);
  const KeyRows keys{pool.rows.data(), 1};
  ReferenceOps(Numerics::kFp32)
      .sparse_attention(as_mat(q, 1), {&keys, 1}, pool.forms(), OddBytes<float>(sink).data(), 0.1f,
                        as_mat(out, 1));
  for (int c = 0; c < 64; ++c) {
    EXPECT_EQ(out[c], pool.values[c]);            // no sink: the only key
    EXPECT_EQ(out[64 + c], 0);                    // all sink
    EXPECT_EQ(out[128 + c], pool.values[c] / 2);  // a score of 0 against a sink of 0
  }
}

TEST(SparseAttention, OfficialRoundsProbabilitiesOfAWalkInBlocks) {
  const int64_t count = 150;
  const Pool pool(EntryFormat::kStored, count, 64, 5);
  std::vector<float> q = random_values(64, 6), sink = {0.5f}, out(64);
  for (float& value : q) value = round_to_bf16(value);
  const KeyRows keys{pool.rows.data(), count};
  OfficialOps().sparse_attention(as_mat(q, 1), {&keys, 1}, pool.forms(), OddBytes<float>(sink).data(), 0.125f,
                                 as_mat(out, 1));
  const auto exact = exact_attention(q.data(), pool, count, 0.5, 0.125);
  bool rounded = false;
  for (int c = 0; c < 64; ++c) {
    EXPECT_EQ(out[c], round_to_bf16(out[c]));
    // Each bf16 rounding of a probability or of the result is within 2^-9 of it; magnitudes are below 4.
    EXPECT_NEAR(out[c], exact[c].value, 2 * 4 * 0x1p-9);
    rounded |= out[c] != round_to_bf16(static_cast<float>(exact[c].value));
  }
  EXPECT_TRUE(rounded);  // probabilities were rounded, not only the result
}

// Rows of the other members: window and entries of different forms, odd tails, with a sink and without.
TEST(SparseAttention, SameBitsForEveryForm) {
  const KeyForms cases[] = {
      {{KvForm::kFp8, 512}, {KvForm::kFp4, 512}},
      {{KvForm::kFp8, 64}, {KvForm::kFp4, 64}},
      {{KvForm::kLatent, 576}, {KvForm::kLatent, 576}},
      {{KvForm::kLatent, 192}, {KvForm::kLatent, 192}},
      {{KvForm::kF32, 192}, {KvForm::kF32, 192}},
      {{KvForm::kFp8, 48}, {KvForm::kFp4, 48}},
      {{KvForm::kLatent, 146, 16}, {KvForm::kLatent, 146, 16}},
  };
  for (const KeyForms& forms : cases) {
    SCOPED_TRACE(forms.window.dim);
    const int64_t dim = forms.window.dim;
    constexpr int64_t kRows = 200;
    constexpr int64_t kWindow = 37;
    const std::vector<float> values = random_values(kRows * dim, 7);
    std::vector<std::vector<std::byte>> bytes;
    std::vector<const std::byte*> rows;
    for (int64_t n = 0; n < kRows; ++n) {
      const KvRow& form = n < kWindow ? forms.window : forms.entries;
      bytes.emplace_back(form.bytes());
      encode_kv_row(form, values.data() + n * dim, bytes.back().data());
      rows.push_back(bytes.back().data());
    }
    std::vector<KeyRows> keys;
    for (const int64_t count : {1, 36, 37, 38, 150, 200})
      keys.push_back({rows.data(), count, std::min(count, kWindow)});
    const OddBytes<float> sink(random_values(5, 8));
    for (const std::byte* const sinks : {sink.data(), static_cast<const std::byte*>(nullptr)}) {
      expect_same_bits(Numerics::kStored, [&](Ops& ops) {
        RandomRows q(6, 5 * dim, 9), out(6, 5 * dim, 10);
        ops.sparse_attention(q.mat(), keys, forms, sinks, 0.05f, out.mat());
        return std::vector<float>(out.mat().data, out.mat().data + 6 * 5 * dim);
      });
    }
  }
}

TEST(SparseAttention, SameBitsEverywhere) {
  for (const Numerics numerics : {Numerics::kFp32, Numerics::kStored}) {
    for (const int64_t dim : {64, 128, 192, 512}) {
      const Pool pool(ReferenceOps(numerics).entry_format(), 300, dim, 7);
      const std::vector<std::vector<int64_t>> counts = {{1}, {150}, {1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65}};
      for (const int64_t heads : {1, 2, 3, 5, 9}) {
        for (const std::vector<int64_t>& count : counts) {
          SCOPED_TRACE(testing::Message()
                       << dim << " wide, " << heads << " heads, " << count.size() << " rows");
          const auto tokens = static_cast<int64_t>(count.size());
          std::vector<KeyRows> keys;
          for (int64_t t = 0; t < tokens; ++t) keys.push_back({pool.rows.data() + 2 * t, count[t]});
          const OddBytes<float> sink(random_values(heads, 8));
          expect_same_bits(numerics, [&](Ops& ops) {
            RandomRows q(tokens, heads * dim, 9), out(tokens, heads * dim, 10);
            ops.sparse_attention(q.mat(), keys, pool.forms(), sink.data(), 0.05f, out.mat());
            return out.values();
          });
        }
      }
    }
  }
}

}  // namespace
}  // namespace hadal
