// Recording: the ops of the residual stream, norms and products. The ops of attention are in
// tape_attention.cc, the router and the losses in tape_losses.cc.
#include "train/tape_ops.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

const float* end_of(ConstMat m) { return m.rows == 0 ? m.data : m.row(m.rows - 1) + m.cols; }

bool overlap(ConstMat a, ConstMat b) { return a.data < end_of(b) && b.data < end_of(a); }

bool same(ConstMat a, ConstMat b) {
  return a.data == b.data && a.rows == b.rows && a.cols == b.cols && a.stride == b.stride;
}

[[noreturn]] void refuse(const char* op) {
  fail(ErrorCode::kUsage,
       "training does not know the gradient of {}: only DeepSeek-V4 models can be trained yet", op);
}

}  // namespace

TapeOps::TapeOps(Ops& forward, BackwardOps& backward) : forward_(forward), backward_(backward) {
  CHECK(forward.numerics() == Numerics::kFp32);
}

void TapeOps::set_parameters(const float* base, int64_t count, float* gradients) {
  parameters_ = base;
  parameter_count_ = count;
  parameter_gradients_ = gradients;
}

void TapeOps::begin_block() {
  keys_ = nullptr;
  index_keys_ = nullptr;
  CHECK(index_queries_.empty());
}

double TapeOps::backward() {
  index_kl_ = 0;
  while (!nodes_.empty()) {
    nodes_.back().back();
    times_.add_backward(nodes_.back().kind);
    nodes_.pop_back();
  }
  const double kl = index_kl_;
  clear();
  return kl;
}

void TapeOps::clear() {
  nodes_.clear();
  saved_.clear();
  index_queries_.clear();
  begin_block();
  routes_.clear();
  arena_.reset();
}

ConstMat TapeOps::save(ConstMat m) {
  for (const Saved& saved : saved_) {
    if (same(saved.original, m)) return saved.copy;
  }
  const Mat copy = arena_.take_mat(m.rows, m.cols);
  for (int64_t t = 0; t < m.rows; ++t) std::copy_n(m.row(t), m.cols, copy.row(t));
  saved_.push_back({m, copy});
  return copy;
}

template <typename T>
T* TapeOps::save_values(const T* from, int64_t count) {
  T* const to = arena_.take<T>(count);
  std::copy_n(from, count, to);
  return to;
}
template int32_t* TapeOps::save_values(const int32_t*, int64_t);
template int64_t* TapeOps::save_values(const int64_t*, int64_t);
template float* TapeOps::save_values(const float*, int64_t);

void TapeOps::wrote(ConstMat m) {
  std::erase_if(saved_, [&](const Saved& saved) { return overlap(saved.original, m); });
}

float* TapeOps::parameter_gradient(const std::byte* parameter) const {
  const auto* const value = reinterpret_cast<const float*>(parameter);
  if (options.frozen_matrices && (value < parameters_ || value >= parameters_ + parameter_count_))
    return nullptr;
  CHECK(value >= parameters_ && value < parameters_ + parameter_count_);
  return parameter_gradients_ + (value - parameters_);
}

HcGradients TapeOps::hc_gradients(const HcParams& params) const {
  return {parameter_gradient(params.fn.data), parameter_gradient(params.base),
          parameter_gradient(params.scale)};
}

ConstMat TapeOps::take_gradient(Mat m) {
  const Mat d = gradient(m);
  const Mat copy = arena_.take_mat(m.rows, m.cols);
  for (int64_t t = 0; t < m.rows; ++t) std::copy_n(d.row(t), m.cols, copy.row(t));
  zero(d);
  return copy;
}

void TapeOps::zero(Mat m) {
  for (int64_t t = 0; t < m.rows; ++t) std::fill_n(m.row(t), m.cols, 0.0f);
}

void TapeOps::embed(const Weight& table, std::span<const int32_t> ids, Mat out) {
  forward_.embed(table, ids, out);
  wrote(out);
  const std::span<const int32_t> kept(save_values(ids.data(), static_cast<int64_t>(ids.size())), ids.size());
  const Mat d_table{parameter_gradient(table.data), table.out, table.in, table.in};
  record(OpKind::kEmbedding, [=, this] {
    backward_.embed(kept, gradient(out), d_table);
    zero(gradient(out));
  });
}

void TapeOps::hc_expand(ConstMat x, int64_t mult, Mat streams) {
  forward_.hc_expand(x, mult, streams);
  wrote(streams);
  gain_.begin(streams.rows);
  record(OpKind::kStreams, [=, this] {
    backward_.hc_expand(gradient(streams), mult, gradient(x));
    zero(gradient(streams));
  });
}

void TapeOps::hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
                     Mat comb) {
  if (options.residual != Residual::kMhc) return mix_by_arm(streams, params, config, u, post, comb);
  const ConstMat z = save(streams);
  forward_.hc_pre(streams, params, config, u, post, comb);
  wrote(u);
  wrote(post);
  wrote(comb);
  record(OpKind::kStreams, [=, this] {
    backward_.hc_pre(z, params, config, gradient(u), gradient(post), gradient(comb), gradient(streams),
                     hc_gradients(params));
    zero(gradient(u));
    zero(gradient(post));
    zero(gradient(comb));
  });
}

void TapeOps::hc_post(Mat streams, ConstMat y, ConstMat post, ConstMat comb) {
  const ConstMat z = save(streams);
  const ConstMat y_kept = save(y);
  const ConstMat post_kept = save(post);
  const ConstMat comb_kept = save(comb);
  forward_.hc_post(streams, y, post, comb);
  wrote(streams);
  gain_.mix(comb);
  record(OpKind::kStreams, [=, this] {
    backward_.hc_post(z, y_kept, post_kept, comb_kept, gradient(streams), gradient(y), gradient(post),
                      gradient(comb));
  });
}

