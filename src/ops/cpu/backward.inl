// The gradients between the products (ops/backward.h) on sixteen lanes. Included inside the namespace of an
// instruction set, after its lanes header, elementary.inl and streams.inl.

inline float dot(const float* a, const float* b, int64_t n) {
  F32x16 sum = zeros();
  for_lanes(0, n, [&](int64_t k, auto count) { sum = fma(load_n(a + k, count), load_n(b + k, count), sum); });
  return tree16(sum);
}

inline void axpy(float a, const float* x, int64_t n, float* y) {
  for_lanes(0, n, [&](int64_t k, auto count) {
    store_n(y + k, count, fma(splat(a), load_n(x + k, count), load_n(y + k, count)));
  });
}

inline void combine(float b, const float* x, float c, float* y, int64_t n) {
  for_lanes(0, n, [&](int64_t k, auto count) {
    store_n(y + k, count, fma(splat(c), load_n(y + k, count), splat(b) * load_n(x + k, count)));
  });
}

// ---- norms

inline float norm(const float* x, const float* w, const float* d_out, int64_t n, float eps, float* d_x) {
  const float r = inverse_rms(x, n, eps);
  F32x16 sum = zeros();
  for_lanes(0, n, [&](int64_t k, auto count) {
    F32x16 g = load_n(d_out + k, count);
    if (w != nullptr) g = g * load_n(w + k, count);
    sum = fma(g, load_n(x + k, count), sum);
  });
  const F32x16 inward = splat(-(tree16(sum) * (r * r * r / static_cast<float>(n))));
  for_lanes(0, n, [&](int64_t k, auto count) {
    F32x16 g = load_n(d_out + k, count);
    if (w != nullptr) g = g * load_n(w + k, count);
    store_n(d_x + k, count, load_n(d_x + k, count) + fma(inward, load_n(x + k, count), splat(r) * g));
  });
  return r;
}

inline void norm_weight(const float* x, const float* d_out, float r, int64_t n, float* d_w) {
  for_lanes(0, n, [&](int64_t k, auto count) {
    store_n(d_w + k, count,
            fma(load_n(d_out + k, count), load_n(x + k, count) * splat(r), load_n(d_w + k, count)));
  });
}

// ---- the streams

// Through x / (row or column sums of x + eps): d is the gradient by the quotient.
inline F32x16 undo_rows(F32x16 before, F32x16 eps, F32x16 d) {
  const F32x16 sum = row_sums(before) + eps;
  const F32x16 quotient = before / sum;
  F32x16 inward = fma(splat_column<0>(d), splat_column<0>(quotient), zeros());
  inward = fma(splat_column<1>(d), splat_column<1>(quotient), inward);
  inward = fma(splat_column<2>(d), splat_column<2>(quotient), inward);
  inward = fma(splat_column<3>(d), splat_column<3>(quotient), inward);
  return (d - inward) / sum;
}
inline F32x16 undo_columns(F32x16 before, F32x16 eps, F32x16 d) {
  const F32x16 sum = column_sums(before) + eps;
  const F32x16 quotient = before / sum;
  F32x16 inward = fma(splat_row<0>(d), splat_row<0>(quotient), zeros());
  inward = fma(splat_row<1>(d), splat_row<1>(quotient), inward);
  inward = fma(splat_row<2>(d), splat_row<2>(quotient), inward);
  inward = fma(splat_row<3>(d), splat_row<3>(quotient), inward);
  return (d - inward) / sum;
}

