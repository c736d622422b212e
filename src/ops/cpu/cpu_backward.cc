// Products, norms, streams and losses of the backward pass over the pool. Attention is in
// attention_backward.cc.
#include "ops/cpu/cpu_backward.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "ops/reference/backward_values.h"
#include "ops/reference/hyper_connection.h"
#include "ops/reference/newton_schulz.h"

namespace hadal {
namespace {

constexpr int64_t m = kHcMult;
constexpr int64_t kChannelGrain = 16;

// What newton_schulz_of asks for, by one worker.
struct FastProducts {
  const BackwardKernels& kernels;
  float* scratch;

  void product(ConstMat a, ConstMat b, Mat c) const { run(a, b, c, false); }
  void symmetric(ConstMat a, ConstMat b, Mat c) const { run(a, b, c, true); }
  void combine(float b, const float* x, float c, float* y, int64_t n) const {
    kernels.combine(b, x, c, y, n);
  }
  float sumsq(const float* x, int64_t n) const { return kernels.dot(x, x, n); }

 private:
  void run(ConstMat a, ConstMat b, Mat c, bool lower) const {
    kernels.gemm(
        {a.data, a.stride, 1, b.data, b.stride, c.data, c.stride, c.rows, c.cols, a.cols, scratch, lower});
  }
};

}  // namespace

CpuBackward::CpuBackward(const DeviceOptions& options, Ops& forward)
    : ReferenceBackward(forward),
      kernels_(options.isa == Isa::kAvx512 ? backward_kernels_avx512() : backward_kernels_avx2()),
      attention_(options.isa == Isa::kAvx512 ? attention_kernels_avx512() : attention_kernels_avx2()),
      pool_(options.threads) {
  for (int i = 0; i < options.threads; ++i) gemm_scratch_.emplace_back(kGemmScratchFloats);
  muon_scratch_.resize(gemm_scratch_.size());
  tile_.keys_of_worker.resize(gemm_scratch_.size());
  tile_.q_of_worker.resize(gemm_scratch_.size());
  tile_.rows_of_worker.resize(gemm_scratch_.size());
}

void CpuBackward::gemm(GemmJob job) {
  if (job.m == 0 || job.n == 0 || job.k == 0) return;
  const bool by_rows = job.m >= job.n;
  pool_.run([&](int worker) {
    GemmJob mine = job;
    const Range part = part_of(by_rows ? job.m : job.n, worker, pool_.threads(), by_rows ? 12 : 32);
    if (by_rows) {
      mine.a += part.first * job.a_row;
      mine.c += part.first * job.c_stride;
      mine.m = part.last - part.first;
    } else {
      mine.b += part.first;
      mine.c += part.first;
      mine.n = part.last - part.first;
    }
    mine.scratch = gemm_scratch_[static_cast<size_t>(worker)].data();
    if (part.first < part.last) kernels_.gemm(mine);
  });
}

void CpuBackward::linear_grouped(ConstMat x, const Weight& w, int64_t groups, ConstMat d_out, Mat d_x,
                                 float* d_w) {
  const float* const weights = f32_weights(w);
  CHECK(groups > 0 && w.out % groups == 0);
  CHECK(d_out.rows == x.rows && d_out.cols == w.out && x.cols == groups * w.in);
  const int64_t outs = w.out / groups;
  for (int64_t g = 0; g < groups; ++g) {
    if (d_x.data != nullptr)
      gemm({d_out.data + g * outs, d_out.stride, 1, weights + g * outs * w.in, w.in, d_x.data + g * w.in,
            d_x.stride, x.rows, w.in, outs, nullptr});
    if (d_w != nullptr)
      gemm({d_out.data + g * outs, 1, d_out.stride, x.data + g * w.in, x.stride, d_w + g * outs * w.in, w.in,
            outs, w.in, x.rows, nullptr});
  }
}

void CpuBackward::rms_norm(ConstMat x, const NormWeight& weight, float eps, ConstMat d_out, Mat d_x,
                           float* d_w) {
  CHECK(weight.size == x.cols && d_out.cols == x.cols && d_out.rows == x.rows);
  const float* const w = f32_weights(weight);
  std::vector<float> r(static_cast<size_t>(x.rows));
  share(x.rows, [&](int64_t t) {
    r[static_cast<size_t>(t)] = kernels_.norm(x.row(t), w, d_out.row(t), x.cols, eps, d_x.row(t));
  });
  pool_.run([&](int worker) {
    const Range part = part_of(x.cols, worker, pool_.threads(), kChannelGrain);
    for (int64_t t = 0; t < x.rows; ++t)
      kernels_.norm_weight(x.row(t) + part.first, d_out.row(t) + part.first, r[static_cast<size_t>(t)],
                           part.last - part.first, d_w + part.first);
  });
}

void CpuBackward::head_rms_norm(ConstMat x, int64_t head_dim, float eps, ConstMat d_out, Mat d_x) {
  CHECK(x.cols % head_dim == 0 && d_out.cols == x.cols);
  share(x.rows, [&](int64_t t) {
    for (int64_t first = 0; first < x.cols; first += head_dim)
      kernels_.norm(x.row(t) + first, nullptr, d_out.row(t) + first, head_dim, eps, d_x.row(t) + first);
  });
}

void CpuBackward::hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u,
                         ConstMat d_post, ConstMat d_comb, Mat d_streams, const HcGradients& d_params) {
  if (config.sinkhorn_iters > kMaxFastSinkhorn)
    return ReferenceBackward::hc_pre(streams, params, config, d_u, d_post, d_comb, d_streams, d_params);
  const int64_t d = d_u.cols;
  CHECK(config.mult == m && streams.cols == m * d && params.fn.out == kHcSiteRows);
  const SiteValues site = site_values(streams, params.fn);
  share(streams.rows, [&](int64_t t) {
    const float* const z = streams.row(t);
    const float rho = site_scale(z, params.fn.in, config);
    float* const g = site.logits.row(t);
    float pre[m], d_pre[m];
    for (int64_t i = 0; i < kHcSiteRows; ++i) g[i] = site.products.row(t)[i] * rho;
    for (int64_t j = 0; j < m; ++j) d_pre[j] = kernels_.dot(z + j * d, d_u.row(t), d);
    kernels_.hc_gates(g, params, config, d_pre, d_post.row(t), d_comb.row(t), pre, site.d_logits.row(t),
                      site.d_arguments.row(t));
    kernels_.hc_unmix(pre, d_u.row(t), d, d_streams.row(t));
    undo_site_scale(z, rho, site, t, d_streams.row(t));
  });
  kernels_.hc_parameters(site.d_arguments, site.logits, d_params.base, d_params.scale);
  linear_grouped(streams, params.fn, 1, site.d_logits, d_streams, d_params.fn);
}

