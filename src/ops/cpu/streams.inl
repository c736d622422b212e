// Streams, norms, rotations and pools (ops/ops.h) on sixteen lanes. Included inside the namespace of an instruction
// set, after its lanes header and elementary.inl.

// fn(k, n) for k = 0, 16 ... : n is 16, less at the end.
template <typename Fn>
[[gnu::always_inline]] inline void for_lanes(int64_t first, int64_t last, Fn fn) {
  int64_t k = first;
  for (; k + 16 <= last; k += 16) fn(k, std::integral_constant<int64_t, 16>{});
  if (k < last) fn(k, last - k);
}
template <typename Count>
[[gnu::always_inline]] inline F32x16 load_n(const float* p, Count n) {
  if constexpr (std::is_same_v<Count, int64_t>) return load_partial(p, n);
  return load(p);
}
template <typename Count>
[[gnu::always_inline]] inline void store_n(float* p, Count n, F32x16 a) {
  if constexpr (std::is_same_v<Count, int64_t>) return store_partial(p, n, a);
  store(p, a);
}

inline float inverse_rms(const float* x, int64_t n, float eps) {
  F32x16 squares = zeros();
  for_lanes(0, n, [&](int64_t k, auto count) {
    const F32x16 value = load_n(x + k, count);
    squares = fma(value, value, squares);
  });
  const F32x16 mean = splat(tree16(squares)) / splat(static_cast<float>(n)) + splat(eps);
  return max_lane(splat(1.0f) / sqrt(mean));
}

// ---- the streams: a lane of comb is an entry of the 4 x 4 matrix, row after row

inline F32x16 row_sums(F32x16 a) {
  return ((splat_column<0>(a) + splat_column<1>(a)) + splat_column<2>(a)) + splat_column<3>(a);
}
inline F32x16 column_sums(F32x16 a) {
  return ((splat_row<0>(a) + splat_row<1>(a)) + splat_row<2>(a)) + splat_row<3>(a);
}

inline F32x16 sinkhorn(F32x16 c, int64_t iterations, float epsilon) {
  const F32x16 eps = splat(epsilon);
  const F32x16 pairs = max(c, swapped<1>(c));
  c = exp_f32(c - max(pairs, swapped<2>(pairs)));
  c = c / row_sums(c) + eps;
  for (int64_t iteration = 0; iteration < iterations; ++iteration) {
    if (iteration > 0) c = c / (row_sums(c) + eps);
    c = c / (column_sums(c) + eps);
  }
  return c;
}

inline void hc_gates(const float* g, const HcParams& params, const HcConfig& config, float* pre, float* post,
                     float* comb) {
  float scale[3];
  float base[24];
  std::memcpy(scale, params.scale, sizeof scale);
  std::memcpy(base, params.base, sizeof base);
  const float pre_post_scale[8] = {scale[0], scale[0], scale[0], scale[0], scale[1], scale[1], scale[1], scale[1]};
  const F32x16 pre_post = sigmoid_f32(fma(load_partial(g, 8), load_partial(pre_post_scale, 8), load_partial(base, 8)));
  store_partial(pre, 4, pre_post + splat(config.hc_eps));
  float twice[16];
  store(twice, splat(2.0f) * pre_post);
  std::memcpy(post, twice + 4, 4 * sizeof(float));
  store(comb, sinkhorn(fma(load(g + 8), splat(scale[2]), load(base + 8)), config.sinkhorn_iters, config.hc_eps));
}

inline void hc_mix(const float* x, const float* pre, int64_t d, float* u) {
  for_lanes(0, d, [&](int64_t c, auto count) {
    F32x16 sum = zeros();
#pragma GCC unroll 4
    for (int64_t j = 0; j < 4; ++j) sum = fma(splat(pre[j]), load_n(x + j * d + c, count), sum);
    store_n(u + c, count, sum);
  });
}

inline void hc_post(float* x, const float* y, int64_t d, const float* post, const float* comb) {
  for_lanes(0, d, [&](int64_t c, auto count) {
    const F32x16 value = load_n(y + c, count);
    F32x16 stream[4];
#pragma GCC unroll 4
    for (int64_t j = 0; j < 4; ++j) stream[j] = load_n(x + j * d + c, count);
#pragma GCC unroll 4
    for (int64_t k = 0; k < 4; ++k) {
      F32x16 sum = splat(post[k]) * value;
#pragma GCC unroll 4
      for (int64_t j = 0; j < 4; ++j) sum = fma(splat(comb[4 * j + k]), stream[j], sum);
      store_n(x + k * d + c, count, sum);
    }
  });
}

