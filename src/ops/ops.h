// Ops: every operation of the model, declared once. The forward pass is written in these calls alone.
//
// Three implementations (ops/device.h picks one):
//   ops/reference  plain loops: the definition of each op, bit for bit, for fp32, stored and native
//   ops/cpu        the same bits, fast: one unit per instruction set over a thread pool
//   ops/reference/official  DeepSeek's own rounding points (bf16 between ops, FP8 block products), for audits
//
// WHAT THE BITS ARE. Activations are fp32. A result depends on its own row and the weights only: never on
// how many rows came along, on the number of threads or on the instruction set.
//   * dot16(a, b): sixteen lanes start at +0; lane l takes k = l, l+16, ... in order, acc = fma(a[k], b[k],
//   acc)
//     (the tail is padded with zeros: every lane makes ceil(K/16) steps); then tree16.
//   * tree16: lanes l += l+8 (l < 8), l += l+4, l += l+2, l += l+1.
//   * sum16 / sum of squares: the same with b = 1 or b = a (fma(a[k], 1, acc) is a plain add).
//   * A weight element is its decoded fp32 value: code * scale, rounded once (exact for e8m0 scales). An e4m3
//   NaN
//     code decodes as +-480 here (inspect --check finds such a file); an e8m0 byte 255 as +inf.
//   * Sums over keys, slots, heads, streams, experts run in ascending order with fma in one accumulator per
//   channel,
//     unless an op says otherwise.
//   * exp, log, sigmoid, softplus, sincos are those of ops/elementary.h; sqrt and division are IEEE.
//   * Comparisons treat ties by the lowest index first.
//
// Inputs are finite; shapes are checked by the model at load (CHECK here). In-place use is allowed only where
// an op says so. `Mat` rows may have any stride. Not thread-safe: one thread (the engine's) calls an Ops
// object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/weight.h"
#include "quant/index_key.h"
#include "quant/kv_entry.h"
#include "tensor/tensor.h"

namespace hadal {

enum class Numerics {
  kFp32,      // everything fp32, state in fp32, simulated quantisation off
  kStored,    // fp32, state in its stored form (583-byte entries, FP4 index keys)
  kNative,    // as kStored, but linear() with kFp4 weights quantises its input to int8 per 32 (see linear)
  kOfficial,  // the official kernels' rounding points
};

inline constexpr int64_t kRopeDims = 64;   // V4's; other members have their own
inline constexpr int64_t kIndexDim = 128;  // V4's
inline constexpr int64_t kMostRopeDims = 256;

// RMSNorm weight: BF16 or F32 values as stored.
struct NormWeight {
  const std::byte* data = nullptr;
  bool bf16 = true;
  int64_t size = 0;
};

// mHC parameters of one site (spec 3.1), all F32 as stored.
struct HcParams {
  Weight fn;                         // [24, 4d], for the head site [4, 4d]
  const std::byte* base = nullptr;   // [24] or [4]
  const std::byte* scale = nullptr;  // [3] or [1]
};

struct HcConfig {
  int64_t mult = 4;  // m
  int64_t sinkhorn_iters = 20;
  float norm_eps = 1e-6f;
  float hc_eps = 1e-6f;
};

// Which values of a head rotate together: pairs (2i, 2i+1) of its last `dims`, or pairs (i, i + dims/2) of
// its first.
enum class RopeLayout { kLastInterleaved, kFirstHalves };

// Rotation frequencies of one kind of layer (spec 2): dims/2 fp32 values.
struct RopeFrequencies {
  float f[kMostRopeDims / 2] = {};
  int64_t dims = kRopeDims;
  RopeLayout layout = RopeLayout::kLastInterleaved;
};

// Whether window rows, entries and indexer keys are kept as fp32 or in their member's stored forms
// (quant/kv_entry.h, quant/index_key.h).
enum class EntryFormat { kF32, kStored };

// V4's forms.
inline KvRow v4_kv_row(EntryFormat format, int64_t head_dim) {
  return {format == EntryFormat::kF32 ? KvForm::kF32 : KvForm::kFp8Rope, head_dim, kRopeDims};
}
inline IndexKeyForm v4_index_keys(EntryFormat format) {
  return {format == EntryFormat::kF32 ? IndexForm::kF32 : IndexForm::kFp4, kIndexDim};
}

// The keys one query attends to, oldest window row first, then entries ascending.
struct KeyRows {
  const std::byte* const* rows = nullptr;
  int64_t count = 0;
  int64_t window = 0;  // how many of them, from the first on, are window rows
};

// What those rows are; both of the same dim.
struct KeyForms {
  KvRow window;
  KvRow entries;
};

struct IndexKeys {
  IndexKeyForm form;
  const std::byte* data = nullptr;
};

// What the indexer is to choose for each token (row t of each array).
struct IndexChoice {
  int64_t topk = 0;
  int64_t* picks = nullptr;  // [t, topk]
  // Two levels (V4.1): blocks of `block` entries each. With `within`, only entries of those blocks may be
  // picked; with `best_blocks`, the top_blocks best blocks go there.
  int64_t block = 0;
  int64_t top_blocks = 0;
  const int64_t* within = nullptr;  // [t, top_blocks] ascending, -1 behind the last
  int64_t* best_blocks = nullptr;   // the same
};

// One compressed block: slot s reads its values at kv[s] and scores at score[s] (each D floats).
struct PoolSlots {
  const float* const* kv = nullptr;
  const float* const* score = nullptr;  // ape already added
  int64_t count = 0;
};

struct ExpertWeights {
  Weight w1, w2, w3;  // gate [I,d], down [d,I], up [I,d]
};

class Ops {
 public:
  virtual ~Ops() = default;
  virtual Numerics numerics() const = 0;
  EntryFormat entry_format() const {
    return numerics() == Numerics::kFp32 ? EntryFormat::kF32 : EntryFormat::kStored;
  }

