// Compressors and what the state keeps: formulas in double, slots without a token, and the same bits
// everywhere.
#include <limits>

#include "ops/op_check.h"
#include "quant/index_key.h"
#include "quant/kv_entry.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

// Blocks of `slots` slots, `empty` of which are before the first token.
struct Blocks {
  Blocks(int64_t count, int64_t slots, int64_t dim, int64_t empty, uint64_t seed)
      : kv(random_values(count * slots * dim, seed)),
        score(random_values(count * slots * dim, seed + 1, 4.0f)) {
    for (int64_t i = 0; i < empty * dim; ++i) {
      kv[i] = 0;
      score[i] = -kInf;
    }
    for (int64_t i = 0; i < count * slots; ++i) {
      kv_rows.push_back(kv.data() + i * dim);
      score_rows.push_back(score.data() + i * dim);
    }
    for (int64_t b = 0; b < count; ++b)
      blocks.push_back({kv_rows.data() + b * slots, score_rows.data() + b * slots, slots});
  }
  std::vector<float> kv, score;
  std::vector<const float*> kv_rows, score_rows;
  std::vector<PoolSlots> blocks;
};

TEST(Compressor, BiasWrapsAround) {
  std::vector<float> score(5 * 3), ape(4 * 3);
  for (int i = 0; i < 12; ++i) ape[i] = static_cast<float>(i);
  const OddBytes<float> bytes(ape);
  ReferenceOps(Numerics::kFp32).add_ape(as_mat(score, 5), bytes.data(), 4, 6);
  for (int t = 0; t < 5; ++t) {
    for (int c = 0; c < 3; ++c) EXPECT_EQ(score[3 * t + c], static_cast<float>((6 + t) % 4 * 3 + c));
  }
}

TEST(Compressor, PoolIsASoftmaxMean) {
  const int64_t dim = 40;
  const int64_t slots = 128;
  const Blocks blocks(2, slots, dim, 4, 1);
  std::vector<float> out(2 * dim);
  ReferenceOps(Numerics::kFp32).compressor_pool(blocks.blocks, as_mat(out, 2));
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t c = 0; c < dim; ++c) {
      double sum = 0;
      double weighted = 0;
      double magnitude = 0;
      for (int64_t s = 0; s < slots; ++s) {
        const double p = std::exp(static_cast<double>(blocks.score_rows[b * slots + s][c]));
        sum += p;
        weighted += p * blocks.kv_rows[b * slots + s][c];
        magnitude += p * std::abs(blocks.kv_rows[b * slots + s][c]);
      }
      // Each p carries the rounding of s - M (|s - M| < 64) and 2 of exp; the sums add one a slot.
      EXPECT_NEAR(out[b * dim + c], weighted / sum, magnitude / sum * 2 * (64 + 3 + slots) * kUnit);
    }
  }
}

TEST(Compressor, OneSlotAndEmptySlotsAreExact) {
  const Blocks one(1, 8, 20, 7, 2);  // seven of eight are empty
  std::vector<float> out(20);
  ReferenceOps(Numerics::kFp32).compressor_pool(one.blocks, as_mat(out, 1));
  for (int c = 0; c < 20; ++c) EXPECT_EQ(out[c], one.kv_rows[7][c]);
  OfficialOps().compressor_pool(one.blocks, as_mat(out, 1));
  for (int c = 0; c < 20; ++c) EXPECT_EQ(out[c], round_to_bf16(one.kv_rows[7][c]));
}

TEST(Compressor, SameBitsEverywhere) {
  for (const int64_t dim : {1, 17, 128, 512}) {
    for (const int64_t slots : {1, 8, 128}) {
      for (const int64_t count : {0, 1, 3, 10}) {
        SCOPED_TRACE(testing::Message() << count << " blocks of " << slots << " x " << dim);
        const Blocks blocks(count, slots, dim, count > 0 && slots > 4 ? 4 : 0, 3);
        const OddBytes<float> ape(random_values(slots * dim, 4));
        expect_same_bits(Numerics::kStored, [&](Ops& ops) {
          RandomRows out(count, dim, 5), score(count * 3, dim, 6);
          ops.compressor_pool(blocks.blocks, out.mat());
          ops.add_ape(score.mat(), ape.data(), slots, 1001);
          std::vector<float> all = out.values();
          all.insert(all.end(), score.values().begin(), score.values().end());
          return all;
        });
      }
    }
  }
}