// ---- norms

inline void scale_row(const float* x, float r, const NormWeight& weight, float* out) {
  for_lanes(0, weight.size, [&](int64_t k, auto count) {
    F32x16 w;
    if (!weight.bf16) {
      w = load_n(reinterpret_cast<const float*>(weight.data) + k, count);
    } else if (count == 16) {
      w = load_bf16(weight.data + 2 * k);
    } else {
      w = load_bf16_partial(weight.data + 2 * k, count);
    }
    store_n(out + k, count, w * (load_n(x + k, count) * splat(r)));
  });
}

inline void scale_head(float* x, int64_t n, float r) {
  for_lanes(0, n, [&](int64_t k, auto count) { store_n(x + k, count, load_n(x + k, count) * splat(r)); });
}

// ---- rotations

inline void rope_table(float position, const RopeFrequencies& f, bool inverse, float* cos_sin, float* turned) {
  for (int64_t p = 0; p < kRopeDims / 2; ++p) {
    const SinCos angle = sincos_f32(position * f.f[p]);
    const float sine = inverse ? -angle.sin : angle.sin;
    cos_sin[2 * p] = angle.cos;
    cos_sin[2 * p + 1] = sine;
    turned[2 * p] = -sine;
    turned[2 * p + 1] = angle.cos;
  }
}

inline void rope_heads(float* x, int64_t cols, int64_t head_dim, const float* cos_sin, const float* turned) {
  for (int64_t end = head_dim; end <= cols; end += head_dim) {
    float* const rotated = x + end - kRopeDims;
#pragma GCC unroll 4
    for (int64_t k = 0; k < kRopeDims; k += 16) {
      const F32x16 pairs = load(rotated + k);
      store(rotated + k, fma(odd_lanes_twice(pairs), load(turned + k), even_lanes_twice(pairs) * load(cos_sin + k)));
    }
  }
}

// Butterflies of lanes kDistance apart: a + b, and a - b in the lane of b, whose bit kDistance is set.
template <int kDistance>
[[gnu::always_inline]] inline F32x16 butterfly(F32x16 x, I32x16 lane) {
  const I32x16 bit = lane & splat_i32(kDistance);
  const I32x16 sign = shift_left<31 - std::countr_zero(unsigned{kDistance})>(bit);
  return swapped<kDistance>(x) + float_of_bits(bits_of(x) ^ sign);
}

inline void hadamard(float* x, int64_t cols) {
  static constexpr int32_t kLaneNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const I32x16 lane = load_i32(kLaneNumbers);
  for (int64_t first = 0; first < cols; first += kIndexDim) {
    F32x16 v[8];
#pragma GCC unroll 8
    for (int64_t i = 0; i < 8; ++i)
      v[i] = butterfly<8>(butterfly<4>(butterfly<2>(butterfly<1>(load(x + first + 16 * i), lane), lane), lane), lane);
#pragma GCC unroll 3
    for (int64_t h = 1; h < 8; h *= 2) {
#pragma GCC unroll 8
      for (int64_t i = 0; i < 8; ++i) {
        if ((i & h) != 0) continue;
        const F32x16 a = v[i];
        v[i] = a + v[i + h];
        v[i + h] = a - v[i + h];
      }
    }
#pragma GCC unroll 8
    for (int64_t i = 0; i < 8; ++i) store(x + first + 16 * i, v[i] * splat(kHadamardScale));
  }
}

// ---- compressor pools

inline void pool(const PoolSlots& slots, int64_t first, int64_t last, float* out) {
  for_lanes(first, last, [&](int64_t c, auto count) {
    F32x16 largest = load_n(slots.score[0] + c, count);
    for (int64_t s = 1; s < slots.count; ++s) largest = max(largest, load_n(slots.score[s] + c, count));
    F32x16 sum = zeros();
    F32x16 weighted = zeros();
    for (int64_t s = 0; s < slots.count; ++s) {
      const F32x16 p = exp_f32(load_n(slots.score[s] + c, count) - largest);
      sum = sum + p;
      weighted = fma(p, load_n(slots.kv[s] + c, count), weighted);
    }
    store_n(out + c, count, weighted / sum);
  });
}
