// FP4 weights against int8 inputs, exact integers within a lane's 8 inputs (ops/ops.h, linear). Included
// after linear.inl, whose store_sums and tile sizes it uses.

// 128 weights of a row: codes + 12 split like the inputs, and the scale of each lane's block.
struct Fp4Span {
  Bytes64 even, odd;
  F32x16 scale;
};

// A row of FP4 weights where it is stored.
struct Fp4Row {
  const std::byte* codes;
  const std::byte* scales;
};

inline Fp4Row fp4_row(const Weight& w, int64_t row) {
  return {w.data + row * (w.in / 2), w.scales + row * (w.in / 32)};
}

[[gnu::always_inline]] inline Fp4Span load_fp4_span(Fp4Row row, int64_t span) {
  Fp4Span result;
  split_e2m1(load_bytes(row.codes + span * 64), result.even, result.odd);
  result.scale = load_e8m0_of_lanes(row.scales + span * 4);
  return result;
}

// The last span of a row, with 32, 64 or 96 weights.
inline Fp4Span load_fp4_partial_span(Fp4Row row, int64_t span, int64_t weights) {
  std::byte codes[64] = {};
  std::byte scales[4] = {};
  std::memcpy(codes, row.codes + span * 64, static_cast<size_t>(weights / 2));
  std::memcpy(scales, row.scales + span * 4, static_cast<size_t>(weights / 32));
  return load_fp4_span({codes, scales}, 0);
}

[[gnu::always_inline]] inline F32x16 add_span(const Fp4Span& w, const Int8Span& x, F32x16 sum) {
  const I32x16 n = dot_bytes(load_i32(x.bias), w.even, w.odd, load_bytes(x.even), load_bytes(x.odd));
  return fma(to_float(n), load(x.scale) * w.scale, sum);
}

template <int kTokens>
void int8_direct_rows(const ProductJob& job) {
  constexpr int kRows = kMaxTileRows;
  const Weight& w = *job.weight;
  const int64_t whole_spans = w.in / 128;
  const Int8Span* x[kTokens];
#pragma GCC unroll 4
  for (int t = 0; t < kTokens; ++t) x[t] = job.q[t];
  for (int64_t o = job.first; o < job.last; o += kRows) {
    Fp4Row rows[kRows];
    F32x16 sums[kRows][kTokens];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      rows[r] = fp4_row(w, std::min<int64_t>(o + r, job.last - 1));
#pragma GCC unroll 4
      for (F32x16& sum : sums[r]) sum = zeros();
    }
    // The next rows' scales: each row's are a line or two, too short for the hardware to see them coming.
    for (int64_t at = 0; at < kRows * (w.in / 32); at += 64)
      prefetch(rows[0].scales + kRows * (w.in / 32) + at);
    const std::byte* const ahead = rows[0].codes + prefetch_distance(kRows, w.in / 2);
    for (int64_t s = 0; s < whole_spans; ++s) {
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        prefetch(ahead + (s * kRows + r) * 64);
        const Fp4Span weights = load_fp4_span(rows[r], s);
#pragma GCC unroll 4
        for (int t = 0; t < kTokens; ++t) sums[r][t] = add_span(weights, x[t][s], sums[r][t]);
      }
    }
    if (w.in % 128 != 0) {
      for (int r = 0; r < kRows; ++r) {
        const Fp4Span weights = load_fp4_partial_span(rows[r], whole_spans, w.in % 128);
        for (int t = 0; t < kTokens; ++t) sums[r][t] = add_span(weights, x[t][whole_spans], sums[r][t]);
      }
    }
    store_sums<kRows, kTokens>(sums, std::min<int64_t>(kRows, job.last - o), job.out,
                               job.out_at + o - job.first);
  }
}

// A row's spans as they lie in scratch.
struct Fp4Stored {
  std::byte even[64];
  std::byte odd[64];
  float scale[16];
};

template <int kTokens>
void int8_inputs(const ProductJob& job, int64_t token, const Fp4Stored* weights, int64_t rows, int64_t at) {
  const int64_t spans = int8_spans(job.weight->in);
  for (int64_t r = 0; r < rows; r += kTileRows) {
    F32x16 sums[kTileRows][kTokens];
#pragma GCC unroll 8
    for (auto& row : sums) {
#pragma GCC unroll 8
      for (F32x16& sum : row) sum = zeros();
    }
    const Fp4Stored* const tile = weights + r * spans;
    for (int64_t s = 0; s < spans; ++s) {
      Fp4Span w[kTileRows];
#pragma GCC unroll 8
      for (int i = 0; i < kTileRows; ++i) {
        const Fp4Stored& stored = tile[i * spans + s];
        w[i] = {load_bytes(stored.even), load_bytes(stored.odd), load(stored.scale)};
      }
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) {
#pragma GCC unroll 8
        for (int i = 0; i < kTileRows; ++i) sums[i][t] = add_span(w[i], job.q[token + t][s], sums[i][t]);
      }
    }
    store_sums<kTileRows, kTokens>(sums, std::min<int64_t>(kTileRows, rows - r), job.out + token, at + r);
  }
}

