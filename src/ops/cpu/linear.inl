// Products of weight rows with inputs on sixteen lanes (ops/ops.h, dot16). Included inside the namespace of
// an instruction set, after its lanes header; kTileRows and kTileTokens say how many sums its registers hold.
//
// Few inputs: the stored codes go straight through the registers, several rows at once (direct). Many inputs:
// some rows are decoded into scratch once and meet tile after tile of inputs (decoded). Either way a lane
// sees its k in ascending order, so the path does not show in the bits.

struct F32Codes {
  static constexpr int64_t kBytes = 4;
  static F32x16 get(const std::byte* p) { return load(reinterpret_cast<const float*>(p)); }
  static F32x16 get_partial(const std::byte* p, int64_t n) {
    return load_partial(reinterpret_cast<const float*>(p), n);
  }
};
struct Bf16Codes {
  static constexpr int64_t kBytes = 2;
  static F32x16 get(const std::byte* p) { return load_bf16(p); }
  static F32x16 get_partial(const std::byte* p, int64_t n) { return load_bf16_partial(p, n); }
};
// e4m3 codes without their scale, times 2^-kMissingExponent. The first way costs more; the second makes
// subnormal numbers of small codes, which some CPUs multiply in microcode.
struct E4m3InF16 {
  static constexpr int64_t kBytes = 1;
  static constexpr int kMissingExponent = 8;
  static F32x16 get(const std::byte* p) { return load_e4m3_in_f16(p); }
  static F32x16 get_partial(const std::byte* p, int64_t n) { return load_e4m3_in_f16_partial(p, n); }
};
struct E4m3InF32 {
  static constexpr int64_t kBytes = 1;
  static constexpr int kMissingExponent = 120;
  static F32x16 get(const std::byte* p) { return load_e4m3_in_f32(p); }
  static F32x16 get_partial(const std::byte* p, int64_t n) { return load_e4m3_in_f32_partial(p, n); }
};

inline float e8m0_scale(std::byte stored) {
  const auto code = static_cast<uint32_t>(stored);
  return __builtin_bit_cast(float, code == 0 ? 0x00400000u : code << 23);
}

// ---- sums of a tile to outputs

template <int kRows, int kTokens>
[[gnu::always_inline]] inline void store_sums(const F32x16 (&sums)[kRows][kTokens], int64_t rows,
                                              float* const* out, int64_t at) {
  if constexpr (kRows == 4) {
    if (rows == kRows) {
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t)
        tree16_of_four(sums[0][t], sums[1][t], sums[2][t], sums[3][t], out[t] + at);
      return;
    }
  }
  constexpr int kCount = kRows * kTokens;
  alignas(16) float flat[(kCount + 3) / 4 * 4];
  const auto sum = [&](int i) { return i < kCount ? sums[i % kRows][i / kRows] : zeros(); };
#pragma GCC unroll 8
  for (int i = 0; i < kCount; i += 4) tree16_of_four(sum(i), sum(i + 1), sum(i + 2), sum(i + 3), flat + i);
  for (int t = 0; t < kTokens; ++t) {
    for (int64_t r = 0; r < rows; ++r) out[t][at + r] = flat[t * int64_t{kRows} + r];
  }
}

// ---- direct: stored codes against at most kDirectTokens inputs

inline constexpr int64_t kDirectTokens = 4;
inline constexpr int64_t kMostDecodedRows = 128;

// Rows are fetched in the order in which they lie in memory, although several are read side by side: that is
// what the memory is fast at. The distance covers the rows of the group that are still to come.
inline int64_t prefetch_distance(int64_t rows, int64_t row_bytes) { return (rows - 1) * row_bytes + 2048; }

