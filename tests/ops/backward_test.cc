// Every fast gradient against the reference loops, bit for bit, on every instruction set and number of
// threads; what the reference computes is checked by tests/train.
#include "ops/backward.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <random>

#include "ops/op_check.h"

namespace hadal {
namespace {

// run(backward) -> all gradients, one after another.
void expect_same_gradients(const std::function<std::vector<float>(BackwardOps&)>& run) {
  const DeviceOptions plain{Numerics::kFp32, Isa::kReference, 1};
  const auto plain_ops = make_ops(plain);
  const std::vector<float> expected = run(*make_backward(plain, *plain_ops));
  for_each_fast_isa([&](Isa isa) {
    for (const int threads : {1, 2, 3}) {
      const DeviceOptions options{Numerics::kFp32, isa, threads};
      const auto ops = make_ops(options);
      const std::vector<float> got = run(*make_backward(options, *ops));
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i)
        ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(expected[i]))
            << threads << " threads, value " << i << ": " << got[i] << " for " << expected[i];
    }
  });
}

std::vector<float> joined(std::initializer_list<const std::vector<float>*> parts) {
  std::vector<float> all;
  for (const std::vector<float>* part : parts) all.insert(all.end(), part->begin(), part->end());
  return all;
}

const std::byte* bytes_of(const std::vector<float>& values) {
  return reinterpret_cast<const std::byte*>(values.data());
}

Weight weight_of(const std::vector<float>& values, int64_t out) {
  const auto in = static_cast<int64_t>(values.size()) / out;
  return {WeightFormat::kF32, ScaleFormat::kE8M0, out, in, bytes_of(values), nullptr};
}

TEST(Backward, LinearWithTailsAndGroups) {
  struct Shape {
    int64_t tokens, out, in, groups;
  };
  for (const Shape& s : {Shape{1, 1, 1, 1}, Shape{5, 7, 3, 1}, Shape{13, 33, 17, 1}, Shape{300, 40, 70, 1},
                         Shape{150, 24, 1100, 1}, Shape{40, 6 * 13, 35, 6}, Shape{300, 257, 65, 1}}) {
    std::vector<float> x = random_values(s.tokens * s.in * s.groups, 1);
    std::vector<float> d_out = random_values(s.tokens * s.out, 2);
    const std::vector<float> w = random_values(s.out * s.in, 3);
    expect_same_gradients([&](BackwardOps& ops) {
      std::vector<float> d_x = random_values(s.tokens * s.in * s.groups, 4),
                         d_w = random_values(s.out * s.in, 5);
      ops.linear_grouped(as_mat(x, s.tokens), weight_of(w, s.out), s.groups, as_mat(d_out, s.tokens),
                         as_mat(d_x, s.tokens), d_w.data());
      return joined({&d_x, &d_w});
    });
  }
}

TEST(Backward, Norms) {
  for (const int64_t n : {1, 15, 64, 193}) {
    std::vector<float> x = random_values(7 * n, 1), d_out = random_values(7 * n, 2);
    const std::vector<float> w = random_values(n, 3);
    expect_same_gradients([&](BackwardOps& ops) {
      std::vector<float> d_x = random_values(7 * n, 4), d_w = random_values(n, 5), d_heads = d_x;
      ops.rms_norm(as_mat(x, 7), {bytes_of(w), false, n}, 1e-6f, as_mat(d_out, 7), as_mat(d_x, 7),
                   d_w.data());
      ops.head_rms_norm(as_mat(x, 7), n, 1e-6f, as_mat(d_out, 7), as_mat(d_heads, 7));
      return joined({&d_x, &d_w, &d_heads});
    });
  }
}