template <int kTokens>
void int8_last_inputs(const ProductJob& job, int64_t token, const Fp4Stored* weights, int64_t rows,
                      int64_t at) {
  if constexpr (kTokens > 0) {
    if (job.tokens - token == kTokens) return int8_inputs<kTokens>(job, token, weights, rows, at);
    int8_last_inputs<kTokens - 1>(job, token, weights, rows, at);
  }
}

inline void int8_decoded(const ProductJob& job) {
  const Weight& w = *job.weight;
  const int64_t spans = int8_spans(w.in);
  auto* const scratch = reinterpret_cast<Fp4Stored*>(job.scratch);
  constexpr int64_t kFitting = kDecodedFloats * 4 / static_cast<int64_t>(sizeof(Fp4Stored));
  const int64_t fitting = std::max<int64_t>(kFitting / std::max<int64_t>(spans, 1), kMaxTileRows);
  const int64_t block = std::min<int64_t>(fitting / kMaxTileRows * kMaxTileRows, kMostDecodedRows);
  for (int64_t o = job.first; o < job.last; o += block) {
    const int64_t rows = std::min(block, job.last - o);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t s = 0; s < spans; ++s) {
        const Fp4Row row = fp4_row(w, o + r);
        const int64_t weights = w.in - s * 128;
        const Fp4Span span = weights < 128 ? load_fp4_partial_span(row, s, weights) : load_fp4_span(row, s);
        Fp4Stored& stored = scratch[r * spans + s];
        store_bytes(stored.even, span.even);
        store_bytes(stored.odd, span.odd);
        store(stored.scale, span.scale);
      }
    }
    int64_t token = 0;
    for (; token + kInt8TileTokens <= job.tokens; token += kInt8TileTokens)
      int8_inputs<kInt8TileTokens>(job, token, scratch, rows, job.out_at + o - job.first);
    int8_last_inputs<kInt8TileTokens - 1>(job, token, scratch, rows, job.out_at + o - job.first);
  }
}

inline void products_int8(const ProductJob& job) {
  if (job.first >= job.last) return;
  switch (job.tokens) {
    case 0:
      return;
    case 1:
      return int8_direct_rows<1>(job);
    case 2:
      return int8_direct_rows<2>(job);
    case 3:
      return int8_direct_rows<3>(job);
    case 4:
      return int8_direct_rows<4>(job);
    default:
      return int8_decoded(job);
  }
}

// One block of 32 inputs into block `block` of its span.
inline void quantise_block(const float* x, Int8Span& span, int64_t block) {
  const F32x16 a = load(x);
  const F32x16 b = load(x + 16);
  const float amax = max_lane(max(abs(a), abs(b)));
  const float quotient = 127.0f / amax;
  const F32x16 inverse = splat(__builtin_isinf(quotient) ? 0.0f : quotient);
  store_even_odd(span.even + 16 * block, span.odd + 16 * block, to_int_nearest(a * inverse));
  store_even_odd(span.even + 16 * block + 8, span.odd + 16 * block + 8, to_int_nearest(b * inverse));
  for (int64_t l = 4 * block; l < 4 * block + 4; ++l) span.scale[l] = 0.5f * (amax / 127.0f);
}

inline void quantise_int8(const float* x, int64_t first, int64_t n, int64_t total, Int8Span* row) {
  for (int64_t k = first; k < first + n; k += 32) {
    Int8Span& span = row[k / 128];
    const int64_t block = k % 128 / 32;
    quantise_block(x + (k - first), span, block);
    int64_t filled = block + 1;
    if (k + 32 == total) {
      std::memset(span.even + 16 * filled, 0, static_cast<size_t>(64 - 16 * filled));
      std::memset(span.odd + 16 * filled, 0, static_cast<size_t>(64 - 16 * filled));
      for (int64_t l = 4 * filled; l < 16; ++l) span.scale[l] = 0;
      filled = 4;
    }
    for (int64_t l = 4 * block; l < 4 * filled; ++l) {
      int sum = 0;
      for (int64_t i = 4 * l; i < 4 * l + 4; ++i) sum += span.even[i] + span.odd[i];
      span.bias[l] = -12 * sum;
    }
  }
}

inline void swiglu(const float* g, const float* u, int64_t n, float limit, float weight, float* out) {
  for (int64_t i = 0; i < n; i += 16) {
    F32x16 gate = n - i < 16 ? load_partial(g + i, n - i) : load(g + i);
    F32x16 up = n - i < 16 ? load_partial(u + i, n - i) : load(u + i);
    if (limit > 0) {
      gate = min(gate, splat(limit));
      up = max(min(up, splat(limit)), splat(-limit));
    }
    const F32x16 y = gate * sigmoid_f32(gate) * up * splat(weight);
    if (n - i < 16) {
      store_partial(out + i, n - i, y);
    } else {
      store(out + i, y);
    }
  }
}