template <typename Codes, int kRows, int kTokens>
[[gnu::always_inline]] inline void direct_tile(const std::byte* const (&rows)[kRows], const float* const* x,
                                               int64_t in, F32x16 (&sums)[kRows][kTokens]) {
  constexpr int64_t kLine = 64 / Codes::kBytes;
  // What is fetched ahead of long rows would push their inputs out of the first cache.
  const bool far = in * Codes::kBytes > 2048;
  const std::byte* const ahead = rows[0] + prefetch_distance(kRows, in * Codes::kBytes) + (far ? 2048 : 0);
  int64_t k = 0;
  for (; k + kLine <= in; k += kLine) {
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const std::byte* const at = ahead + k * Codes::kBytes * kRows + r * 64;
      far ? prefetch_far(at) : prefetch(at);
    }
#pragma GCC unroll 4
    for (int64_t step = 0; step < kLine; step += 16) {
      F32x16 inputs[kTokens];
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t) inputs[t] = load(x[t] + k + step);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const F32x16 codes = Codes::get(rows[r] + (k + step) * Codes::kBytes);
#pragma GCC unroll 4
        for (int t = 0; t < kTokens; ++t) sums[r][t] = fma(codes, inputs[t], sums[r][t]);
      }
    }
  }
  for (; k < in; k += 16) {
    const int64_t n = in - k;
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const std::byte* const at = rows[r] + k * Codes::kBytes;
      const F32x16 codes = n < 16 ? Codes::get_partial(at, n) : Codes::get(at);
#pragma GCC unroll 4
      for (int t = 0; t < kTokens; ++t)
        sums[r][t] = fma(codes, n < 16 ? load_partial(x[t] + k, n) : load(x[t] + k), sums[r][t]);
    }
  }
}

// Rows first .. last-1 against the inputs x, which carry the scales of FP8 rows.
template <typename Codes, int kTokens>
void direct_rows(const ProductJob& job, const float* const* x, int64_t first, int64_t last) {
  constexpr int kRows = kDirectRows;
  const Weight& w = *job.weight;
  const int64_t row_bytes = w.in * Codes::kBytes;
  for (int64_t o = first; o < last; o += kRows) {
    const std::byte* rows[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) rows[r] = w.data + std::min<int64_t>(o + r, last - 1) * row_bytes;
    F32x16 sums[kRows][kTokens];
#pragma GCC unroll 4
    for (auto& row : sums) {
#pragma GCC unroll 4
      for (F32x16& sum : row) sum = zeros();
    }
    direct_tile<Codes, kRows, kTokens>(rows, x, w.in, sums);
    store_sums<kRows, kTokens>(sums, std::min<int64_t>(kRows, last - o), job.out, job.out_at + o - job.first);
  }
}

template <typename Codes>
void direct(const ProductJob& job, const float* const* x, int64_t first, int64_t last) {
  switch (job.tokens) {
    case 1:
      return direct_rows<Codes, 1>(job, x, first, last);
    case 2:
      return direct_rows<Codes, 2>(job, x, first, last);
    case 3:
      return direct_rows<Codes, 3>(job, x, first, last);
    default:
      return direct_rows<Codes, 4>(job, x, first, last);
  }
}

// scaled = x times the e8m0 scale over it, in the row of tiles that `row` is in, times 2^missing_exponent:
// then code * scaled is the very product of the weight and x. False where a scaled input, or a code times its
// scale, would not be exact.
inline bool scale_inputs(const Weight& w, int64_t row, int missing_exponent, const float* x, float* scaled) {
  const int64_t tiles = (w.in + w.tile_in - 1) / w.tile_in;
  const std::byte* const scales = w.scales + row / w.tile_out * tiles;
  bool exact = true;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int exponent = static_cast<int>(scales[tile]) + missing_exponent;  // biased, as the factor's
    if (exponent > 253) return false;
    const F32x16 factor = splat(__builtin_bit_cast(float, exponent << 23));
    const F32x16 inverse = splat(__builtin_bit_cast(float, (254 - exponent) << 23));
    const int64_t end = std::min(w.in, (tile + 1) * w.tile_in);
    for (int64_t k = tile * w.tile_in; k < end; k += 16) {
      const int64_t n = end - k;
      const F32x16 input = n < 16 ? load_partial(x + k, n) : load(x + k);
      const F32x16 product = input * factor;
      exact = exact && all(product * inverse == input);
      store(scaled + k, product);
    }
  }
  return exact;
}