inline F32x16 sinkhorn_backward(F32x16 raw, int64_t iterations, float epsilon, F32x16 d) {
  const F32x16 eps = splat(epsilon);
  const F32x16 pairs = max(raw, swapped<1>(raw));
  const F32x16 powers = exp_f32(raw - max(pairs, swapped<2>(pairs)));
  const F32x16 softmax = powers / row_sums(powers);
  F32x16 c = softmax + eps;
  F32x16 before[2 * kMaxFastSinkhorn];
  int64_t passes = 0;
  for (int64_t iteration = 0; iteration < iterations; ++iteration) {
    if (iteration > 0) {
      before[passes++] = c;
      c = c / (row_sums(c) + eps);
    }
    before[passes++] = c;
    c = c / (column_sums(c) + eps);
  }
  for (int64_t iteration = iterations - 1; iteration >= 0; --iteration) {
    d = undo_columns(before[--passes], eps, d);
    if (iteration > 0) d = undo_rows(before[--passes], eps, d);
  }
  F32x16 inward = fma(splat_column<0>(d), splat_column<0>(softmax), zeros());
  inward = fma(splat_column<1>(d), splat_column<1>(softmax), inward);
  inward = fma(splat_column<2>(d), splat_column<2>(softmax), inward);
  inward = fma(splat_column<3>(d), splat_column<3>(softmax), inward);
  return (d - inward) * softmax;
}

inline void hc_gates_backward(const float* g, const HcParams& params, const HcConfig& config,
                              const float* d_pre, const float* d_post, const float* d_comb, float* pre,
                              float* d_g, float* d_argument) {
  float scale[3];
  float base[24];
  std::memcpy(scale, params.scale, sizeof scale);
  std::memcpy(base, params.base, sizeof base);
  const float scales[8] = {scale[0], scale[0], scale[0], scale[0], scale[1], scale[1], scale[1], scale[1]};
  const float twice[8] = {1, 1, 1, 1, 2, 2, 2, 2};
  float d_gate[8];
  std::memcpy(d_gate, d_pre, 4 * sizeof(float));
  std::memcpy(d_gate + 4, d_post, 4 * sizeof(float));
  const F32x16 s = sigmoid_f32(fma(load_partial(g, 8), load_partial(scales, 8), load_partial(base, 8)));
  store_partial(pre, 4, s + splat(config.hc_eps));
  const F32x16 d_first = load_partial(d_gate, 8) * (load_partial(twice, 8) * s * (splat(1.0f) - s));
  store_partial(d_argument, 8, d_first);
  store_partial(d_g, 8, d_first * load_partial(scales, 8));
  const F32x16 raw = fma(load(g + 8), splat(scale[2]), load(base + 8));
  const F32x16 d = sinkhorn_backward(raw, config.sinkhorn_iters, config.hc_eps, load(d_comb));
  store(d_argument + 8, d);
  store(d_g + 8, d * splat(scale[2]));
}

inline float hc_inward(const float* products, float rho, int64_t n, float* d_g) {
  float inward = 0;
  for (int64_t i = 0; i < n; ++i) {
    inward = std::fma(d_g[i], products[i], inward);
    d_g[i] *= rho;
  }
  return inward;
}

inline void hc_parameters(ConstMat d_arguments, ConstMat g, float* d_base, float* d_scale) {
  for (int64_t t = 0; t < g.rows; ++t) {
    for (int64_t i = 0; i < g.cols; ++i) {
      const int64_t site = std::min<int64_t>(i / 4, 2);
      d_base[i] += d_arguments.row(t)[i];
      d_scale[site] = std::fma(d_arguments.row(t)[i], g.row(t)[i], d_scale[site]);
    }
  }
}

inline void hc_unmix(const float* pre, const float* d_u, int64_t d, float* to) {
  for (int64_t j = 0; j < 4; ++j) axpy(pre[j], d_u, d, to + j * d);
}

