// The absorbed halves of MLA: the formula in double, and the same bits everywhere, over odd sizes and every
// format.
#include "ops/op_check.h"

namespace hadal {
namespace {

struct Sizes {
  int64_t heads, nope, rope, value, latent;
};

TEST(Mla, AbsorbsAndExpandsLikeTheExpandedForm) {
  const Sizes n{3, 20, 6, 17, 44};
  const int64_t per_head = n.nope + n.value;
  std::vector<float> w = random_values(n.heads * per_head * n.latent, 1);
  const Weight weight{
      .out = n.heads * per_head, .in = n.latent, .data = reinterpret_cast<const std::byte*>(w.data())};
  std::vector<float> q = random_values(n.heads * (n.nope + n.rope), 2), latent = random_values(n.latent, 3);
  std::vector<float> absorbed(n.heads * (n.latent + n.rope)), values(n.heads * n.value);
  ReferenceOps ops(Numerics::kFp32);
  ops.mla_absorb(as_mat(q, 1), weight, n.nope, n.rope, as_mat(absorbed, 1));
  std::vector<float> o;
  for (int64_t h = 0; h < n.heads; ++h) {
    o.insert(o.end(), latent.begin(), latent.end());
    o.insert(o.end(), n.rope, 1e9f);  // not read
  }
  ops.mla_values(as_mat(o, 1), weight, n.nope, n.rope, as_mat(values, 1));
  const auto row_times_latent = [&](int64_t row) {
    double sum = 0;
    for (int64_t c = 0; c < n.latent; ++c) sum += static_cast<double>(w[row * n.latent + c]) * latent[c];
    return sum;
  };
  for (int64_t h = 0; h < n.heads; ++h) {
    double expanded = 0;
    double seen = 0;
    for (int64_t i = 0; i < n.nope; ++i)
      expanded += q[h * (n.nope + n.rope) + i] * row_times_latent(h * per_head + i);
    for (int64_t c = 0; c < n.latent; ++c)
      seen += static_cast<double>(absorbed[h * (n.latent + n.rope) + c]) * latent[c];
    // Each of the 44 sums of 20 terms is wrong by at most 20 roundings of their magnitudes, which stay below
    // 200.
    EXPECT_NEAR(seen, expanded, 44 * 20 * 200 * kUnit);
    for (int64_t i = 0; i < n.rope; ++i)
      EXPECT_EQ(absorbed[h * (n.latent + n.rope) + n.latent + i], q[h * (n.nope + n.rope) + n.nope + i]);
    for (int64_t i = 0; i < n.value; ++i)
      EXPECT_NEAR(values[h * n.value + i], row_times_latent(h * per_head + n.nope + i), 44 * 200 * kUnit);
  }
}

TEST(Mla, SameBitsEverywhere) {
  for (const Sizes& n : {Sizes{3, 20, 6, 17, 44}, Sizes{4, 64, 64, 64, 128}, Sizes{2, 128, 64, 128, 512}}) {
    for (const Stored stored : {Stored::kF32, Stored::kBF16, Stored::kFp8, Stored::kFp8F32Scales,
                                Stored::kFp4, Stored::kFp8Tiles32}) {
      if (stored == Stored::kFp4 && n.latent % 32 != 0) continue;
      const RandomWeight weight(stored, n.heads * (n.nope + n.value), n.latent, 4);
      for (const int64_t tokens : {1, 2, 5, 9}) {
        SCOPED_TRACE(testing::Message()
                     << stored_name(stored) << ", " << n.latent << " wide, " << tokens << " tokens");
        expect_same_bits(Numerics::kFp32, [&](Ops& ops) {
          std::vector<float> q = random_values(tokens * n.heads * (n.nope + n.rope), 5);
          std::vector<float> o = random_values(tokens * n.heads * (n.latent + n.rope), 6);
          std::vector<float> absorbed(o.size()), values(tokens * n.heads * n.value);
          ops.mla_absorb(as_mat(q, tokens), weight.weight(), n.nope, n.rope, as_mat(absorbed, tokens));
          ops.mla_values(as_mat(o, tokens), weight.weight(), n.nope, n.rope, as_mat(values, tokens));
          absorbed.insert(absorbed.end(), values.begin(), values.end());
          return absorbed;
        });
      }
    }
  }
}

}  // namespace
}  // namespace hadal