void CpuBackward::hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, ConstMat d_u,
                          Mat d_streams, const HcGradients& d_params) {
  const int64_t d = d_u.cols;
  CHECK(config.mult == m && streams.cols == m * d && params.fn.out == m);
  const SiteValues site = site_values(streams, params.fn);
  share(streams.rows, [&](int64_t t) {
    const float* const z = streams.row(t);
    const float rho = site_scale(z, params.fn.in, config);
    float* const g = site.logits.row(t);
    float pre[m];
    for (int64_t i = 0; i < m; ++i) g[i] = site.products.row(t)[i] * rho;
    hc_head_gates(g, params, config, pre);
    float* const d_g = site.d_logits.row(t);
    float* const d_argument = site.d_arguments.row(t);
    for (int64_t j = 0; j < m; ++j) {
      const float sigmoid = hc_head_sigmoid(g, params, j);
      d_argument[j] = kernels_.dot(z + j * d, d_u.row(t), d) * (sigmoid * (1.0f - sigmoid));
      d_g[j] = d_argument[j] * f32_values(params.scale)[0];
    }
    kernels_.hc_unmix(pre, d_u.row(t), d, d_streams.row(t));
    undo_site_scale(z, rho, site, t, d_streams.row(t));
  });
  kernels_.hc_parameters(site.d_arguments, site.logits, d_params.base, d_params.scale);
  linear_grouped(streams, params.fn, 1, site.d_logits, d_streams, d_params.fn);
}

// The products of a site's fn with the streams, and room for what follows from them.
CpuBackward::SiteValues CpuBackward::site_values(ConstMat streams, const Weight& fn) {
  const int64_t floats = streams.rows * fn.out;
  if (site_scratch_.size() < 4 * floats) site_scratch_ = Buffer(4 * floats);
  const auto part = [&](int64_t i) {
    return Mat{site_scratch_.data() + i * floats, streams.rows, fn.out, fn.out};
  };
  const SiteValues site{part(0), part(1), part(2), part(3), streams.cols};
  forward().linear_fp32(streams, fn, site.products);
  return site;
}