// ---- decoded: rows as fp32 in scratch against tiles of inputs
//
// kTileRows rows lie together: sixteen values of each in turn, so that a tile reads one stream. `out` is
// where a row's first sixteen go.

inline constexpr int64_t kDecodedStep = int64_t{kTileRows};  // of `out` for one input

// Elements k .. k+15 (n of them) of a row without their scale.
template <typename Codes>
F32x16 codes_at(const std::byte* row, int64_t k, int64_t n) {
  const std::byte* const at = row + k * Codes::kBytes;
  return n < 16 ? Codes::get_partial(at, n) : Codes::get(at);
}

inline void store_decoded(float* out, int64_t n, F32x16 values) {
  if (n >= 16) return store(out, values);
  store(out, zeros());
  store_partial(out, n, values);
}

template <typename Codes>
void decode_plain_row(const Weight& w, int64_t row, float* out) {
  const std::byte* const codes = w.data + row * w.in * Codes::kBytes;
  for (int64_t k = 0; k < w.in; k += 16)
    store_decoded(out + k * kDecodedStep, w.in - k, codes_at<Codes>(codes, k, w.in - k));
}

inline void decode_fp8_row(const Weight& w, int64_t row, float* out) {
  const int64_t tiles = (w.in + w.tile_in - 1) / w.tile_in;
  const std::byte* const codes = w.data + row * w.in;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t index = row / w.tile_out * tiles + tile;
    float scale = 0;
    if (w.scale_format == ScaleFormat::kF32) {
      std::memcpy(&scale, w.scales + index * 4, 4);
    } else {
      scale = e8m0_scale(w.scales[index]);
    }
    const int64_t end = std::min(w.in, (tile + 1) * w.tile_in);
    for (int64_t k = tile * w.tile_in; k < end; k += 16) {
      const F32x16 values = codes_at<E4m3InF16>(codes, k, end - k) * splat(256.0f) * splat(scale);
      store_decoded(out + k * kDecodedStep, end - k, values);
    }
  }
}

inline void decode_fp4_row(const Weight& w, int64_t row, float* out) {
  const std::byte* const codes = w.data + row * (w.in / 2);
  const std::byte* const scales = w.scales + row * (w.in / 32);
  for (int64_t k = 0; k < w.in; k += 16) {
    const float scale = 0.5f * e8m0_scale(scales[k / 32]);
    store(out + k * kDecodedStep, load_e2m1_doubled(codes + k / 2) * splat(scale));
  }
}

inline void decode_row(const Weight& w, int64_t row, float* out) {
  switch (w.format) {
    case WeightFormat::kF32:
      return decode_plain_row<F32Codes>(w, row, out);
    case WeightFormat::kBF16:
      return decode_plain_row<Bf16Codes>(w, row, out);
    case WeightFormat::kFp8:
      return decode_fp8_row(w, row, out);
    case WeightFormat::kFp4:
      return decode_fp4_row(w, row, out);
  }
}

// Inputs k .. end-1 of kTokens rows of x against the kTileRows rows at w.
template <int kTokens>
[[gnu::always_inline]] inline void decoded_tile(const float* w, const float* const (&x)[kTokens], int64_t k,
                                                int64_t end, F32x16 (&sums)[kTileRows][kTokens]) {
  for (; k + 16 <= end; k += 16) {
#pragma GCC unroll 2
    for (int64_t p = 0; p < kParts; ++p) {
      Part rows[kTileRows];
#pragma GCC unroll 8
      for (int64_t r = 0; r < kTileRows; ++r) rows[r] = load_part(w + k * kDecodedStep + r * 16, p);
#pragma GCC unroll 8
      for (int t = 0; t < kTokens; ++t) {
        const Part input = load_part(x[t] + k, p);
#pragma GCC unroll 8
        for (int r = 0; r < kTileRows; ++r)
          part(sums[r][t], p) = fma_part(rows[r], input, part(sums[r][t], p));
      }
    }
  }
  if (k == end) return;
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
    const F32x16 input = load_partial(x[t] + k, end - k);
#pragma GCC unroll 8
    for (int64_t r = 0; r < kTileRows; ++r)
      sums[r][t] = fma(load(w + k * kDecodedStep + r * 16), input, sums[r][t]);
  }
}