TEST(Backward, HyperConnections) {
  for (const int64_t d : {1, 21, 96}) {
    const int64_t tokens = 9;
    std::vector<float> x = random_values(tokens * 4 * d, 1), y = random_values(tokens * d, 2),
                       d_u = random_values(tokens * d, 3), post = random_values(tokens * 4, 4),
                       comb = random_values(tokens * 16, 5);
    const std::vector<float> fn = random_values(24 * 4 * d, 6, 0.3f), base = random_values(24, 7),
                             scale = random_values(3, 8);
    HcParams params{weight_of(fn, 24), bytes_of(base), bytes_of(scale)};
    HcParams head_params{weight_of(fn, 24), bytes_of(base), bytes_of(scale)};
    head_params.fn.out = 4;
    expect_same_gradients([&](BackwardOps& ops) {
      std::vector<float> d_x = random_values(tokens * 4 * d, 9), d_fn(fn.size()), d_base(24), d_scale(3);
      ops.hc_pre(as_mat(x, tokens), params, {}, as_mat(d_u, tokens), as_mat(post, tokens),
                 as_mat(comb, tokens), as_mat(d_x, tokens), {d_fn.data(), d_base.data(), d_scale.data()});
      ops.hc_head(as_mat(x, tokens), head_params, {}, as_mat(d_u, tokens), as_mat(d_x, tokens),
                  {d_fn.data(), d_base.data(), d_scale.data()});
      std::vector<float> d_y(y.size()), d_post(post.size()), d_comb(comb.size());
      ops.hc_post(as_mat(x, tokens), as_mat(y, tokens), as_mat(post, tokens), as_mat(comb, tokens),
                  as_mat(d_x, tokens), as_mat(d_y, tokens), as_mat(d_post, tokens), as_mat(d_comb, tokens));
      return joined({&d_x, &d_fn, &d_base, &d_scale, &d_y, &d_post, &d_comb});
    });
  }
}

TEST(Backward, CompressorPool) {
  const int64_t dim = 70;
  std::vector<float> kv = random_values(16 * dim, 1), score = random_values(16 * dim, 2, 3.0f),
                     d_out = random_values(3 * dim, 3);
  expect_same_gradients([&](BackwardOps& ops) {
    std::vector<float> d_kv(kv.size()), d_score(score.size());
    std::vector<std::vector<const float*>> slots(3);
    std::vector<std::vector<float*>> d_slots(3);
    std::vector<PoolSlots> blocks;
    std::vector<BackwardOps::PoolGradients> d_blocks;
    for (int64_t b = 0; b < 3; ++b) {
      for (const int64_t row : {4 * b, 4 * b + 1, 4 * b + 5, 4 * b + 7})
        slots[b].push_back(kv.data() + row * dim);
      for (const int64_t row : {4 * b, 4 * b + 1, 4 * b + 5, 4 * b + 7})
        slots[b].push_back(score.data() + row * dim);
      for (size_t i = 0; i < 4; ++i) d_slots[b].push_back(d_kv.data() + (slots[b][i] - kv.data()));
      for (size_t i = 4; i < 8; ++i) d_slots[b].push_back(d_score.data() + (slots[b][i] - score.data()));
      blocks.push_back({slots[b].data(), slots[b].data() + 4, 4});
      d_blocks.push_back({d_slots[b].data(), d_slots[b].data() + 4});
    }
    ops.compressor_pool(blocks, as_mat(d_out, 3), d_blocks);
    return joined({&d_kv, &d_score});
  });
}

TEST(Backward, SparseAttention) {
  for (const int64_t heads : {1, 3, 8}) {
    const int64_t c = 128, tokens = 140, rows = 90;
    std::vector<float> q = random_values(tokens * heads * c, 1), keys = random_values(rows * c, 2),
                       out = random_values(tokens * heads * c, 3),
                       d_out = random_values(tokens * heads * c, 4);
    const std::vector<float> sink = random_values(heads, 5);
    std::vector<int64_t> begin{0};
    std::vector<int32_t> lists;
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t i = 0; i <= t % 37; ++i) lists.push_back(static_cast<int32_t>((t + i * 7) % rows));
      begin.push_back(static_cast<int64_t>(lists.size()));
    }
    expect_same_gradients([&](BackwardOps& ops) {
      std::vector<float> d_q = random_values(tokens * heads * c, 6), d_keys(keys.size()), d_sink(heads),
                         mass(lists.size());
      ops.sparse_attention(as_mat(q, tokens), as_mat(keys, rows), {begin.data(), lists.data()},
                           bytes_of(sink), 0.1f, as_mat(out, tokens), as_mat(d_out, tokens),
                           as_mat(d_q, tokens), as_mat(d_keys, rows), d_sink.data(), mass.data());
      return joined({&d_q, &d_keys, &d_sink, &mass});
    });
  }
}

