#include "ops/low_rank.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/cpu/cpu_backward.h"
#include "ops/cpu/cpu_ops.h"
#include "ops/decode_weight.h"
#include "ops/reference/reference_backward.h"
#include "ops/reference/reference_ops.h"

namespace hadal {
namespace {

// Packed rows in a buffer that grows.
Mat rows_in(Buffer& buffer, int64_t rows, int64_t cols) {
  if (buffer.size() < rows * cols) buffer = Buffer(rows * cols);
  return buffer.mat(rows, cols);
}

ConstMat columns(ConstMat m, int64_t first, int64_t count) {
  return {m.data == nullptr ? nullptr : m.data + first, m.rows, count, m.stride};
}
Mat columns(Mat m, int64_t first, int64_t count) {
  return {m.data == nullptr ? nullptr : m.data + first, m.rows, count, m.stride};
}

// The rows of b that belong to group g.
Weight group_of(const Weight& b, int64_t g, int64_t outs) {
  Weight part = b;
  part.data += g * outs * b.row_bytes();
  part.out = outs;
  return part;
}

void scale_by(float factor, Mat m) {
  for (int64_t i = 0; i < m.rows * m.cols; ++i) m.data[i] *= factor;
}

template <typename Base>
class AdaptedOps final : public Base {
 public:
  template <typename Argument>
  AdaptedOps(const LowRanks& adapters, const Argument& argument) : Base(argument), adapters_(adapters) {}

  void linear(ConstMat x, const Weight& w, Mat out) override {
    Base::linear(x, w, out);
    add_low_rank(x, w, 1, out);
  }
  void linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) override {
    Base::linear_grouped(x, w, groups, out);
    add_low_rank(x, w, groups, out);
  }
  // The definition, product by product, where an expert is adapted.
  void moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
           std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit,
           Mat out) override {
    if (is_adapted(shared) ||
        std::ranges::any_of(experts, [this](const ExpertWeights& e) { return is_adapted(e); })) {
      // NOLINTNEXTLINE(bugprone-parent-virtual-call): the fast one does not know of adapters
      ReferenceOps::moe(x, ids, weights, top_k, experts, shared, limit, out);
    } else {
      Base::moe(x, ids, weights, top_k, experts, shared, limit, out);
    }
  }

 private:
  bool is_adapted(const ExpertWeights& e) const {
    return adapters_.contains(e.w1.data) || adapters_.contains(e.w2.data) || adapters_.contains(e.w3.data);
  }
  void add_low_rank(ConstMat x, const Weight& w, int64_t groups, Mat out) {
    const auto at = adapters_.find(w.data);
    if (at == adapters_.end()) return;
    const auto& [a, b, scale, d_a, d_b] = at->second;
    const int64_t outs = w.out / groups;
    const Mat low = rows_in(low_, x.rows, a.out);
    const Mat up = rows_in(up_, x.rows, outs);
    for (int64_t g = 0; g < groups; ++g) {
      Base::linear_fp32(columns(x, g * w.in, w.in), a, low);
      Base::linear_fp32(low, group_of(b, g, outs), up);
      for (int64_t t = 0; t < x.rows; ++t) {
        float* const to = out.row(t) + g * outs;
        for (int64_t o = 0; o < outs; ++o) to[o] = std::fma(scale, up.row(t)[o], to[o]);
      }
    }
  }

  const LowRanks& adapters_;
  Buffer low_, up_;
};

template <typename Base>
class AdaptedBackward final : public Base {
 public:
  template <typename... Arguments>
  explicit AdaptedBackward(const LowRanks& adapters, Arguments&&... arguments)
      : Base(std::forward<Arguments>(arguments)...), adapters_(adapters) {}

  void embed(std::span<const int32_t> ids, ConstMat d_out, Mat d_table) override {
    if (d_table.data != nullptr) Base::embed(ids, d_out, d_table);
  }
  void linear_grouped(ConstMat x, const Weight& w, int64_t groups, ConstMat d_out, Mat d_x,
                      float* d_w) override {
    if (d_x.data != nullptr || d_w != nullptr) Base::linear_grouped(x, as_f32(w), groups, d_out, d_x, d_w);
    const auto at = adapters_.find(w.data);
    if (at == adapters_.end()) return;
    const int64_t outs = w.out / groups;
    for (int64_t g = 0; g < groups; ++g)
      low_rank(at->second, columns(x, g * w.in, w.in), g, columns(d_out, g * outs, outs),
               columns(d_x, g * w.in, w.in));
  }
  void moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
           std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit, ConstMat d_out,
           Mat d_x, Mat d_weights, std::span<const ExpertGradients> d_experts,
           const ExpertGradients& d_shared) override {
    ReferenceBackward::moe(x, ids, weights, top_k, experts, shared, limit, d_out, d_x, d_weights, d_experts,
                           d_shared);
  }

 private:
  // One group. With u = scale * low: d_b += d_out^T u; d_low = scale * d_out b; d_a += d_low^T x; d_x +=
  // d_low a. Without x the gradient by it is all that is wanted.
  void low_rank(const LowRank& adapter, ConstMat x, int64_t g, ConstMat d_out, Mat d_x) {
    const Weight b = group_of(adapter.b, g, d_out.cols);
    const Mat d_low = rows_in(d_low_, d_out.rows, adapter.a.out);
    std::fill_n(d_low.data, d_low.rows * d_low.cols, 0.0f);
    Mat low = d_low;
    low.data = nullptr;
    float* d_b = nullptr;
    if (x.data != nullptr) {
      low = rows_in(low_, d_out.rows, adapter.a.out);
      Base::forward().linear_fp32(x, adapter.a, low);
      scale_by(adapter.scale, low);
      d_b = adapter.d_b + g * d_out.cols * adapter.b.in;
    }
    Base::linear_grouped(low, b, 1, d_out, d_low, d_b);
    scale_by(adapter.scale, d_low);
    Base::linear_grouped(x, adapter.a, 1, d_low, d_x, x.data == nullptr ? nullptr : adapter.d_a);
  }
  Weight as_f32(const Weight& w) {
    if (w.format == WeightFormat::kF32 && reinterpret_cast<uintptr_t>(w.data) % alignof(float) == 0) return w;
    const Mat decoded = rows_in(decoded_, w.out, w.in);
    decode_weight(w, decoded.data);
    return {.format = WeightFormat::kF32,
            .out = w.out,
            .in = w.in,
            .data = reinterpret_cast<const std::byte*>(decoded.data)};
  }

  const LowRanks& adapters_;
  Buffer low_, d_low_, decoded_;
};

}  // namespace

std::unique_ptr<Ops> make_ops(const DeviceOptions& options, const LowRanks& adapters) {
  if (options.numerics == Numerics::kOfficial)
    fail(ErrorCode::kUsage,
         "--numerics official is DeepSeek's own arithmetic, which knows no adapters; leave out one of them");
  if (options.isa == Isa::kReference)
    return std::make_unique<AdaptedOps<ReferenceOps>>(adapters, options.numerics);
  return std::make_unique<AdaptedOps<CpuOps>>(adapters, options);
}

std::unique_ptr<BackwardOps> make_backward(const DeviceOptions& options, Ops& forward,
                                           const LowRanks& adapters) {
  if (options.isa == Isa::kReference)
    return std::make_unique<AdaptedBackward<ReferenceBackward>>(adapters, forward);
  return std::make_unique<AdaptedBackward<CpuBackward>>(adapters, options, forward);
}

}  // namespace hadal