TEST(Compressor, ExponentialsHaveTheSameBitsOnAllLanes) {
  // Two slots, scores 0 and x <= 0: the result is e^x / (1 + e^x). Every exponent of x, and what lies at the
  // edges.
  const int64_t dim = 1 << 20;
  std::mt19937_64 random(11);
  std::vector<float> kv(2 * dim), score(2 * dim);
  for (int64_t c = 0; c < dim; ++c) {
    kv[dim + c] = 1;
    score[dim + c] =
        -std::ldexp(static_cast<float>(random() % (1 << 24)), static_cast<int>(random() % 48) - 40);
  }
  const float edges[] = {-0.0f,  -kInf,   -87.3365448f, -87.336555f, -87.33653f,
                         -1e38f, -1e-45f, -0.34657359f, -0.5f};
  std::copy(std::begin(edges), std::end(edges), score.begin() + dim);
  const float* const kv_rows[] = {kv.data(), kv.data() + dim};
  const float* const score_rows[] = {score.data(), score.data() + dim};
  const PoolSlots slots{kv_rows, score_rows, 2};
  expect_same_bits(Numerics::kFp32, [&](Ops& ops) {
    std::vector<float> out(dim);
    ops.compressor_pool({&slots, 1}, as_mat(out, 1));
    return out;
  });
}

TEST(Store, RowsHaveTheFormOfTheNumerics) {
  EXPECT_EQ(v4_kv_row(EntryFormat::kF32, 512).bytes(), 2048);
  EXPECT_EQ(v4_kv_row(EntryFormat::kStored, 512).bytes(), 583);
  EXPECT_EQ(v4_index_keys(EntryFormat::kF32).bytes(17), 17 * 512);
  EXPECT_EQ(v4_index_keys(EntryFormat::kStored).bytes(17), 32 * 68);

  std::vector<float> kv = random_values(192, 7), key = random_values(128, 8), read(192);
  std::vector<std::byte> row(192 * 4), keys(20 * 512);
  std::byte* const rows[] = {row.data()};
  ReferenceOps fp32(Numerics::kFp32);
  fp32.store_kv(as_mat(kv, 1), v4_kv_row(EntryFormat::kF32, 192), rows);
  fp32.store_index_keys(as_mat(key, 1), 19, v4_index_keys(EntryFormat::kF32), keys.data());
  EXPECT_EQ(std::memcmp(row.data(), kv.data(), 192 * 4), 0);
  EXPECT_EQ(std::memcmp(keys.data() + 19 * 512, key.data(), 512), 0);

  const KvRow form = v4_kv_row(EntryFormat::kStored, 192);
  const IndexKeyForm key_form = v4_index_keys(EntryFormat::kStored);
  for (const Numerics numerics : {Numerics::kStored, Numerics::kNative}) {
    ReferenceOps stored(numerics);
    stored.store_kv(as_mat(kv, 1), form, rows);
    decode_kv_row(form, row.data(), read.data());
    // e4m3 keeps 4 bits, and what is 2^9 below the largest keeps fewer.
    for (int i = 0; i < 128; ++i) EXPECT_NEAR(read[i], kv[i], std::abs(kv[i]) / 16 + 0.01);
    for (int i = 128; i < 192; ++i) EXPECT_EQ(read[i], round_to_bf16(kv[i]));
    stored.store_index_keys(as_mat(key, 1), 19, key_form, keys.data());
    decode_index_key(key_form, keys.data(), 19, read.data());
    for (int i = 0; i < 128; ++i) EXPECT_NEAR(read[i], key[i], 1.1);
  }
}

TEST(Store, SameBitsEverywhere) {
  for (const Numerics numerics : {Numerics::kFp32, Numerics::kStored}) {
    for (const int64_t count : {0, 1, 2, 50}) {
      expect_same_bits(numerics, [&](Ops& ops) {
        RandomRows kv(count, 192, 9), keys(count, 128, 10);
        std::vector<std::byte> bytes(count * 192 * 4 + (count + 20) * 512);
        std::vector<std::byte*> rows;
        for (int64_t t = 0; t < count; ++t) rows.push_back(bytes.data() + (count - 1 - t) * 192 * 4);
        ops.store_kv(kv.mat(), v4_kv_row(ops.entry_format(), 192), rows);
        ops.store_index_keys(keys.mat(), 13, v4_index_keys(ops.entry_format()),
                             bytes.data() + count * 192 * 4);
        return bytes;
      });
    }
  }
}

}  // namespace
}  // namespace hadal
