// The gradient of every op against finite differences in fp64.
//
// `chain` in each test is the length of its longest sum plus what comes before and after it: in the worst
// case every rounding of fp32 adds up.
#include "train/gradient_check.h"

namespace hadal {
namespace {

constexpr HcConfig kHc{4, 20, 1e-6f, 1e-6f};
constexpr float kEps = 1e-6f;

TEST(OpGradients, Linear) {
  GradientCase c(1);
  const Mat x = c.input(5, 19);
  const Weight w = c.weight(13, 19);
  const Mat out = c.scratch(5, 13);
  c.check([&](Ops& ops) { ops.linear(x, w, out); }, {out}, 19 + 4);
  GradientCase again(2);
  const Mat x2 = again.input(5, 19);
  const Weight w2 = again.weight(13, 19);
  const Mat out2 = again.scratch(5, 13);
  again.check([&](Ops& ops) { ops.linear_fp32(x2, w2, out2); }, {out2}, 19 + 4);
}

TEST(OpGradients, LinearGrouped) {
  GradientCase c(3);
  const Mat x = c.input(5, 3 * 10);
  const Weight w = c.weight(3 * 4, 10);
  const Mat out = c.scratch(5, 3 * 4);
  c.check([&](Ops& ops) { ops.linear_grouped(x, w, 3, out); }, {out}, 10 + 4);
}

TEST(OpGradients, EmbedAndHcExpand) {
  GradientCase c(4);
  const Weight table = c.weight(7, 9);
  const Mat x = c.scratch(6, 9);
  const Mat streams = c.scratch(6, 36);
  const std::vector<int32_t> ids{3, 0, 6, 3, 3, 1};  // 2, 4 and 5 stay zero
  c.check(
      [&](Ops& ops) {
        ops.embed(table, ids, x);
        ops.hc_expand(x, 4, streams);
      },
      {streams}, 3 * 4 + 2);
}

TEST(OpGradients, AddWithAliases) {
  GradientCase c(5);
  const Mat x = c.input(3, 8);
  const Mat y = c.input(3, 8);
  c.check(
      [&](Ops& ops) {
        ops.add(x, y);
        ops.add(y, x);
        ops.add(x, y);
      },
      {x, y}, 8);
}

TEST(OpGradients, RmsNorm) {
  for (const bool in_place : {false, true}) {
    GradientCase c(6);
    const Mat x = c.input(4, 37);
    const NormWeight w = c.norm(37);
    const Mat out = in_place ? x : c.scratch(4, 37);
    c.check([&](Ops& ops) { ops.rms_norm(x, w, kEps, out); }, {out}, 37 + 8);
  }
}

TEST(OpGradients, HeadRmsNorm) {
  GradientCase c(7);
  const Mat x = c.input(3, 2 * 24);
  c.check([&](Ops& ops) { ops.head_rms_norm(x, 24, kEps); }, {x}, 24 + 8);
}

TEST(OpGradients, RopeBothWays) {
  RopeFrequencies f{};
  for (int p = 0; p < 32; ++p) f.f[p] = std::pow(10000.0f, -static_cast<float>(p) / 32.0f);
  for (const bool inverse : {false, true}) {
    GradientCase c(8);
    const Mat x = c.input(3, 2 * 80);
    const std::vector<int64_t> positions{0, 5, 700};
    c.check([&](Ops& ops) { ops.rope(x, 80, positions, f, inverse); }, {x}, 8);
  }
}

TEST(OpGradients, Hadamard) {
  GradientCase c(9);
  const Mat x = c.input(1, 256);
  c.check([&](Ops& ops) { ops.hadamard(x); }, {x}, 10);
}

// The gates go through 39 divisions: chain counts each with its sum of four.
constexpr double kSinkhornChain = 39 * 6;

HcParams hc_params(GradientCase& c, int64_t rows, int64_t scales, int64_t d, float scale) {
  HcParams params;
  params.fn = c.weight(rows, 4 * d, 0.5f);
  params.base = c.parameter(rows, 0, 1.0f);
  params.scale = c.parameter(scales, scale, 0.1f);
  return params;
}

TEST(OpGradients, HcPre) {
  for (const float scale : {0.01f, 1.0f}) {
    GradientCase c(10);
    const Mat streams = c.input(3, 4 * 11);
    const HcParams params = hc_params(c, 24, 3, 11, scale);
    const Mat u = c.scratch(3, 11), post = c.scratch(3, 4), comb = c.scratch(3, 16);
    c.check([&](Ops& ops) { ops.hc_pre(streams, params, kHc, u, post, comb); }, {u, post, comb},
            kSinkhornChain + 44);
  }
}

TEST(OpGradients, UnconstrainedHyperConnections) {
  GradientCase c(110);
  c.residual = Residual::kUnconstrained;
  const Mat streams = c.input(3, 4 * 11);
  const HcParams params = hc_params(c, 24, 3, 11, 0.7f);
  const Mat u = c.scratch(3, 11), post = c.scratch(3, 4), comb = c.scratch(3, 16);
  c.check([&](Ops& ops) { ops.hc_pre(streams, params, kHc, u, post, comb); }, {u, post, comb}, 44 + 24 + 11);

  GradientCase h(111);
  h.residual = Residual::kUnconstrained;
  const Mat last = h.input(3, 4 * 11);
  const HcParams of_head = hc_params(h, 4, 1, 11, 0.7f);
  const Mat out = h.scratch(3, 11);
  h.check([&](Ops& ops) { ops.hc_head(last, of_head, kHc, out); }, {out}, 44 + 11);
}

// Four equal streams are one: reading, writing back and the head are x + f(x), and the parameters rest.
TEST(OpGradients, PlainResiduals) {
  constexpr int64_t d = 11;
  GradientCase c(112);
  c.residual = Residual::kPlain;
  const Mat x = c.input(3, d), y = c.input(3, d);
  GradientCase unused(113);
  const HcParams params = hc_params(unused, 24, 3, d, 0.7f), of_head = hc_params(unused, 4, 1, d, 0.7f);
  const Mat streams = c.scratch(3, 4 * d), u = c.scratch(3, d), post = c.scratch(3, 4);
  const Mat comb = c.scratch(3, 16), out = c.scratch(3, d);
  std::vector<std::pair<float, float>> sums;
  c.check(
      [&](Ops& ops) {
        ops.hc_expand(x, 4, streams);
        ops.hc_pre(streams, params, kHc, u, post, comb);
        ops.hc_post(streams, y, post, comb);
        ops.hc_head(streams, of_head, kHc, out);
        if (!sums.empty()) return;
        for (int64_t i = 0; i < 3 * d; ++i) sums.emplace_back(out.data[i], x.data[i] + y.data[i]);
      },
      {u, out}, 4 * d);
  for (const auto& [got, expected] : sums) EXPECT_FLOAT_EQ(got, expected);
}

TEST(StreamGain, MultipliesTheMatrices) {
  Buffer memory(2 * 16);
  const Mat comb = memory.mat(2, 16);
  for (int64_t i = 0; i < 16; ++i) comb.row(0)[i] = i % 5 == 0 ? 1.0f : i == 1 ? -0.5f : 0.0f;
  StreamGain gain;
  EXPECT_EQ(gain.value(), 1);
  gain.begin(2);
  gain.mix(comb);
  EXPECT_DOUBLE_EQ(gain.value(), 1.5);  // stream 1 gets itself less half of stream 0
  gain.mix(comb);
  EXPECT_DOUBLE_EQ(gain.value(), 2);
}

TEST(OpGradients, HcPost) {
  GradientCase c(11);
  const Mat streams = c.input(3, 4 * 11);
  const Mat y = c.input(3, 11), post = c.input(3, 4), comb = c.input(3, 16);
  c.check([&](Ops& ops) { ops.hc_post(streams, y, post, comb); }, {streams}, 11 + 8);
}

TEST(OpGradients, HcHead) {
  GradientCase c(12);
  const Mat streams = c.input(3, 4 * 11);
  const HcParams params = hc_params(c, 4, 1, 11, 0.7f);
  const Mat u = c.scratch(3, 11);
  c.check([&](Ops& ops) { ops.hc_head(streams, params, kHc, u); }, {u}, 44 + 11);
}

// Two blocks of ratio 4 with overlap: slots of neighbouring blocks share rows.
TEST(OpGradients, CompressorPoolWithApe) {
  GradientCase c(13);
  const int64_t dim = 6;
  const Mat kv = c.input(8, 2 * dim), score = c.input(8, 2 * dim);
  const std::byte* const ape = c.parameter(4 * 2 * dim);
  const Mat out = c.scratch(2, dim);
  std::vector<const float*> slots;
  for (const Mat& m : {kv, score})
    for (int64_t t = 0; t < 4; ++t) slots.push_back(m.row(t) + dim);
  for (const Mat& m : {kv, score})
    for (int64_t t = 0; t < 8; ++t) slots.push_back(m.row(t) + (t < 4 ? 0 : dim));
  const std::vector<PoolSlots> blocks{{slots.data(), slots.data() + 4, 4},
                                      {slots.data() + 8, slots.data() + 16, 8}};
  c.check(
      [&](Ops& ops) {
        ops.add_ape(score, ape, 4, 0);
        ops.compressor_pool(blocks, out);
      },
      {out}, 8 * 3 + 8);
}

TEST(OpGradients, SparseAttentionWithSink) {
  GradientCase c(14);
  const int64_t head_dim = 20, heads = 3;
  const Mat kv = c.input(8, head_dim), entries = c.input(2, head_dim), q = c.input(4, heads * head_dim);
  const std::byte* const sink = c.parameter(heads);
  const Mat out = c.scratch(4, heads * head_dim);
  std::vector<float> stored(10 * head_dim);
  std::vector<std::byte*> rows;
  for (int64_t i = 0; i < 10; ++i) rows.push_back(reinterpret_cast<std::byte*>(stored.data() + i * head_dim));
  const std::vector<std::vector<const std::byte*>> seen{
      {rows[0]}, {rows[0], rows[1]}, {rows[1], rows[2], rows[8]}, {rows[3], rows[4], rows[8], rows[9]}};
  const KvRow row = v4_kv_row(EntryFormat::kF32, head_dim);
  const KeyForms forms{row, row};
  std::vector<KeyRows> keys;
  for (const auto& of_token : seen) keys.push_back({of_token.data(), static_cast<int64_t>(of_token.size())});
  c.check(
      [&](Ops& ops) {
        ops.store_kv(kv, forms.window, std::span(rows).first(8));
        ops.store_kv(entries, forms.entries, std::span(rows).subspan(8));
        ops.sparse_attention(q, keys, forms, sink, 0.3f, out);
      },
      {out}, 20 * 2 + 4 * 3 + 8);
}

TEST(OpGradients, MoeRouteByScore) {
  GradientCase c(15);
  const Mat logits = c.input(6, 5, 0, 2);
  const Mat chosen = c.scratch(6, 2);
  const Mat bias = c.scratch(1, 5);
  c.fill(bias, 0, 0.5f);
  std::vector<int32_t> ids(12);
  const Ops::RouteParams params{reinterpret_cast<const std::byte*>(bias.data), nullptr, 2, 1.5f};
  const std::vector<int32_t> tokens(6);
  c.check([&](Ops& ops) { ops.moe_route(logits, params, tokens, ids.data(), chosen.data); }, {chosen}, 24);
}

TEST(OpGradients, MoeRouteByHash) {
  GradientCase c(16);
  const Mat logits = c.input(3, 5, 0, 2);
  const Mat chosen = c.scratch(3, 2);
  const std::vector<int64_t> table{4, 1, 0, 3};
  std::vector<int32_t> ids(6);
  const Ops::RouteParams params{nullptr, reinterpret_cast<const std::byte*>(table.data()), 2, 1.5f};
  const std::vector<int32_t> tokens{1, 0, 1};
  c.check([&](Ops& ops) { ops.moe_route(logits, params, tokens, ids.data(), chosen.data); }, {chosen}, 24);
}

TEST(OpGradients, MoeWithClamp) {
  GradientCase c(17);
  const int64_t d = 7, inner = 6;
  const Mat x = c.input(5, d), weights = c.input(5, 2, 0.7f, 0.1f);
  std::vector<ExpertWeights> experts;
  for (int i = 0; i < 4; ++i)
    experts.push_back({c.weight(inner, d, 0.6f), c.weight(d, inner, 0.6f), c.weight(inner, d, 0.6f)});
  const ExpertWeights shared = experts.back();
  experts.pop_back();
  const Mat out = c.scratch(5, d);
  const std::vector<int32_t> ids{0, 1, 0, 2, 1, 2, 0, 1, 0, 2};
  // A limit that cuts some of the values off: 1 is less than one standard deviation of both products.
  c.check([&](Ops& ops) { ops.moe(x, ids.data(), weights.data, 2, experts, shared, 1.0f, out); }, {out},
          7 + 6 + 5 + 16);
}

}  // namespace
}  // namespace hadal
