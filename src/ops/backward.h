// BackwardOps: the gradients of the ops of ops.h, declared once. src/train writes the backward pass in these
// calls.
//
// Every d_x argument is the gradient of the loss by x and is ADDED to, except where an op says otherwise.
// Weights are fp32 rows here (training keeps its own copies); gradients of weights are [out, in] without
// gaps. Whatever an op needs of the forward pass again (gates, probabilities, the experts' inner values) it
// computes anew with the same ops, so it sees the same bits.
//
// WHAT THE BITS ARE. As in ops.h nothing depends on the number of threads or on the instruction set:
//   * A sum over tokens, outputs, keys, heads or streams is one fma chain per element in ascending order that
//     starts from what the gradient holds already (chain below).
//   * A sum over channels is dot16 or sum16 of ops.h.
// rope, hadamard and add need no entry: they are their own transposes (with `inverse` turned).
#pragma once

#include <memory>
#include <span>

#include "ops/device.h"
#include "ops/ops.h"

namespace hadal {

struct HcGradients {
  float* fn = nullptr;     // [24, 4d] or [4, 4d]
  float* base = nullptr;   // [24] or [4]
  float* scale = nullptr;  // [3] or [1]
};

struct ExpertGradients {
  float* w1 = nullptr;  // as ExpertWeights
  float* w2 = nullptr;
  float* w3 = nullptr;
};

// Which rows of a matrix of keys each token refers to: rows[begin[t]] .. rows[begin[t + 1] - 1].
struct KeyLists {
  const int64_t* begin = nullptr;  // [tokens + 1]
  const int32_t* rows = nullptr;
};

class BackwardOps {
 public:
  virtual ~BackwardOps() = default;

  // d_x[t,i] by a chain over o of d_out[t,o] * w[o,i]; d_w[o,i] by a chain over t of d_out[t,o] * x[t,i].
  // Either may be absent (null data), and without d_w the data of x.
  virtual void linear(ConstMat x /*[t,in]*/, const Weight& w, ConstMat d_out /*[t,out]*/, Mat d_x,
                      float* d_w) = 0;
  virtual void linear_grouped(ConstMat x, const Weight& w, int64_t groups, ConstMat d_out, Mat d_x,
                              float* d_w) = 0;

  // d_table[ids[t]] += d_out[t], t ascending.
  virtual void embed(std::span<const int32_t> ids, ConstMat d_out, Mat d_table) = 0;

  // With r = 1/sqrt(sumsq16(x)/n + eps), g = d_out * w: d_x += r*g - x * (r*r*r/n * dot16(g, x));
  // d_w += d_out * (x * r), a chain over t.
  virtual void rms_norm(ConstMat x, const NormWeight& weight, float eps, ConstMat d_out, Mat d_x,
                        float* d_w) = 0;
  virtual void head_rms_norm(ConstMat x, int64_t head_dim, float eps, ConstMat d_out, Mat d_x) = 0;

  // d_x[t,c] += sum over the streams of d_streams[t, j*d + c].
  virtual void hc_expand(ConstMat d_streams, int64_t mult, Mat d_x) = 0;
  // Through the gates and all Sinkhorn passes.
  virtual void hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u,
                      ConstMat d_post, ConstMat d_comb, Mat d_streams, const HcGradients& d_params) = 0;
  // d_streams is the gradient of the result and becomes the gradient of `streams`, what hc_post read.
  virtual void hc_post(ConstMat streams, ConstMat y, ConstMat post, ConstMat comb, Mat d_streams, Mat d_y,
                       Mat d_post, Mat d_comb) = 0;
  virtual void hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u,
                       Mat d_streams, const HcGradients& d_params) = 0;

  // d_ape[(first_position + t) % ratio] += d_score[t].
  virtual void add_ape(ConstMat d_score, int64_t ratio, int64_t first_position, float* d_ape) = 0;
  // Block b: slots' values as in the forward pass, d_slots its gradients' places.
  struct PoolGradients {
    float* const* kv = nullptr;
    float* const* score = nullptr;
  };
  virtual void compressor_pool(std::span<const PoolSlots> blocks, ConstMat d_out,
                               std::span<const PoolGradients> d_blocks) = 0;

  // out is the forward pass's result. With p_i = exp(a_i - M)/denominator: e_i = p_i * (dot16(G, k_i) -
  // dot16(G, o)), d_q += a chain over i from 0 of (scale*e_i) * k_i; d_keys by a chain over t, then heads, of
  // (scale*e_i) * q_h, then p_i * G_h; d_sink_h by a chain over t. mass (or null), one value for each entry
  // of keys.rows: the sum over the heads of p_i.
  virtual void sparse_attention(ConstMat q, ConstMat key_values /*[n,c]*/, const KeyLists& keys,
                                const std::byte* sink, float scale, ConstMat out, ConstMat d_out, Mat d_q,
                                Mat d_keys, float* d_sink, float* mass) = 0;

  // The indexer's objective for the queries t: KL(target || softmax of the scores) over the keys of t, times
  // `weight`; returns the sum over t of the unweighted KL. target has a value for each entry of keys.rows;
  // each token's sum to 1. A token without keys counts nothing.
  virtual double index_kl(ConstMat q /*[t,heads*128]*/, ConstMat w /*[t,heads]*/, float score_scale,
                          ConstMat key_values /*[n,128]*/, const KeyLists& keys, const float* target,
                          float weight, Mat d_q, Mat d_w, Mat d_keys) = 0;

  // ids are the forward pass's. d_share (empty or [t]): rows [E], the gradient by s_e / sum of all s.
  virtual void moe_route(ConstMat logits, const Ops::RouteParams& params, const int32_t* ids,
                         ConstMat d_weights /*[t,k]*/, std::span<const float* const> d_share,
                         Mat d_logits) = 0;
  virtual void moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
                   std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit,
                   ConstMat d_out, Mat d_x, Mat d_weights /*[t,k]*/,
                   std::span<const ExpertGradients> d_experts, const ExpertGradients& d_shared) = 0;

  // losses[t] = log(sum exp(logits)) - logits[target], 0 where targets[t] < 0. d_logits (SET, may be logits)
  // = weights[t] * (softmax - one-hot of the target).
  virtual void cross_entropy(ConstMat logits, std::span<const int32_t> targets,
                             std::span<const float> weights, std::span<float> losses, Mat d_logits) = 0;

  // Muon's orthogonalisation of each matrix in place (spec section 10). X = matrix / (sqrt(sumsq16 of its
  // values) + 1e-20), lying on its longer side; then for each coefficients (a, b, c): A = X * Xt, P = A * A,
  // B = fma(c, P, b*A), X = a*X + B*X, where every product is a chain in ascending order, the last one from
  // a*X. Rows without gaps.
  struct NewtonSchulz {
    float a, b, c;
  };
  virtual void newton_schulz(std::span<const Mat> matrices, std::span<const NewtonSchulz> steps) = 0;
};

// `forward` computes again what the backward pass needs of the forward one; it must outlive the result.
std::unique_ptr<BackwardOps> make_backward(const DeviceOptions& options, Ops& forward);

}  // namespace hadal