inline void hc_post_backward(const float* x, const float* y, int64_t d, const float* post, const float* comb,
                             float* g, float* d_y, float* d_post, float* d_comb) {
  for (int64_t k = 0; k < 4; ++k) {
    F32x16 sums[5] = {zeros(), zeros(), zeros(), zeros(), zeros()};
    for_lanes(0, d, [&](int64_t c, auto count) {
      const F32x16 grad = load_n(g + k * d + c, count);
      sums[4] = fma(load_n(y + c, count), grad, sums[4]);
#pragma GCC unroll 4
      for (int64_t j = 0; j < 4; ++j) sums[j] = fma(load_n(x + j * d + c, count), grad, sums[j]);
    });
    d_post[k] += tree16(sums[4]);
#pragma GCC unroll 4
    for (int64_t j = 0; j < 4; ++j) d_comb[j * 4 + k] += tree16(sums[j]);
  }
  for_lanes(0, d, [&](int64_t c, auto count) {
    F32x16 grads[4];
    F32x16 to_y = load_n(d_y + c, count);
#pragma GCC unroll 4
    for (int64_t k = 0; k < 4; ++k) {
      grads[k] = load_n(g + k * d + c, count);
      to_y = fma(splat(post[k]), grads[k], to_y);
    }
    store_n(d_y + c, count, to_y);
#pragma GCC unroll 4
    for (int64_t j = 0; j < 4; ++j) {
      F32x16 mixed = zeros();
#pragma GCC unroll 4
      for (int64_t k = 0; k < 4; ++k) mixed = fma(splat(comb[j * 4 + k]), grads[k], mixed);
      store_n(g + j * d + c, count, mixed);
    }
  });
}

// ---- attention

inline float largest(const float* x, int64_t n, float scale) {
  F32x16 most = splat(x[0] * scale);
  int64_t k = 0;
  for (; k + 16 <= n; k += 16) most = max(most, load(x + k) * splat(scale));
  for (; k < n; ++k) most = max(most, splat(x[k] * scale));
  return max_lane(most);
}

inline void shares(float* p, float* dots, int64_t n, float denominator, float inward, float scale,
                   float* mass) {
  for_lanes(0, n, [&](int64_t k, auto count) {
    const F32x16 share = load_n(p + k, count) / splat(denominator);
    store_n(p + k, count, share);
    store_n(dots + k, count, share * (load_n(dots + k, count) - splat(inward)) * splat(scale));
    if (mass != nullptr) store_n(mass + k, count, load_n(mass + k, count) + share);
  });
}

inline constexpr int64_t kKeysAtOnce = 4;
inline constexpr int64_t kHeadsAtOnce = 4;

// kKeys keys, 16 channels, `heads` <= kHeadsAtOnce heads whose q and g are in registers.
template <int64_t kKeys>
[[gnu::always_inline]] inline void key_block(const int32_t* rows, const float* e, const float* p,
                                             int64_t stride, const F32x16* q, const F32x16* g, int64_t heads,
                                             int64_t channel, Mat d_keys) {
  F32x16 sums[kKeys];
#pragma GCC unroll 4
  for (int64_t i = 0; i < kKeys; ++i) sums[i] = load(d_keys.row(rows[i]) + channel);
  for (int64_t h = 0; h < heads; ++h) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < kKeys; ++i) sums[i] = fma(splat(e[h * stride + i]), q[h], sums[i]);
#pragma GCC unroll 4
    for (int64_t i = 0; i < kKeys; ++i) sums[i] = fma(splat(p[h * stride + i]), g[h], sums[i]);
  }
#pragma GCC unroll 4
  for (int64_t i = 0; i < kKeys; ++i) store(d_keys.row(rows[i]) + channel, sums[i]);
}

