// Attention of one token (ops/ops.h, sparse_attention) on sixteen lanes. Included inside the namespace of an
// instruction set, after its lanes header, elementary.inl and the sizes kScoreHeads x kScoreKeys and
// kValueHeads x kValueVectors, which say how many sums its registers hold.
//
// Keys are decoded tile by tile into scratch that stays in L1 and meet all heads there: once for the scores,
// once for the values. A sum over channels is a lane's, a sum over keys a channel's, so the tiling does not
// show in the bits.

// 64 channels of a kept row from channel `first` on, as fp32. fits_kernels() says which rows these are.
inline void decode_fp8(const std::byte* codes, F32x16 scale, int64_t n, float* out) {
  // Two exact steps, because 256 times the largest scale is not a float.
  for (int64_t c = 0; c < n; c += 16) store(out + c, load_e4m3_in_f16(codes + c) * splat(256.0f) * scale);
}
inline F32x16 e8m0_scale(std::byte code) {
  return splat(std::bit_cast<float>(static_cast<uint32_t>(code) << 23));
}

inline void decode_split(const KvRow& form, const std::byte* row, int64_t first, float* out) {
  const int64_t codes = form.dim - kRopeDims;
  const std::byte* const scales = row + codes + 2 * kRopeDims;
  if (first == codes) {
    for (int64_t c = 0; c < kChannelBlock; c += 16) store(out + c, load_bf16(row + codes + 2 * c));
  } else if (form.form == KvForm::kFp8Rope) {
    decode_fp8(row + first, e8m0_scale(scales[first / kChannelBlock]), kChannelBlock, out);
  } else {
    float scale;
    std::memcpy(&scale, scales + first / 128 * 4, sizeof scale);
    decode_fp8(row + first, splat(scale), kChannelBlock, out);
  }
}

inline void decode_block(const KvRow& form, const std::byte* row, int64_t first, float* out) {
  switch (form.form) {
    case KvForm::kF32:
      for (int64_t c = 0; c < kChannelBlock; c += 16)
        store(out + c, load(reinterpret_cast<const float*>(row) + first + c));
      return;
    case KvForm::kFp8Rope:
    case KvForm::kLatent:
      return decode_split(form, row, first, out);
    case KvForm::kFp8:
      for (int64_t c = 0; c < kChannelBlock; c += 32)
        decode_fp8(row + first + c, e8m0_scale(row[form.dim + (first + c) / 32]), 32, out + c);
      return;
    case KvForm::kFp4: {
      alignas(64) float half_scales[16];
      store(half_scales,
            load_e4m3_in_f16_partial(row + form.dim / 2 + first / 16, kChannelBlock / 16) * splat(128.0f));
      for (int64_t c = 0; c < kChannelBlock; c += 16)
        store(out + c, load_e2m1_doubled(row + (first + c) / 2) * splat(half_scales[c / 16]));
      return;
    }
  }
}
inline void decode_block(const AttentionJob& job, int64_t key, int64_t first, float* out) {
  decode_block(key < job.keys.window ? job.forms.window : job.forms.entries, job.keys.rows[key], first, out);
}

// Products of kScoreHeads heads with kScoreKeys decoded keys; only the first `heads` and `keys` of them are
// kept.
inline void score_block(const float* const (&q)[kScoreHeads], const float* const (&k)[kScoreKeys],
                        int64_t head_dim, int64_t heads, int64_t keys, float* p, int64_t p_stride) {
  F32x16 sums[kScoreKeys][kScoreHeads];
#pragma GCC unroll 8
  for (auto& row : sums) {
#pragma GCC unroll 8
    for (F32x16& sum : row) sum = zeros();
  }
  for (int64_t c = 0; c < head_dim; c += 16) {
    F32x16 query[kScoreHeads];
#pragma GCC unroll 8
    for (int64_t h = 0; h < kScoreHeads; ++h) query[h] = load(q[h] + c);
#pragma GCC unroll 8
    for (int64_t i = 0; i < kScoreKeys; ++i) {
      const F32x16 key = load(k[i] + c);
#pragma GCC unroll 8
      for (int64_t h = 0; h < kScoreHeads; ++h) sums[i][h] = fma(query[h], key, sums[i][h]);
    }
  }
  constexpr int64_t kCount = kScoreHeads * kScoreKeys;
  alignas(64) float flat[(kCount + 3) / 4 * 4];
  const auto sum = [&](int64_t i) { return i < kCount ? sums[i / kScoreHeads][i % kScoreHeads] : zeros(); };
#pragma GCC unroll 8
  for (int64_t i = 0; i < kCount; i += 4) tree16_of_four(sum(i), sum(i + 1), sum(i + 2), sum(i + 3), flat + i);
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t i = 0; i < keys; ++i) p[h * p_stride + i] = flat[i * kScoreHeads + h];
  }
}

