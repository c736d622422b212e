// The indexer (ops/ops.h, index_topk) on sixteen lanes. Included inside the namespace of an instruction set, after its
// lanes header and the sizes kIndexHeads x kIndexTiles, which say how many sums its registers hold.
//
// A lane is a key: the codes of a tile lie so that 8 dimensions of 16 keys meet the same dimensions of a query in one
// instruction. The sums of codes are exact integers; the sums over blocks and heads keep the order of the definition.

// Codes of the block's 32 values under 2^-e, doubled: integers in -12..12 as e2m1 rounds them.
inline I32x16 doubled_e2m1(F32x16 x, F32x16 inverse) {
  const F32x16 scaled = x * inverse;
  const F32x16 m = min(abs(scaled), splat(6.0f));
  // The grid has steps of 1/2 below 2, of 1 below 4, of 2 above; ties go to the even code.
  const F32x16 small = nearbyint(m + m);
  const F32x16 middle = nearbyint(m) * splat(2.0f);
  const F32x16 large = nearbyint(m * splat(0.5f)) * splat(4.0f);
  const F32x16 doubled = select(m < splat(2.0f), small, select(m < splat(4.0f), middle, large));
  const I32x16 sign = bits_of(scaled) & splat_i32(INT32_MIN);
  return to_int_nearest(float_of_bits(bits_of(doubled) | sign));
}

inline void quantise(const float* q, int64_t heads, IndexQuery* queries) {
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t block = 0; block < 4; ++block) {
      const F32x16 lo = load(q + h * kIndexDim + block * 32);
      const F32x16 hi = load(q + h * kIndexDim + block * 32 + 16);
      const int e = fp4_scale_exponent(max_lane(max(abs(lo), abs(hi))));
      const F32x16 inverse = splat(std::bit_cast<float>((127 - e) << 23));
      const I32x16 codes_lo = doubled_e2m1(lo, inverse);
      const I32x16 codes_hi = doubled_e2m1(hi, inverse);
      IndexQuery& query = queries[h];
      store_even_odd(query.even + block * 16, query.odd + block * 16, codes_lo);
      store_even_odd(query.even + block * 16 + 8, query.odd + block * 16 + 8, codes_hi);
      int32_t sums[16];
      store_i32(sums, codes_lo + codes_hi);
      int32_t sum = 0;
      for (const int32_t lane : sums) sum += lane;
      query.bias[block] = -12 * sum;
      query.scale[block] = std::bit_cast<float>((127 + e) << 23);
    }
  }
}

// Signed integers in the order of the scores: score_key() of ops/reference/index_topk.h with its top bit turned.
inline I32x16 ordered(F32x16 scores) {
  const I32x16 bits = bits_of(scores + zeros());
  return bits ^ shift_right<1>(shift_right_signed<31>(bits));
}

struct IndexTile {
  Bytes64 even[16];
  Bytes64 odd[16];
  F32x16 quarter_scale[4];
};

inline void unpack(const std::byte* stored, IndexTile& tile) {
#pragma GCC unroll 16
  for (int64_t step = 0; step < 16; ++step) split_e2m1(load_bytes(stored + step * 64), tile.even[step], tile.odd[step]);
#pragma GCC unroll 4
  for (int64_t block = 0; block < 4; ++block)
    tile.quarter_scale[block] = splat(0.25f) * load_e8m0(stored + 1024 + block * 16);
}

// score += the weighted products of kIndexHeads heads with the keys of the tiles, where they are positive.
[[gnu::always_inline]] inline void add_heads(const IndexQuery* queries, const float* w, const IndexTile* tiles,
                                             F32x16 (&score)[kIndexTiles]) {
  F32x16 qk[kIndexHeads][kIndexTiles];
#pragma GCC unroll 4
  for (int64_t h = 0; h < kIndexHeads; ++h) {
#pragma GCC unroll 4
    for (int64_t t = 0; t < kIndexTiles; ++t) qk[h][t] = zeros();
  }
  for (int64_t block = 0; block < 4; ++block) {
    I32x16 n[kIndexHeads][kIndexTiles];
#pragma GCC unroll 4
    for (int64_t h = 0; h < kIndexHeads; ++h) {
#pragma GCC unroll 4
      for (int64_t t = 0; t < kIndexTiles; ++t) n[h][t] = splat_i32(queries[h].bias[block]);
    }
#pragma GCC unroll 4
    for (int64_t step = 4 * block; step < 4 * block + 4; ++step) {
#pragma GCC unroll 4
      for (int64_t h = 0; h < kIndexHeads; ++h) {
        const Bytes64 even = splat_bytes(queries[h].even + 4 * step);
        const Bytes64 odd = splat_bytes(queries[h].odd + 4 * step);
#pragma GCC unroll 4
        for (int64_t t = 0; t < kIndexTiles; ++t)
          n[h][t] = dot_bytes(n[h][t], tiles[t].even[step], tiles[t].odd[step], even, odd);
      }
    }
#pragma GCC unroll 4
    for (int64_t h = 0; h < kIndexHeads; ++h) {
#pragma GCC unroll 4
      for (int64_t t = 0; t < kIndexTiles; ++t)
        qk[h][t] = fma(to_float(n[h][t]), splat(queries[h].scale[block]) * tiles[t].quarter_scale[block], qk[h][t]);
    }
  }
#pragma GCC unroll 4
  for (int64_t h = 0; h < kIndexHeads; ++h) {
#pragma GCC unroll 4
    for (int64_t t = 0; t < kIndexTiles; ++t) score[t] = fma(splat(w[h]), max(qk[h][t], zeros()), score[t]);
  }
}