  // out[t] = row ids[t] of table.
  virtual void embed(const Weight& table, std::span<const int32_t> ids, Mat out /*[t,d]*/) = 0;

  // streams[t, j*d + c] = x[t, c] for the m streams.
  virtual void hc_expand(ConstMat x /*[t,d]*/, int64_t mult, Mat streams /*[t,m*d]*/) = 0;

  // Spec 3.1. For each token, z = streams row (4d): rho = 1/sqrt(sumsq16(z)/(4d) + norm_eps); g = dot16(fn
  // row, z)*rho; pre, post, comb by sigmoid and Sinkhorn; u[c] = sum over j of pre_j * X[j][c] (fma, j
  // ascending from 0). official: sums over the four streams as (0 + 2) + (1 + 3) without fma, here, in
  // hc_post and hc_head. pre/post/comb arguments: fma(g, scale, base). Sinkhorn sums: ascending plain adds;
  // row softmax with max subtraction.
  virtual void hc_pre(ConstMat streams /*[t,4d]*/, const HcParams& params, const HcConfig& config,
                      Mat u /*[t,d]*/, Mat post /*[t,4]*/, Mat comb /*[t,16], [j*4+k]*/) = 0;
  // streams[k][c] <- fma chain: acc = post_k * y[c]; acc = fma(comb[j,k], X[j][c], acc) for j ascending. In
  // place.
  virtual void hc_post(Mat streams /*[t,4d]*/, ConstMat y /*[t,d]*/, ConstMat post, ConstMat comb) = 0;
  // u[c] = sum_j pre_j X[j][c] with pre = sigmoid(g*scale + base) + hc_eps.
  virtual void hc_head(ConstMat streams /*[t,4d]*/, const HcParams& params, const HcConfig& config,
                       Mat u /*[t,d]*/) = 0;

  // The two halves of hc_pre with gates of one's own (V4.1's single-pass mHC). u[c] = sum over j of pre_j *
  // X[j][c] as in hc_pre:
  virtual void hc_collapse(ConstMat streams /*[t,4d]*/, ConstMat pre /*[t,4]*/, Mat u /*[t,d]*/) = 0;
  // and the gates that hc_pre computes, pre too:
  virtual void hc_coefficients(ConstMat streams /*[t,4d]*/, const HcParams& params, const HcConfig& config,
                               Mat pre /*[t,4]*/, Mat post /*[t,4]*/, Mat comb /*[t,16]*/) = 0;

  // Engram (V4.1): kv holds a key for each of the m streams, then one value. dot = dot16(X_k, w) with w[c] =
  // (q_weight[k,c] * k_weight[k,c]) * key_k[c], times 1/sqrt(sumsq16(X_k)/d + eps), times the same of key_k,
  // times fp32(d^-0.5); gate[t,k] = sigmoid(copysign(sqrt(max(|dot|, 1e-6)), dot)); X_k[c] = fma(gate,
  // value[c], X_k[c]). In place.
  virtual void engram_gate(Mat streams /*[t,m*d]*/, ConstMat kv /*[t,(m+1)*d]*/, const NormWeight& q_weight,
                           const NormWeight& k_weight, float eps, Mat gate /*[t,m]*/) = 0;