// hc_pre and, without post and comb, hc_head of an experiment.
void TapeOps::mix_by_arm(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
                         Mat comb) {
  const ConstMat z = save(streams);
  const std::vector<Mat> parts = post.data == nullptr ? std::vector<Mat>{} : std::vector<Mat>{post, comb};
  const auto gates = std::make_shared<Buffer>(streams.rows * params.fn.out);
  const Mat all = gates->mat(streams.rows, params.fn.out);
  ResidualArm arm(options.residual, forward_, backward_);
  arm.mix(streams, params, config, u, all);
  wrote(u);
  for (int64_t t = 0, first = config.mult; t < streams.rows; ++t, first = config.mult) {
    for (const Mat& part : parts) {
      std::copy_n(all.row(t) + first, part.cols, part.row(t));
      first += part.cols;
    }
  }
  for (const Mat& part : parts) wrote(part);
  record(OpKind::kStreams, [=, this]() mutable {
    const Mat d_gates = gates->mat(streams.rows, params.fn.out);
    for (int64_t t = 0, first = config.mult; t < streams.rows; ++t, first = config.mult) {
      for (const Mat& part : parts) {
        std::copy_n(gradient(part).row(t), part.cols, d_gates.row(t) + first);
        first += part.cols;
      }
    }
    const bool plain = options.residual == Residual::kPlain;
    arm.mix_backward(z, params, config, gradient(u), d_gates, gradient(streams),
                     plain ? HcGradients{} : hc_gradients(params));
    zero(gradient(u));
    for (const Mat& part : parts) zero(gradient(part));
  });
}

void TapeOps::hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u) {
  if (options.residual != Residual::kMhc) return mix_by_arm(streams, params, config, u, {}, {});
  const ConstMat z = save(streams);
  forward_.hc_head(streams, params, config, u);
  wrote(u);
  record(OpKind::kStreams, [=, this] {
    backward_.hc_head(z, params, config, gradient(u), gradient(streams), hc_gradients(params));
    zero(gradient(u));
  });
}

void TapeOps::rms_norm(ConstMat x, const NormWeight& weight, float eps, Mat out) {
  const ConstMat kept = save(x);
  forward_.rms_norm(x, weight, eps, out);
  wrote(out);
  record(OpKind::kNorms, [=, this] {
    const ConstMat d_out = take_gradient(out);  // out may be x
    backward_.rms_norm(kept, weight, eps, d_out, gradient(x), parameter_gradient(weight.data));
  });
}

void TapeOps::head_rms_norm(Mat q, int64_t head_dim, float eps) {
  const ConstMat kept = save(q);
  forward_.head_rms_norm(q, head_dim, eps);
  wrote(q);
  record(OpKind::kNorms, [=, this] {
    const ConstMat d_out = take_gradient(q);
    backward_.head_rms_norm(kept, head_dim, eps, d_out, gradient(q));
  });
}

void TapeOps::product(ConstMat x, const Weight& w, int64_t groups, Mat out) {
  const ConstMat kept = save(x);
  wrote(out);
  record(OpKind::kProducts, [=, this] {
    const Mat d_x = detached.contains(w.data) ? Mat{} : gradient(x);
    backward_.linear_grouped(kept, w, groups, gradient(out), d_x, parameter_gradient(w.data));
    zero(gradient(out));
  });
}

void TapeOps::linear(ConstMat x, const Weight& w, Mat out) {
  forward_.linear(x, w, out);
  product(x, w, 1, out);
}

void TapeOps::linear_fp32(ConstMat x, const Weight& w, Mat out) {
  if (head_loss_.head != nullptr && head_loss_.head == w.data) return losses_at_head(x, w);
  forward_.linear_fp32(x, w, out);
  product(x, w, 1, out);
}

void TapeOps::linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) {
  forward_.linear_grouped(x, w, groups, out);
  product(x, w, groups, out);
}

void TapeOps::add(Mat x, ConstMat y) {
  forward_.add(x, y);
  wrote(x);
  record(OpKind::kRotations, [=, this] { forward_.add(gradient(y), gradient(x)); });
}

void TapeOps::rope(Mat x, int64_t head_dim, std::span<const int64_t> positions, const RopeFrequencies& f,
                   bool inverse) {
  forward_.rope(x, head_dim, positions, f, inverse);
  wrote(x);
  const std::span<const int64_t> kept(save_values(positions.data(), static_cast<int64_t>(positions.size())),
                                      positions.size());
  record(OpKind::kRotations,
         [=, this, frequencies = &f] { forward_.rope(gradient(x), head_dim, kept, *frequencies, !inverse); });
}

void TapeOps::hadamard(Mat x) {
  forward_.hadamard(x);
  wrote(x);
  record(OpKind::kRotations, [=, this] { forward_.hadamard(gradient(x)); });
}

// The ops of other members of the family: their gradients are still to be written.
void TapeOps::hc_collapse(ConstMat, ConstMat, Mat) { refuse("hc_collapse"); }
void TapeOps::hc_coefficients(ConstMat, const HcParams&, const HcConfig&, Mat, Mat, Mat) {
  refuse("hc_coefficients");
}
void TapeOps::engram_gate(Mat, ConstMat, const NormWeight&, const NormWeight&, float, Mat) {
  refuse("engram_gate");
}
void TapeOps::mla_absorb(ConstMat, const Weight&, int64_t, int64_t, Mat) { refuse("mla_absorb"); }
void TapeOps::mla_values(ConstMat, const Weight&, int64_t, int64_t, Mat) { refuse("mla_values"); }
void TapeOps::layer_norm(ConstMat, const NormWeight&, const NormWeight&, float, Mat) { refuse("layer_norm"); }

}  // namespace hadal