TEST(Backward, IndexKl) {
  const int64_t heads = 3, tokens = 60, rows = 40;
  std::vector<float> q = random_values(tokens * heads * kIndexDim, 1), w = random_values(tokens * heads, 2),
                     keys = random_values(rows * kIndexDim, 3);
  std::vector<int64_t> begin{0};
  std::vector<int32_t> lists;
  std::vector<float> target;
  for (int64_t t = 0; t < tokens; ++t) {
    const int64_t count = t % 23;  // none at times
    for (int64_t i = 0; i < count; ++i) {
      lists.push_back(static_cast<int32_t>((t + i * 3) % rows));
      target.push_back(i == 1 ? 0.0f : 1.0f / static_cast<float>(count == 1 ? 1 : count - 1));
    }
    begin.push_back(static_cast<int64_t>(lists.size()));
  }
  expect_same_gradients([&](BackwardOps& ops) {
    std::vector<float> d_q = random_values(tokens * heads * kIndexDim, 4), d_w(w.size()), d_keys(keys.size());
    const double loss = ops.index_kl(as_mat(q, tokens), as_mat(w, tokens), 0.1f, as_mat(keys, rows),
                                     {begin.data(), lists.data()}, target.data(), 0.3f, as_mat(d_q, tokens),
                                     as_mat(d_w, tokens), as_mat(d_keys, rows));
    const std::vector<float> of_loss{static_cast<float>(loss)};
    EXPECT_GT(loss, 0);
    return joined({&of_loss, &d_q, &d_w, &d_keys});
  });
}

TEST(Backward, MoeAndCrossEntropy) {
  const int64_t tokens = 50, d = 37, inner = 29;
  std::vector<float> x = random_values(tokens * d, 1), d_out = random_values(tokens * d, 2),
                     weights = random_values(tokens * 2, 3);
  const std::vector<float> w = random_values(4 * 3 * inner * d, 4, 0.4f);
  std::vector<int32_t> ids;
  for (int32_t t = 0; t < tokens; ++t) ids.insert(ids.end(), {t % 2, 2});
  const auto expert = [&](int64_t e) {
    const auto part = [&](int64_t i, int64_t out, int64_t in) {
      return Weight{WeightFormat::kF32,
                    ScaleFormat::kE8M0,
                    out,
                    in,
                    bytes_of(w) + (e * 3 + i) * inner * d * 4,
                    nullptr};
    };
    return ExpertWeights{part(0, inner, d), part(1, d, inner), part(2, inner, d)};
  };
  const std::vector<ExpertWeights> experts{expert(0), expert(1), expert(2)};
  expect_same_gradients([&](BackwardOps& ops) {
    std::vector<float> d_x(x.size()), d_weights(weights.size()), d_w(w.size());
    std::vector<ExpertGradients> grads;
    for (int64_t e = 0; e < 4; ++e) {
      float* const at = d_w.data() + e * 3 * inner * d;
      grads.push_back({at, at + inner * d, at + 2 * inner * d});
    }
    ops.moe(as_mat(x, tokens), ids.data(), weights.data(), 2, experts, expert(3), 1.5f, as_mat(d_out, tokens),
            as_mat(d_x, tokens), as_mat(d_weights, tokens), {grads.data(), 3}, grads[3]);
    return joined({&d_x, &d_weights, &d_w});
  });
  std::vector<float> logits = random_values(tokens * d, 5, 4.0f);
  std::vector<int32_t> targets(tokens);
  for (int32_t t = 0; t < tokens; ++t) targets[t] = t % 5 == 0 ? -1 : t % 37;
  expect_same_gradients([&](BackwardOps& ops) {
    std::vector<float> losses(tokens), d_logits(logits.size());
    ops.cross_entropy(as_mat(logits, tokens), targets, std::span<const float>(weights).first(tokens), losses,
                      as_mat(d_logits, tokens));
    return joined({&losses, &d_logits});
  });
}

TEST(Backward, NewtonSchulz) {
  std::vector<BackwardOps::NewtonSchulz> steps(8, {3.4445f, -4.7750f, 2.0315f});
  steps.resize(10, {2.0f, -1.5f, 0.5f});
  const std::vector<float> wide = random_values(20 * 45, 1), high = random_values(130 * 67, 2);
  expect_same_gradients([&](BackwardOps& ops) {
    std::vector<float> x = wide, y = high;
    const Mat matrices[] = {as_mat(x, 20), as_mat(y, 130)};
    ops.newton_schulz(matrices, steps);
    // The rows of the wide one are orthonormal now: the last two steps take singular values to 1
    // quadratically.
    for (int64_t i = 0; i < 20; ++i) {
      for (int64_t j = 0; j < 20; ++j) {
        double product = 0;
        for (int64_t k = 0; k < 45; ++k) product += static_cast<double>(x[i * 45 + k]) * x[j * 45 + k];
        EXPECT_NEAR(product, i == j ? 1 : 0, 0.05);
      }
    }
    return joined({&x, &y});
  });
}

}  // namespace
}  // namespace hadal
