// What one instruction-set unit offers to the backward pass (ops/backward.h). Plain data and function
// pointers; the units are backward_avx2.cc and backward_avx512.cc.
#pragma once

#include <cstdint>

#include "ops/backward.h"

namespace hadal {

// c[i][j] by a chain over p = 0 .. k-1 of a(i, p) * b[p][j], from what c holds. a(i, p) = a[i * a_row + p *
// a_step].
struct GemmJob {
  const float* a = nullptr;
  int64_t a_row = 0;
  int64_t a_step = 0;
  const float* b = nullptr;
  int64_t b_stride = 0;
  float* c = nullptr;
  int64_t c_stride = 0;
  int64_t m = 0, n = 0, k = 0;
  float* scratch = nullptr;  // kGemmScratchFloats, the worker's own
  bool lower = false;        // what lies above the diagonal of c may be left out
};
// The most Sinkhorn passes that hc_gates takes.
inline constexpr int64_t kMaxFastSinkhorn = 64;

inline constexpr int64_t kGemmSteps = 256;     // of k at once
inline constexpr int64_t kGemmRows = 144;      // of c: a multiple of every unit's tile
inline constexpr int64_t kGemmColumns = 1024;  // the same
inline constexpr int64_t kGemmScratchFloats = kGemmSteps * (kGemmRows + kGemmColumns) + 1024;

struct BackwardKernels {
  void (*gemm)(const GemmJob& job);
  float (*dot)(const float* a, const float* b, int64_t n);
  // y = fma(a, x, y).
  void (*axpy)(float a, const float* x, int64_t n, float* y);
  // y = fma(c, y, b * x).
  void (*combine)(float b, const float* x, float c, float* y, int64_t n);
  // One row of rms_norm: g = d_out * w (w null: d_out); returns r.
  float (*norm)(const float* x, const float* w, const float* d_out, int64_t n, float eps, float* d_x);
  // d_w[i] = fma(d_out[i], x[i] * r, d_w[i]).
  void (*norm_weight)(const float* x, const float* d_out, float r, int64_t n, float* d_w);
  // g [24] -> pre [4] again; d_g and the gradients by the gates' arguments, [24] each.
  void (*hc_gates)(const float* g, const HcParams& params, const HcConfig& config, const float* d_pre,
                   const float* d_post, const float* d_comb, float* pre, float* d_g, float* d_argument);
  // The chain of d_g[i] * products[i], i < n; d_g times rho.
  float (*hc_inward)(const float* products, float rho, int64_t n, float* d_g);
  // By chains over the rows: d_base[i] += d_arguments[i]; d_scale[min(i / 4, 2)] += d_arguments[i] * g[i].
  void (*hc_parameters)(ConstMat d_arguments, ConstMat g, float* d_base, float* d_scale);
  // to[j*d + c] = fma(pre[j], d_u[c], to[j*d + c]).
  void (*hc_unmix)(const float* pre, const float* d_u, int64_t d, float* to);
  // One token of hc_post.
  void (*hc_post)(const float* x, const float* y, int64_t d, const float* post, const float* comb, float* g,
                  float* d_y, float* d_post, float* d_comb);
  // The largest x[i] * scale, i < n, n > 0.
  float (*largest)(const float* x, int64_t n, float scale);
  // p and dots [count] -> p / denominator and (p / denominator) * (dots - inward) * scale; mass += the
  // former.
  void (*shares)(float* p, float* dots, int64_t count, float denominator, float inward, float scale,
                 float* mass);
  // The gradients of one token's keys at channels [first, last), multiples of 16: p, e [heads, stride].
  void (*key_gradients)(const int32_t* rows, int64_t count, const float* e, const float* p, int64_t stride,
                        const float* q, const float* g, int64_t heads, int64_t head_dim, int64_t first,
                        int64_t last, Mat d_keys);
  // One row: see ReferenceBackward::swiglu; returns the weight's gradient. product is scratch [n].
  float (*swiglu)(float* gate, float* up, float weight, float limit, const float* d_hidden, float* hidden,
                  float* product, int64_t n);
  // One row of cross_entropy with a target; returns the loss.
  float (*cross_entropy)(const float* logits, int64_t n, int32_t target, float weight, float* d);
  // Channels [first, last) of one block.
  void (*pool)(const PoolSlots& slots, const BackwardOps::PoolGradients& d, const float* d_out, int64_t first,
               int64_t last);
};

const BackwardKernels& backward_kernels_avx2();
const BackwardKernels& backward_kernels_avx512();

}  // namespace hadal