inline void key_gradients(const int32_t* rows, int64_t count, const float* e, const float* p, int64_t stride,
                          const float* q, const float* g, int64_t heads, int64_t head_dim, int64_t first,
                          int64_t last, Mat d_keys) {
  for (int64_t channel = first; channel < last; channel += 16) {
    for (int64_t head = 0; head < heads; head += kHeadsAtOnce) {
      const int64_t some = std::min<int64_t>(kHeadsAtOnce, heads - head);
      F32x16 queries[kHeadsAtOnce], grads[kHeadsAtOnce];
      for (int64_t h = 0; h < some; ++h) {
        queries[h] = load(q + (head + h) * head_dim + channel);
        grads[h] = load(g + (head + h) * head_dim + channel);
      }
      const float* const e_head = e + head * stride;
      const float* const p_head = p + head * stride;
      int64_t i = 0;
      for (; i + kKeysAtOnce <= count; i += kKeysAtOnce)
        key_block<kKeysAtOnce>(rows + i, e_head + i, p_head + i, stride, queries, grads, some, channel,
                               d_keys);
      for (; i < count; ++i)
        key_block<1>(rows + i, e_head + i, p_head + i, stride, queries, grads, some, channel, d_keys);
    }
  }
}

// ---- experts and losses

inline float swiglu(float* gate, float* up, float weight, float limit, const float* d_hidden, float* hidden,
                    float* product, int64_t n) {
  const bool clamps = limit > 0;
  F32x16 sum = zeros();
  for_lanes(0, n, [&](int64_t c, auto count) {
    const F32x16 g = load_n(gate + c, count);
    const F32x16 u = load_n(up + c, count);
    const F32x16 g_in = clamps ? min(g, splat(limit)) : g;
    const F32x16 u_in = clamps ? max(min(u, splat(limit)), splat(-limit)) : u;
    const F32x16 s = sigmoid_f32(g_in);
    const F32x16 silu = g_in * s;
    const F32x16 both = silu * u_in;
    store_n(hidden + c, count, both * splat(weight));
    const F32x16 from = load_n(d_hidden + c, count);
    const F32x16 d = from * splat(weight);
    F32x16 d_gate = d * (s * u_in) * fma(g_in, splat(1.0f) - s, splat(1.0f));
    F32x16 d_up = d * silu;
    if (clamps) {
      d_gate = select(splat(limit) < g, zeros(), d_gate);
      d_up = select(splat(limit) < abs(u), zeros(), d_up);
    }
    store_n(gate + c, count, d_gate);
    store_n(up + c, count, d_up);
    store_n(product + c, count, both);
    sum = fma(from, load_n(product + c, count), sum);
  });
  return tree16(sum);
}

inline float cross_entropy(const float* logits, int64_t n, int32_t target, float weight, float* d) {
  F32x16 largest = splat(-std::numeric_limits<float>::infinity());
  int64_t k = 0;
  for (; k + 16 <= n; k += 16) largest = max(largest, load(logits + k));
  for (; k < n; ++k) largest = max(largest, splat(logits[k]));
  const float max_logit = max_lane(largest);
  const float at_target = logits[target] - max_logit;
  F32x16 sums = zeros();
  for_lanes(0, n, [&](int64_t v, auto count) {
    store_n(d + v, count, exp_f32(load_n(logits + v, count) - splat(max_logit)));
    sums = sums + load_n(d + v, count);
  });
  const float sum = tree16(sums);
  const F32x16 factor = splat(weight / sum);
  for_lanes(0, n, [&](int64_t v, auto count) { store_n(d + v, count, load_n(d + v, count) * factor); });
  d[target] -= weight;
  return max_lane(log_f32(splat(sum))) - at_target;
}

inline void pool_backward(const PoolSlots& slots, const BackwardOps::PoolGradients& d, const float* d_out,
                          int64_t first, int64_t last) {
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
    const F32x16 mean = weighted / sum;
    const F32x16 from = load_n(d_out + c, count);
    for (int64_t s = 0; s < slots.count; ++s) {
      const F32x16 share = exp_f32(load_n(slots.score[s] + c, count) - largest) / sum * from;
      store_n(d.kv[s] + c, count, load_n(d.kv[s] + c, count) + share);
      store_n(d.score[s] + c, count,
              fma(share, load_n(slots.kv[s] + c, count) - mean, load_n(d.score[s] + c, count)));
    }
  });
}
