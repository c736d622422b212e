// Fp64Ops: the ops of ops.h in double precision, over a double for every float of the memory they are called
// on: the judge of gradients. The forward pass runs on it as it is, so finite differences of its loss have
// errors near 1e-10.
//
// Not an implementation of the bits of ops.h: formulas of the spec, written apart from the reference ops.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "ops/ops.h"
#include "train/residual.h"
#include "train/shadow.h"

namespace hadal {

class Fp64Ops final : public Ops {
 public:
  Residual residual = Residual::kMhc;

  void cover(const float* base, int64_t count) { memory_.cover(base, count); }
  // Every double becomes its float.
  void load() {
    memory_.for_each([](float value, double& to) { to = value; });
    keys_.clear();
    picked_.clear();
    chosen_.clear();
  }
  double* at(const float* p) const { return memory_.at(p); }
  double* at(const std::byte* p) const { return memory_.at(reinterpret_cast<const float*>(p)); }
  // What was selected, so that a test can see that a difference did not cross a selection.
  const std::vector<int64_t>& picked() const { return picked_; }
  const std::vector<int32_t>& chosen() const { return chosen_; }

  Numerics numerics() const override { return Numerics::kFp32; }

  void embed(const Weight& table, std::span<const int32_t> ids, Mat out) override {
    for (int64_t t = 0; t < out.rows; ++t)
      std::copy_n(at(table.data) + ids[t] * table.in, out.cols, row(out, t));
  }
  void hc_expand(ConstMat x, int64_t mult, Mat streams) override {
    for (int64_t t = 0; t < x.rows; ++t)
      for (int64_t j = 0; j < mult; ++j) std::copy_n(row(x, t), x.cols, row(streams, t) + j * x.cols);
  }
  void hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
              Mat comb) override {
    const int64_t m = config.mult;
    for (int64_t t = 0; t < streams.rows; ++t) {
      const std::vector<double> a = arguments(row(streams, t), params, config, 3);
      std::vector<double> pre(a.begin(), a.begin() + m);
      double* const c = row(comb, t);
      std::copy_n(a.data() + 2 * m, m * m, c);
      if (residual != Residual::kMhc) {
        std::copy_n(a.data() + m, m, row(post, t));
        mix(row(streams, t), pre, u.cols, row(u, t));
        continue;
      }
      for (int64_t j = 0; j < m; ++j) pre[j] = sigmoid(a[j]) + config.hc_eps;
      for (int64_t k = 0; k < m; ++k) row(post, t)[k] = 2 * sigmoid(a[m + k]);
      sinkhorn(c, m, config);
      mix(row(streams, t), pre, u.cols, row(u, t));
    }
  }
  void hc_post(Mat streams, ConstMat y, ConstMat post, ConstMat comb) override {
    const int64_t d = y.cols;
    const int64_t m = streams.cols / d;
    for (int64_t t = 0; t < y.rows; ++t) {
      double* const x = row(streams, t);
      for (int64_t c = 0; c < d; ++c) {
        std::vector<double> mixed(m);
        for (int64_t k = 0; k < m; ++k) {
          mixed[k] = row(post, t)[k] * row(y, t)[c];
          for (int64_t j = 0; j < m; ++j) mixed[k] += row(comb, t)[j * m + k] * x[j * d + c];
        }
        for (int64_t k = 0; k < m; ++k) x[k * d + c] = mixed[k];
      }
    }
  }
  void hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u) override {
    for (int64_t t = 0; t < streams.rows; ++t) {
      std::vector<double> pre = arguments(row(streams, t), params, config, 1);
      for (double& p : pre) p = residual == Residual::kMhc ? sigmoid(p) + config.hc_eps : p;
      mix(row(streams, t), pre, u.cols, row(u, t));
    }
  }
  void rms_norm(ConstMat x, const NormWeight& weight, float eps, Mat out) override {
    for (int64_t t = 0; t < x.rows; ++t) {
      const double r = inverse_rms(row(x, t), x.cols, eps);
      for (int64_t i = 0; i < x.cols; ++i) row(out, t)[i] = at(weight.data)[i] * row(x, t)[i] * r;
    }
  }
  void head_rms_norm(Mat q, int64_t head_dim, float eps) override {
    for (int64_t t = 0; t < q.rows; ++t) {
      for (int64_t first = 0; first < q.cols; first += head_dim) {
        const double r = inverse_rms(row(q, t) + first, head_dim, eps);
        for (int64_t i = 0; i < head_dim; ++i) row(q, t)[first + i] *= r;
      }
    }
  }
  void linear(ConstMat x, const Weight& w, Mat out) override { linear_grouped(x, w, 1, out); }
  void linear_fp32(ConstMat x, const Weight& w, Mat out) override { linear_grouped(x, w, 1, out); }
  void linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) override {
    for (int64_t t = 0; t < x.rows; ++t) {
      for (int64_t o = 0; o < w.out; ++o)
        row(out, t)[o] = dot(at(w.data) + o * w.in, row(x, t) + o / (w.out / groups) * w.in, w.in);
    }
  }
  void add(Mat x, ConstMat y) override {
    for (int64_t t = 0; t < x.rows; ++t)
      for (int64_t i = 0; i < x.cols; ++i) row(x, t)[i] += row(y, t)[i];
  }
  void rope(Mat x, int64_t head_dim, std::span<const int64_t> positions, const RopeFrequencies& f,
            bool inverse) override {
    for (int64_t t = 0; t < x.rows; ++t) {
      for (int64_t end = head_dim; end <= x.cols; end += head_dim) {
        for (int64_t p = 0; p < kRopeDims / 2; ++p) {
          const double angle = static_cast<float>(positions[t]) * f.f[p];
          const double c = std::cos(angle);
          const double s = inverse ? -std::sin(angle) : std::sin(angle);
          double* const pair = row(x, t) + end - kRopeDims + 2 * p;
          const double re = pair[0], im = pair[1];
          pair[0] = re * c - im * s;
          pair[1] = im * c + re * s;
        }
      }
    }
  }
  void hadamard(Mat x) override {
    for (int64_t t = 0; t < x.rows; ++t) {
      for (int64_t first = 0; first < x.cols; first += kIndexDim) {
        double* const v = row(x, t) + first;
        const std::vector<double> in(v, v + kIndexDim);
        for (uint64_t a = 0; a < kIndexDim; ++a) {
          v[a] = 0;
          for (uint64_t b = 0; b < kIndexDim; ++b)
            v[a] += __builtin_popcountll(a & b) % 2 == 0 ? in[b] : -in[b];
          v[a] /= std::sqrt(static_cast<double>(kIndexDim));
        }
      }
    }
  }
  void store_kv(ConstMat kv, const KvRow&, std::span<std::byte* const> rows) override {
    for (int64_t t = 0; t < kv.rows; ++t) keys_[rows[t]].assign(row(kv, t), row(kv, t) + kv.cols);
  }
  void store_index_keys(ConstMat k, int64_t first, const IndexKeyForm&, std::byte* keys) override {
    for (int64_t t = 0; t < k.rows; ++t)
      keys_[keys + (first + t) * kIndexDim * 4].assign(row(k, t), row(k, t) + k.cols);
  }
  void add_ape(Mat score, const std::byte* ape, int64_t ratio, int64_t first_position) override {
    for (int64_t t = 0; t < score.rows; ++t)
      for (int64_t c = 0; c < score.cols; ++c)
        row(score, t)[c] += at(ape)[(first_position + t) % ratio * score.cols + c];
  }
  void compressor_pool(std::span<const PoolSlots> blocks, Mat out) override {
    for (int64_t b = 0; b < out.rows; ++b) {
      for (int64_t c = 0; c < out.cols; ++c) {
        double sum = 0, weighted = 0;
        for (int64_t s = 0; s < blocks[b].count; ++s) {
          const double p = std::exp(at(blocks[b].score[s])[c]);
          sum += p;
          weighted += p * at(blocks[b].kv[s])[c];
        }
        row(out, b)[c] = weighted / sum;
      }
    }
  }
  void index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                  std::span<const int64_t> visible, const IndexChoice& choice) override {
    const int64_t topk = choice.topk;
    int64_t* const picks = choice.picks;
    for (int64_t t = 0; t < q.rows; ++t) {
      std::vector<double> scores(visible[t]);
      for (int64_t n = 0; n < visible[t]; ++n) scores[n] = index_score(q, w, score_scale, t, keys.data, n);
      std::vector<int64_t> order(visible[t]);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
      order.resize(std::min(topk, visible[t]));
      std::sort(order.begin(), order.end());
      std::fill_n(picks + t * topk, topk, -1);
      std::copy(order.begin(), order.end(), picks + t * topk);
      picked_.insert(picked_.end(), order.begin(), order.end());
    }
  }
  double index_score(ConstMat q, ConstMat w, float score_scale, int64_t t, const std::byte* keys, int64_t n) {
    const std::vector<double>& key = keys_.at(keys + n * kIndexDim * 4);
    double score = 0;
    for (int64_t h = 0; h < w.cols; ++h)
      score +=
          row(w, t)[h] * score_scale * std::max(0.0, dot(row(q, t) + h * kIndexDim, key.data(), kIndexDim));
    return score;
  }
  void sparse_attention(ConstMat q, std::span<const KeyRows> keys, const KeyForms& forms,
                        const std::byte* sink, float scale, Mat out) override {
    const int64_t head_dim = forms.entries.dim;
    for (int64_t t = 0; t < q.rows; ++t) {
      for (int64_t h = 0; h < q.cols / head_dim; ++h) {
        double* const o = row(out, t) + h * head_dim;
        double sum = std::exp(at(sink)[h]);
        std::fill_n(o, head_dim, 0.0);
        for (int64_t i = 0; i < keys[t].count; ++i) {
          const std::vector<double>& key = keys_.at(keys[t].rows[i]);
          const double p = std::exp(dot(row(q, t) + h * head_dim, key.data(), head_dim) * scale);
          sum += p;
          for (int64_t c = 0; c < head_dim; ++c) o[c] += p * key[c];
        }
        for (int64_t c = 0; c < head_dim; ++c) o[c] /= sum;
      }
    }
  }
  void moe_route(ConstMat logits, const RouteParams& params, std::span<const int32_t> token_ids, int32_t* ids,
                 float* weights) override {
    const int64_t k = params.top_k;
    for (int64_t t = 0; t < logits.rows; ++t) {
      std::vector<double> s(logits.cols);
      for (int64_t e = 0; e < logits.cols; ++e) s[e] = std::sqrt(std::log1p(std::exp(row(logits, t)[e])));
      std::vector<int32_t> order(s.size());
      std::iota(order.begin(), order.end(), 0);
      if (params.bias != nullptr) {
        std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
          return s[a] + at(params.bias)[a] > s[b] + at(params.bias)[b];
        });
      } else {
        for (int64_t i = 0; i < k; ++i)
          order[i] = static_cast<int32_t>(load_as<int64_t>(params.tid2eid + (token_ids[t] * k + i) * 8));
      }
      std::sort(order.begin(), order.begin() + k);
      double sum = 0;
      for (int64_t i = 0; i < k; ++i) sum += s[order[i]];
      for (int64_t i = 0; i < k; ++i) {
        ids[t * k + i] = order[i];
        at(weights)[t * k + i] = s[order[i]] / sum * params.routed_scale;
        chosen_.push_back(order[i]);
      }
    }
  }
  void moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
           std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit,
           Mat out) override {
    for (int64_t t = 0; t < x.rows; ++t) {
      std::fill_n(row(out, t), out.cols, 0.0);
      for (int64_t i = 0; i < top_k; ++i)
        add_expert(row(x, t), experts[ids[t * top_k + i]], at(weights)[t * top_k + i], limit, row(out, t));
      add_expert(row(x, t), shared, 1.0, limit, row(out, t));
    }
  }
  // Ops of other members of the family.
  void hc_collapse(ConstMat, ConstMat, Mat) override { CHECK(false); }
  void hc_coefficients(ConstMat, const HcParams&, const HcConfig&, Mat, Mat, Mat) override { CHECK(false); }
  void engram_gate(Mat, ConstMat, const NormWeight&, const NormWeight&, float, Mat) override { CHECK(false); }
  void mla_absorb(ConstMat, const Weight&, int64_t, int64_t, Mat) override { CHECK(false); }
  void mla_values(ConstMat, const Weight&, int64_t, int64_t, Mat) override { CHECK(false); }
  void layer_norm(ConstMat, const NormWeight&, const NormWeight&, float, Mat) override { CHECK(false); }
  // sum over the rows of weight * cross entropy.
  double cross_entropy(ConstMat logits, std::span<const int32_t> targets, std::span<const float> weights) {
    double loss = 0;
    for (int64_t t = 0; t < logits.rows; ++t) {
      if (targets[t] < 0) continue;
      const double* const l = row(logits, t);
      const double max = *std::max_element(l, l + logits.cols);
      double sum = 0;
      for (int64_t v = 0; v < logits.cols; ++v) sum += std::exp(l[v] - max);
      loss += weights[t] * (std::log(sum) + max - l[targets[t]]);
    }
    return loss;
  }
  double* row(ConstMat m, int64_t t) const { return at(m.row(t)); }

 private:
  static double dot(const double* a, const double* b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
  }
  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
  static double inverse_rms(const double* x, int64_t n, double eps) {
    return 1 / std::sqrt(dot(x, x, n) / static_cast<double>(n) + eps);
  }
  std::vector<double> arguments(const double* z, const HcParams& params, const HcConfig& config,
                                int64_t scales) const {
    const double rho = inverse_rms(z, params.fn.in, config.norm_eps);
    std::vector<double> a(params.fn.out);
    if (residual == Residual::kPlain) {
      std::fill_n(a.begin(), config.mult, 1.0 / static_cast<double>(config.mult));
      for (int64_t i = config.mult; i < params.fn.out; ++i) {
        const int64_t of_comb = i - 2 * config.mult;
        a[i] = of_comb < 0 || of_comb / config.mult == of_comb % config.mult ? 1 : 0;
      }
      return a;
    }
    for (int64_t i = 0; i < params.fn.out; ++i) {
      const int64_t site = scales == 1 ? 0 : std::min<int64_t>(i / config.mult, 2);
      a[i] = dot(at(params.fn.data) + i * params.fn.in, z, params.fn.in) * rho * at(params.scale)[site] +
             at(params.base)[i];
    }
    return a;
  }
  static void sinkhorn(double* c, int64_t m, const HcConfig& config) {
    for (int64_t j = 0; j < m; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < m; ++k) sum += c[j * m + k] = std::exp(c[j * m + k]);
      for (int64_t k = 0; k < m; ++k) c[j * m + k] = c[j * m + k] / sum + config.hc_eps;
    }
    const auto divide = [&](int64_t line, int64_t along) {
      for (int64_t i = 0; i < m; ++i) {
        double sum = config.hc_eps;
        for (int64_t k = 0; k < m; ++k) sum += c[i * line + k * along];
        for (int64_t k = 0; k < m; ++k) c[i * line + k * along] /= sum;
      }
    };
    divide(1, m);
    for (int64_t i = 1; i < config.sinkhorn_iters; ++i) {
      divide(m, 1);
      divide(1, m);
    }
  }
  static void mix(const double* z, const std::vector<double>& pre, int64_t d, double* u) {
    for (int64_t c = 0; c < d; ++c) {
      u[c] = 0;
      for (size_t j = 0; j < pre.size(); ++j) u[c] += pre[j] * z[static_cast<int64_t>(j) * d + c];
    }
  }
  void add_expert(const double* x, const ExpertWeights& w, double weight, double limit, double* out) const {
    std::vector<double> a(w.w1.out);
    for (int64_t i = 0; i < w.w1.out; ++i) {
      double g = dot(at(w.w1.data) + i * w.w1.in, x, w.w1.in);
      double u = dot(at(w.w3.data) + i * w.w3.in, x, w.w3.in);
      if (limit > 0) {
        g = std::min(g, limit);
        u = std::clamp(u, -limit, limit);
      }
      a[i] = weight * g * sigmoid(g) * u;
    }
    for (int64_t o = 0; o < w.w2.out; ++o) out[o] += dot(at(w.w2.data) + o * w.w2.in, a.data(), w.w2.in);
  }

  Shadow<double> memory_;
  std::map<const std::byte*, std::vector<double>> keys_;
  std::vector<int64_t> picked_;
  std::vector<int32_t> chosen_;
};

}  // namespace hadal