inline void scores(const AttentionJob& job, Interval keys, float* tile) {
  const int64_t stride = score_tile_stride(job.head_dim);
  for (int64_t first = keys.first; first < keys.last; first += kScoreTileKeys) {
    const int64_t count = std::min(kScoreTileKeys, keys.last - first);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t ahead = std::min(first + i + kScoreTileKeys, keys.last - 1);
      for (int64_t c = 0; c < job.head_dim; c += kChannelBlock) {
        prefetch(job.keys.rows[ahead] + c);
        decode_block(job, first + i, c, tile + i * stride + c);
      }
      if (job.forms.entries.form != KvForm::kF32) prefetch(job.keys.rows[ahead] + job.head_dim);
    }
    for (int64_t h = 0; h < job.heads; h += kScoreHeads) {
      const float* q[kScoreHeads];
      for (int64_t i = 0; i < kScoreHeads; ++i) q[i] = job.q + std::min(h + i, job.heads - 1) * job.head_dim;
      for (int64_t i = 0; i < count; i += kScoreKeys) {
        const float* k[kScoreKeys];
        for (int64_t j = 0; j < kScoreKeys; ++j) k[j] = tile + std::min(i + j, count - 1) * stride;
        score_block(q, k, job.head_dim, std::min(kScoreHeads, job.heads - h),
                    std::min(kScoreKeys, count - i), job.p + h * job.p_stride + first + i,
                    job.p_stride);
      }
    }
  }
}

inline void softmax(const AttentionJob& job, Interval heads) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const int64_t count = job.keys.count;
  const int64_t padded = (count + 15) / 16 * 16;
  for (int64_t h = heads.first; h < heads.last; ++h) {
    float* const p = job.p + h * job.p_stride;
    F32x16 largest = splat(-kInf);
    for (int64_t i = 0; i < count; i += 16) {
      // Scores behind the last key are -inf: they add exactly +0 to the sum.
      if (i + 16 > count) {
        const F32x16 last = load_partial(p + i, count - i) * splat(job.scale);
        std::fill(p + count, p + padded, -kInf);
        store_partial(p + i, count - i, last);
      } else {
        store(p + i, load(p + i) * splat(job.scale));
      }
      largest = max(largest, load(p + i));
    }
    const float maximum = max_lane(largest);
    F32x16 sum = zeros();
    for (int64_t i = 0; i < count; i += 16) {
      const F32x16 e = exp_f32(load(p + i) - splat(maximum));
      store(p + i, e);
      sum = sum + e;
    }
    job.denominator[h] = tree16(sum);
    if (job.sink == nullptr) continue;
    float sink;
    std::memcpy(&sink, job.sink + h * 4, sizeof sink);
    job.denominator[h] += max_lane(exp_f32(splat(sink - maximum)));
  }
}

// kValueVectors * 16 channels of kValueHeads heads: out += p times the decoded keys, from zero in the first
// tile, over the denominator in the last.
inline void value_block(const float* const (&p)[kValueHeads], const float* keys, int64_t count,
                        float* const (&out)[kValueHeads], const float* const (&denominator)[kValueHeads],
                        bool first, bool last) {
  F32x16 sums[kValueHeads][kValueVectors];
#pragma GCC unroll 8
  for (int64_t h = 0; h < kValueHeads; ++h) {
#pragma GCC unroll 8
    for (int64_t v = 0; v < kValueVectors; ++v) sums[h][v] = first ? zeros() : load(out[h] + 16 * v);
  }
  for (int64_t i = 0; i < count; ++i) {
    F32x16 key[kValueVectors];
#pragma GCC unroll 8
    for (int64_t v = 0; v < kValueVectors; ++v) key[v] = load(keys + i * kChannelBlock + 16 * v);
#pragma GCC unroll 8
    for (int64_t h = 0; h < kValueHeads; ++h) {
      const F32x16 weight = splat(p[h][i]);
#pragma GCC unroll 8
      for (int64_t v = 0; v < kValueVectors; ++v) sums[h][v] = fma(weight, key[v], sums[h][v]);
    }
  }
#pragma GCC unroll 8
  for (int64_t h = 0; h < kValueHeads; ++h) {
#pragma GCC unroll 8
    for (int64_t v = 0; v < kValueVectors; ++v)
      store(out[h] + 16 * v, last ? sums[h][v] / splat(*denominator[h]) : sums[h][v]);
  }
}

inline void values(const AttentionJob& job, Interval heads, Interval channels, float* tile) {
  for (int64_t c = channels.first; c < channels.last; c += kChannelBlock) {
    for (int64_t first = 0; first < job.keys.count; first += kValueTileKeys) {
      const int64_t count = std::min(kValueTileKeys, job.keys.count - first);
      for (int64_t i = 0; i < count; ++i)
        decode_block(job, first + i, c, tile + i * kChannelBlock);
      for (int64_t h = heads.first; h < heads.last; h += kValueHeads) {
        // Behind the last head it is computed again, with the same result.
        const float* p[kValueHeads];
        float* out[kValueHeads];
        const float* denominator[kValueHeads];
        for (int64_t i = 0; i < kValueHeads; ++i) {
          const int64_t head = std::min(h + i, heads.last - 1);
          p[i] = job.p + head * job.p_stride + first;
          out[i] = job.out + head * job.head_dim + c;
          denominator[i] = job.denominator + head;
        }
        for (int64_t v = 0; v < kChannelBlock; v += 16 * kValueVectors) {
          value_block(p, tile + v, count, out, denominator, first == 0, first + count == job.keys.count);
          for (float*& channel : out) channel += 16 * kValueVectors;
        }
      }
    }
  }
}