// `rows` decoded rows against the kTokens inputs from `token` on. Long rows go block after block, so that the
// inputs' block stays in the first cache while all rows meet it; the sums wait in memory meanwhile.
template <int kTokens>
void decoded_inputs(const ProductJob& job, int64_t token, const float* w, int64_t rows, int64_t at) {
  const int64_t in = job.weight->in;
  const float* x[kTokens];
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) x[t] = job.x[token + t] + job.x_at;
  F32x16 waiting[kMostDecodedRows / kTileRows][kTileRows][kTokens];
  for (int64_t k = 0; k < in; k += kInputBlock) {
    const int64_t end = std::min(in, k + kInputBlock);
    for (int64_t r = 0; r < rows; r += kTileRows) {
      F32x16 sums[kTileRows][kTokens];
#pragma GCC unroll 8
      for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) sums[i][t] = k == 0 ? zeros() : waiting[r / kTileRows][i][t];
      }
      decoded_tile<kTokens>(w + r * padded_to_lanes(in), x, k, end, sums);
      if (end == in) {
        store_sums<kTileRows, kTokens>(sums, std::min<int64_t>(kTileRows, rows - r), job.out + token, at + r);
        continue;
      }
#pragma GCC unroll 8
      for (int i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) waiting[r / kTileRows][i][t] = sums[i][t];
      }
    }
  }
}

// decoded_inputs with `tokens` of 1 .. kTokens inputs.
template <int kTokens>
void decoded_some_inputs(const ProductJob& job, int64_t token, int64_t tokens, const float* w, int64_t rows,
                         int64_t at) {
  if constexpr (kTokens > 0) {
    if (tokens == kTokens) return decoded_inputs<kTokens>(job, token, w, rows, at);
    decoded_some_inputs<kTokens - 1>(job, token, tokens, w, rows, at);
  }
}

inline void decoded(const ProductJob& job, int64_t first, int64_t last) {
  const int64_t stride = padded_to_lanes(job.weight->in);
  const int64_t fitting = std::max<int64_t>(kDecodedFloats / std::max<int64_t>(stride, 1), kMaxTileRows);
  const int64_t block = std::min<int64_t>(fitting / kMaxTileRows * kMaxTileRows, kMostDecodedRows);
  const int64_t tiles = (job.tokens + kTileTokens - 1) / kTileTokens;
  for (int64_t o = first; o < last; o += block) {
    const int64_t rows = std::min(block, last - o);
    for (int64_t r = 0; r < rows; ++r)
      decode_row(*job.weight, o + r, job.scratch + r / kTileRows * kTileRows * stride + r % kTileRows * 16);
    for (int64_t tile = 0; tile < tiles; ++tile) {  // of as equal sizes as can be
      const int64_t token = job.tokens * tile / tiles;
      const int64_t tokens = job.tokens * (tile + 1) / tiles - token;
      decoded_some_inputs<kTileTokens>(job, token, tokens, job.scratch, rows, job.out_at + o - job.first);
    }
  }
}

// FP8 with e8m0 scales, few inputs: the scales go into the inputs, once for each row of tiles.
template <typename Codes>
void direct_fp8(const ProductJob& job) {
  const int64_t stride = padded_to_lanes(job.weight->in);
  const float* x[kDirectTokens];
  for (int64_t t = 0; t < job.tokens; ++t) x[t] = job.scratch + t * stride;
  for (int64_t o = job.first; o < job.last;) {
    const int64_t end = std::min(job.last, (o / job.weight->tile_out + 1) * job.weight->tile_out);
    bool exact = true;
    for (int64_t t = 0; t < job.tokens && exact; ++t)
      exact = scale_inputs(*job.weight, o, Codes::kMissingExponent, job.x[t] + job.x_at,
                           job.scratch + t * stride);
    if (exact) {
      direct<Codes>(job, x, o, end);
    } else {
      decoded(job, o, end);
    }
    o = end;
  }
}