  // MLA (V3, V3.2) in its absorbed form; w is kv_b [heads * (nope + value), latent]: nope rows W_UK and value
  // rows W_UV of each head. q_h = nope values, then `rope` more. out_h[c] = sum over i ascending of
  // fma(q_h[i], W_UK[i][c], acc), then the rope values as they are.
  virtual void mla_absorb(ConstMat q /*[t, H*(nope+rope)]*/, const Weight& w, int64_t nope, int64_t rope,
                          Mat out /*[t, H*(latent+rope)]*/) = 0;
  // out_h[i] = dot16(W_UV[i], the first `latent` values of o_h).
  virtual void mla_values(ConstMat o /*[t, H*(latent+rope)]*/, const Weight& w, int64_t nope, int64_t rope,
                          Mat out /*[t, H*value]*/) = 0;

  // out = (x - m) * (1/sqrt(sumsq16(x - m)/n + eps)) * w + b, m = sum16(x)/n; products left to right, then a
  // plain add. out may be x.
  virtual void layer_norm(ConstMat x /*[t,n]*/, const NormWeight& weight, const NormWeight& bias, float eps,
                          Mat out /*[t,n]*/) = 0;

  // out = w * (x * (1/sqrt(sumsq16(x)/n + eps))). out may be x.
  virtual void rms_norm(ConstMat x /*[t,n]*/, const NormWeight& weight, float eps, Mat out /*[t,n]*/) = 0;
  // The same without weight for each head of [t, heads*head_dim], in place. (official: every step in bf16)
  virtual void head_rms_norm(Mat q, int64_t head_dim, float eps) = 0;

  // out[t,o] = dot16(W[o], x[t]). official: activations through ActQ8-128 for quantised weights, block
  // products, result to bf16. native with kFp4: per 32 inputs amax = max|x|, inv = 127/amax (0 if amax is 0),
  // q = rne(x*inv), s = 0.5f*(amax/127); per 128 inputs (zero padded) lane l in 0..15 holds the exact integer
  // n_l = sum over k = 8l..8l+7 of q[k]*c[k], c = e2m1 code value doubled (-12..12);
  // acc_l = fma(float(n_l), s[32-block of 8l] * scale[o, that block], acc_l); then tree16.
  virtual void linear(ConstMat x /*[t,in]*/, const Weight& w, Mat out /*[t,out]*/) = 0;
  // out[t,o] = dot16 with nothing rounded but fp32, in every numerics: router, compressors, head.
  virtual void linear_fp32(ConstMat x, const Weight& w, Mat out) = 0;
  // Group g of the input (in = groups * w.in) meets rows [g*out/groups, ...) of w [out, in/groups]: wo_a.
  // official: weight as bf16, no activation quantisation, result to bf16.
  virtual void linear_grouped(ConstMat x /*[t, groups*w.in]*/, const Weight& w, int64_t groups,
                              Mat out /*[t,w.out]*/) = 0;

  // x[t,i] += y[t,i].
  virtual void add(Mat x, ConstMat y) = 0;

  // Rotates f.dims values of each head (x is [t, heads*head_dim]) in pairs as f.layout says, in place. angle
  // = fp32(position) * f, rounded to fp32; (c,s) = sincos of it; re = fma(-im0, s, re0*c), im = fma(im0, c,
  // re0*s); inverse: s negated.
  virtual void rope(Mat x, int64_t head_dim, std::span<const int64_t> positions /*[t]*/,
                    const RopeFrequencies& f, bool inverse) = 0;

  // Hadamard-128 of every consecutive 128 values, natural order: 7 butterfly stages h = 1,2,4..64 of (a+b,
  // a-b), then times fp32(128^-0.5). In place.
  virtual void hadamard(Mat x) = 0;

  // rows[t] <- kv[t] (normed, rotated) in this form: what attention reads.
  virtual void store_kv(ConstMat kv /*[t,c]*/, const KvRow& form,
                        std::span<std::byte* const> rows /*[t]*/) = 0;
  // Keys first .. first+t-1 of `keys` <- k[t] (normed, rotated; V4: Hadamard'd) in this form.
  virtual void store_index_keys(ConstMat k /*[t,dim]*/, int64_t first, const IndexKeyForm& form,
                                std::byte* keys) = 0;