inline void scores_stored(const IndexJob& job, int64_t first, int64_t last) {
  static_assert(kIndexStepKeys % (kIndexTiles * kIndexTileKeys) == 0 && kIndexHeadGrain % kIndexHeads == 0);
  const int64_t last_tile = (job.count - 1) / kIndexTileKeys;
  for (int64_t key = first; key < last; key += kIndexTiles * kIndexTileKeys) {
    IndexTile tiles[kIndexTiles];
    F32x16 score[kIndexTiles];
    for (int64_t t = 0; t < kIndexTiles; ++t) {
      const int64_t tile = std::min(key / kIndexTileKeys + t, last_tile);
      unpack(job.keys + tile * kIndexTileBytes, tiles[t]);
      prefetch(job.keys + (tile + kIndexTiles) * kIndexTileBytes);
      score[t] = zeros();
    }
    for (int64_t h = 0; h < job.heads; h += kIndexHeads) add_heads(job.queries + h, job.w + h, tiles, score);
    for (int64_t t = 0; t < kIndexTiles; ++t) store_i32(job.order + key + t * kIndexTileKeys, ordered(score[t]));
  }
}

// Scores of 16 keys of fp32, `rows` of them each `dim` long.
inline F32x16 score_rows(const IndexJob& job, const float* const (&rows)[16]) {
  F32x16 score = zeros();
  for (int64_t h = 0; h < job.heads; ++h) {
    alignas(64) float products[16];
    for (int64_t four = 0; four < 16; four += 4) {
      F32x16 sums[4] = {zeros(), zeros(), zeros(), zeros()};
      for (int64_t k = 0; k < job.dim; k += 16) {
        const F32x16 query = load(job.q + h * job.dim + k);
#pragma GCC unroll 4
        for (int64_t i = 0; i < 4; ++i) sums[i] = fma(query, load(rows[four + i] + k), sums[i]);
      }
      tree16_of_four(sums[0], sums[1], sums[2], sums[3], products + four);
    }
    score = fma(splat(job.w[h]), max(load(products), zeros()), score);
  }
  return score;
}

inline void scores_f32(const IndexJob& job, int64_t first, int64_t last) {
  const auto* const keys = reinterpret_cast<const float*>(job.keys);
  for (int64_t key = first; key < last; key += 16) {
    const float* rows[16];
    for (int64_t i = 0; i < 16; ++i) rows[i] = keys + std::min(key + i, job.count - 1) * job.dim;
    store_i32(job.order + key, ordered(score_rows(job, rows)));
  }
}

inline void scores_fp8(const IndexJob& job, int64_t first, int64_t last) {
  const int64_t key_bytes = job.dim + 4;
  alignas(64) float decoded[16 * kMostIndexDim];
  alignas(64) float scales[16];
  for (int64_t key = first; key < last; key += 16) {
    const float* rows[16];
    for (int64_t i = 0; i < 16; ++i) {
      const std::byte* const codes = job.keys + std::min(key + i, job.count - 1) * key_bytes;
      float* const row = decoded + i * job.dim;
      for (int64_t k = 0; k < job.dim; k += 16) store(row + k, load_e4m3_in_f16(codes + k) * splat(256.0f));
      std::memcpy(scales + i, codes + job.dim, sizeof(float));
      rows[i] = row;
    }
    store_i32(job.order + key, ordered(score_rows(job, rows) * load(scales)));
  }
}

// How many of the first n values are not less than `least`.
inline int64_t count_from(const int32_t* order, int64_t n, int32_t least) {
  const I32x16 bound = splat_i32(least);
  int64_t less = 0;
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) less += std::popcount(less_bits(load_i32(order + i), bound));
  for (; i < n; ++i) less += order[i] < least ? 1 : 0;
  return n - less;
}

inline void pick_best(const int32_t* order, int64_t count, int64_t topk, int64_t* picks) {
  // The largest value that at least topk reach, by halving the range of all integers.
  int64_t least = INT32_MIN;
  int64_t above = int64_t{INT32_MAX} + 1;
  int64_t reach = count;
  while (above - least > 1 && reach != topk) {
    const int64_t middle = least + (above - least) / 2;
    const int64_t n = count_from(order, count, static_cast<int32_t>(middle));
    if (n >= topk) {
      least = middle;
      reach = n;
    } else {
      above = middle;
    }
  }
  // More than topk reach it only when they tie: the last of the equal ones are left out.
  const auto threshold = static_cast<int32_t>(least);
  int64_t equal = topk;
  if (reach > topk) equal -= threshold == INT32_MAX ? 0 : count_from(order, count, threshold + 1);
  const auto take = [&](int64_t i) {
    if (order[i] < threshold || (order[i] == threshold && --equal < 0)) return;
    *picks++ = i;
  };
  const I32x16 bound = splat_i32(threshold);
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    for (uint32_t bits = ~less_bits(load_i32(order + i), bound) & 0xffff; bits != 0; bits &= bits - 1)
      take(i + std::countr_zero(bits));
  }
  for (; i < count; ++i) take(i);
}