template <typename Fp8Codes>
void products(const ProductJob& job) {
  if (job.tokens == 0 || job.first >= job.last) return;
  const Weight& w = *job.weight;
  if (job.tokens > kDirectTokens) return decoded(job, job.first, job.last);
  const float* x[kDirectTokens];
  for (int64_t t = 0; t < job.tokens; ++t) x[t] = job.x[t] + job.x_at;
  if (w.format == WeightFormat::kF32) return direct<F32Codes>(job, x, job.first, job.last);
  if (w.format == WeightFormat::kBF16) return direct<Bf16Codes>(job, x, job.first, job.last);
  if (w.format == WeightFormat::kFp8 && w.scale_format == ScaleFormat::kE8M0)
    return direct_fp8<Fp8Codes>(job);
  decoded(job, job.first, job.last);
}

// ---- absorb: weighted sums of decoded rows

// Elements k .. k+15 (n of them) of a row, as fp32; k is a multiple of 16.
inline F32x16 decoded_at(const Weight& w, int64_t row, int64_t k, int64_t n) {
  const std::byte* const codes = w.data + row * w.row_bytes();
  switch (w.format) {
    case WeightFormat::kF32:
      return codes_at<F32Codes>(codes, k, n);
    case WeightFormat::kBF16:
      return codes_at<Bf16Codes>(codes, k, n);
    case WeightFormat::kFp8: {
      const int64_t index = row / w.tile_out * ((w.in + w.tile_in - 1) / w.tile_in) + k / w.tile_in;
      float scale = 0;
      if (w.scale_format == ScaleFormat::kF32) {
        std::memcpy(&scale, w.scales + index * 4, 4);
      } else {
        scale = e8m0_scale(w.scales[index]);
      }
      return codes_at<E4m3InF16>(codes, k, n) * splat(256.0f) * splat(scale);
    }
    case WeightFormat::kFp4:
      return load_e2m1_doubled(codes + k / 2) * splat(0.5f * e8m0_scale(w.scales[row * (w.in / 32) + k / 32]));
  }
  return zeros();
}

inline void absorb(const AbsorbJob& job) {
  constexpr int64_t kVectors = kAbsorbChannels / 16;
  for (int64_t first = job.first_channel; first < job.last_channel; first += kAbsorbChannels) {
    const int64_t channels = std::min(kAbsorbChannels, job.last_channel - first);
    for (int64_t i = 0; i < job.rows; ++i) {
      for (int64_t c = 0; c < channels; c += 16)
        store(job.scratch + i * kAbsorbChannels + c,
              decoded_at(*job.weight, job.first + i, first + c, job.weight->in - first - c));
    }
    for (int64_t t = 0; t < job.tokens; ++t) {
      F32x16 sums[kVectors];
#pragma GCC unroll 4
      for (F32x16& sum : sums) sum = zeros();
      const float* const q = job.q[t] + job.q_at;
      for (int64_t i = 0; i < job.rows; ++i) {
        const F32x16 value = splat(q[i]);
#pragma GCC unroll 4
        for (int64_t v = 0; v < kVectors; ++v)
          sums[v] = fma(value, load(job.scratch + i * kAbsorbChannels + 16 * v), sums[v]);
      }
      float* const out = job.out[t] + job.out_at + first;
      for (int64_t v = 0; 16 * v < channels; ++v) {
        if (channels - 16 * v < 16) {
          store_partial(out + 16 * v, channels - 16 * v, sums[v]);
        } else {
          store(out + 16 * v, sums[v]);
        }
      }
    }
  }
}