  // score[t, ch] += ape[(first_position + t) % ratio, ch]; ape F32 as stored.
  virtual void add_ape(Mat score, const std::byte* ape, int64_t ratio, int64_t first_position) = 0;
  // Block b: per channel M = max over slots of s, p = exp(s - M), out = (sum p*a) / (sum p): fma and plain
  // add, slots in order, from 0. Slots with score -inf contribute p = 0; at least one slot is finite.
  // official: result to bf16.
  virtual void compressor_pool(std::span<const PoolSlots> blocks, Mat out /*[blocks, D]*/) = 0;

  // Spec 3.6. For token t with visible[t] entries: the min(topk, visible) best ones, ascending, in picks row
  // t (stride topk), the rest -1. When visible <= topk all are taken without scoring. w holds weights_proj's
  // result; score_scale is multiplied into it first (w*score_scale). score = sum over heads ascending of
  // fma(w_h, relu(qk_h), acc). kF32 keys: qk = dot16(q_h, k). kFp4: q_h is quantised per 32 like the
  // key (Sim4-32); qk = sum over the blocks in order of fma(float(n_b), sq_b*(0.25f*sk_b), acc), n_b exact
  // integer of doubled codes. kFp8: q_h becomes codes and a scale like the key; qk = dot16 of the codes'
  // values with the key's, w_h = (w*score_scale)*sq_h, and the sum times the key's scale. Blocks: a block
  // scores as its best visible entry; the block of the newest entry is always among the best, then by score.
  // Fewer than top_blocks blocks: all. `within` does not bind the choice of best_blocks.
  virtual void index_topk(Mat q /*[t, heads*dim], may be overwritten*/, ConstMat w /*[t,heads]*/,
                          float score_scale, const IndexKeys& keys, std::span<const int64_t> visible /*[t]*/,
                          const IndexChoice& choice) = 0;

  // Spec 3.4. a_i = dot16(q_h, k_i)*scale; M = max; p_i = exp(a_i - M); denominator = sum16(p) (lane i%16) +
  // exp(sink_h - M), without the latter if sink is null; o[ch] = (sum over i ascending of fma(p_i, k_i[ch],
  // acc)) / denominator. Keys are decoded to fp32 first.
  virtual void sparse_attention(ConstMat q /*[t,H*c]*/, std::span<const KeyRows> keys /*[t]*/,
                                const KeyForms& forms, const std::byte* sink /*F32 [H] or null*/, float scale,
                                Mat out /*[t,H*c]*/) = 0;

  // Spec 3.7. s_e = sqrt(softplus(logits_e / temperature)) or sigmoid(logits_e). Score routing: the k largest
  // s_e + bias_e; hash: ids = hash_ids[t*k..]. weight = s_e / max(sum of the k s in ascending id order,
  // 1e-20) * routed_scale. ids ascending within a row. groups > 1: only experts of the top_groups groups (of
  // E / groups consecutive experts) whose two best biased scores have the largest sums.
  enum class RouteScore { kSqrtSoftplus, kSigmoid };
  struct RouteParams {
    const std::byte* bias = nullptr;     // F32 [E], or null with hash routing
    const std::byte* tid2eid = nullptr;  // I64 [vocab, k], or null with score routing
    int64_t top_k = 0;
    float routed_scale = 1;
    RouteScore score = RouteScore::kSqrtSoftplus;
    float temperature = 1;
    int64_t groups = 1;
    int64_t top_groups = 1;
  };
  virtual void moe_route(ConstMat logits /*[t,E]*/, const RouteParams& params,
                         std::span<const int32_t> token_ids /*[t]*/, int32_t* ids /*[t,k]*/,
                         float* weights /*[t,k]*/) = 0;

  // out[t] = sum over the row's experts in ascending id order of y_e (plain adds from 0), then + shared
  // expert. y_e = linear(w2, a), a = w_e * (silu(min(g,limit)) * clamp(u,-limit,limit)), g = linear(w1,x), u
  // = linear(w3,x); silu(g) = g * sigmoid(g); products left to right as written: (silu*u)*w. Shared: the same
  // with w = 1. limit <= 0 means no clamp. ids must be < experts.size() (checked by the model at load).
  virtual void moe(ConstMat x /*[t,d]*/, const int32_t* ids, const float* weights, int64_t top_k,
                   std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit,
                   Mat out /*[t,d]*/) = 0;
};

}  // namespace hadal