float CpuBackward::site_scale(const float* z, int64_t n, const HcConfig& config) const {
  return 1.0f / std::sqrt(kernels_.dot(z, z, n) / static_cast<float>(n) + config.norm_eps);
}

// d_logits becomes the gradient by the products, and the streams get what their own length passes on.
void CpuBackward::undo_site_scale(const float* z, float rho, const SiteValues& site, int64_t t,
                                  float* d_z) const {
  const int64_t n = site.streams_cols;
  float inward = kernels_.hc_inward(site.products.row(t), rho, site.products.cols, site.d_logits.row(t));
  inward *= -(rho * rho * rho / static_cast<float>(n));
  kernels_.axpy(inward, z, n, d_z);
}

void CpuBackward::hc_post(ConstMat streams, ConstMat y, ConstMat post, ConstMat comb, Mat d_streams, Mat d_y,
                          Mat d_post, Mat d_comb) {
  CHECK(streams.cols == m * y.cols && d_streams.cols == m * y.cols);
  share(y.rows, [&](int64_t t) {
    kernels_.hc_post(streams.row(t), y.row(t), y.cols, post.row(t), comb.row(t), d_streams.row(t), d_y.row(t),
                     d_post.row(t), d_comb.row(t));
  });
}

// Neighbouring blocks share slots, so channels are cut, not blocks.
void CpuBackward::compressor_pool(std::span<const PoolSlots> blocks, ConstMat d_out,
                                  std::span<const PoolGradients> d_blocks) {
  CHECK(static_cast<int64_t>(blocks.size()) == d_out.rows && blocks.size() == d_blocks.size());
  pool_.run([&](int worker) {
    const Range part = part_of(d_out.cols, worker, pool_.threads(), kChannelGrain);
    if (part.first == part.last) return;
    for (int64_t b = 0; b < d_out.rows; ++b)
      kernels_.pool(blocks[static_cast<size_t>(b)], d_blocks[static_cast<size_t>(b)], d_out.row(b),
                    part.first, part.last);
  });
}

void CpuBackward::cross_entropy(ConstMat logits, std::span<const int32_t> targets,
                                std::span<const float> weights, std::span<float> losses, Mat d_logits) {
  CHECK(static_cast<int64_t>(targets.size()) == logits.rows && targets.size() == weights.size());
  share(logits.rows, [&](int64_t row) {
    const auto t = static_cast<size_t>(row);
    losses[t] = 0;
    if (targets[t] < 0) {
      std::fill_n(d_logits.row(row), logits.cols, 0.0f);
      return;
    }
    CHECK(targets[t] < logits.cols);
    losses[t] =
        kernels_.cross_entropy(logits.row(row), logits.cols, targets[t], weights[t], d_logits.row(row));
  });
}

void CpuBackward::swiglu(Mat gate, Mat up, const float* weights, float limit, ConstMat d_hidden, Mat hidden,
                         float* d_weights) {
  pool_.run([&](int worker) {
    const Range part = part_of(gate.rows, worker, pool_.threads());
    std::vector<float> product(static_cast<size_t>(gate.cols));
    for (int64_t i = part.first; i < part.last; ++i)
      d_weights[i] = kernels_.swiglu(gate.row(i), up.row(i), weights[i], limit, d_hidden.row(i),
                                     hidden.row(i), product.data(), gate.cols);
  });
}

// Every matrix is one worker's, the costliest first to the least loaded.
void CpuBackward::newton_schulz(std::span<const Mat> matrices, std::span<const NewtonSchulz> steps) {
  const auto cost = [](const Mat& x) { return x.rows * x.cols * std::min(x.rows, x.cols); };
  std::vector<Mat> order(matrices.begin(), matrices.end());
  std::stable_sort(order.begin(), order.end(), [&](const Mat& x, const Mat& y) { return cost(x) > cost(y); });
  std::vector<std::vector<Mat>> of_worker(gemm_scratch_.size());
  std::vector<int64_t> load(gemm_scratch_.size());
  for (const Mat& matrix : order) {
    const auto least = static_cast<size_t>(std::min_element(load.begin(), load.end()) - load.begin());
    of_worker[least].push_back(matrix);
    load[least] += cost(matrix);
  }
  pool_.run([&](int worker) {
    const auto mine = static_cast<size_t>(worker);
    const FastProducts products{kernels_, gemm_scratch_[mine].data()};
    for (const Mat& matrix : of_worker[mine]) newton_schulz_of(matrix, steps, products, muon_scratch_[mine]);
  });
}

}  // namespace hadal
