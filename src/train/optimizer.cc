#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace hadal {
namespace {

double sum_of_squares(const float* values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  return sum;
}

// fn(i) for each parameter, in any order: a worker has those whose values begin in its part of the array.
template <typename Fn>
void for_each_parameter(const Parameters& parameters, ThreadPool& pool, Fn fn) {
  const std::vector<Parameter>& list = parameters.list();
  pool.run([&](int worker) {
    const Range part = part_of(parameters.size(), worker, pool.threads());
    for (size_t i = 0; i < list.size(); ++i) {
      if (list[i].offset >= part.first && list[i].offset < part.last) fn(i);
    }
  });
}

bool decays(const Parameter& p) {
  return p.role != ParameterRole::kNorm && p.role != ParameterRole::kScalar && p.role != ParameterRole::kBias;
}

}  // namespace

Optimizer::Optimizer(const Parameters& parameters, const OptimizerOptions& options)
    : first(parameters.size()),
      second(parameters.size()),
      parameters_(parameters),
      options_(options),
      updates_(parameters.size()) {}

bool Optimizer::uses_muon(const Parameter& p) {
  return p.role == ParameterRole::kMatrix || p.role == ParameterRole::kExpert ||
         p.role == ParameterRole::kPlain;
}

StepResult Optimizer::step(int64_t number, double muon_rate, double adam_rate, BackwardOps& ops,
                           ThreadPool& pool) {
  const std::vector<Parameter>& list = parameters_.list();
  std::vector<double> squares(list.size());
  for_each_parameter(parameters_, pool, [&](size_t i) {
    if (list[i].role != ParameterRole::kBias)
      squares[i] = sum_of_squares(parameters_.gradient(list[i]), list[i].size);
  });
  double all = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    if (!std::isfinite(squares[i]))
      fail(ErrorCode::kFailure, "step {}: the gradient of {} is not finite", number, list[i].name);
    all += squares[i];
  }
  StepResult result{std::sqrt(all)};
  float scale = 1;
  if (options_.clip > 0 && result.gradient_norm > options_.clip)
    scale = static_cast<float>(options_.clip / result.gradient_norm);
  muon(muon_rate, scale, ops, pool);
  for_each_parameter(parameters_, pool, [&](size_t i) {
    const Parameter& p = list[i];
    if (!uses_muon(p) && p.role != ParameterRole::kBias) adam(p, number, adam_rate, scale);
    std::fill_n(parameters_.gradient(p), p.size, 0.0f);
  });
  return result;
}

void Optimizer::adam(const Parameter& p, int64_t number, double rate, float scale) {
  const auto n = static_cast<double>(number);
  const auto b1 = static_cast<float>(options_.beta1);
  const auto b2 = static_cast<float>(options_.beta2);
  const auto first_correction = static_cast<float>(1 / (1 - std::pow(options_.beta1, n)));
  const auto second_correction = static_cast<float>(1 / (1 - std::pow(options_.beta2, n)));
  const auto epsilon = static_cast<float>(options_.epsilon);
  const auto speed = static_cast<float>(rate);
  const auto decay = decays(p) ? static_cast<float>(options_.weight_decay) : 0.0f;
  float* const master = parameters_.masters() + p.offset;
  const float* const gradient = parameters_.gradient(p);
  float* const m = first.data() + p.offset;
  float* const v = second.data() + p.offset;
  for (int64_t i = 0; i < p.size; ++i) {
    const float g = gradient[i] * scale;
    m[i] = b1 * m[i] + (1 - b1) * g;
    v[i] = b2 * v[i] + (1 - b2) * (g * g);
    // A value whose gradient was never anything but zero stays.
    const float update =
        m[i] == 0 ? 0.0f : m[i] * first_correction / (std::sqrt(v[i] * second_correction) + epsilon);
    master[i] -= speed * (update + decay * master[i]);
  }
}

void Optimizer::muon(double rate, float scale, BackwardOps& ops, ThreadPool& pool) {
  std::vector<BackwardOps::NewtonSchulz> steps(
      static_cast<size_t>(std::max<int64_t>(options_.muon_steps - 2, 0)), {3.4445f, -4.7750f, 2.0315f});
  steps.resize(static_cast<size_t>(options_.muon_steps), {2.0f, -1.5f, 0.5f});
  const auto momentum = static_cast<float>(options_.muon_momentum);
  const std::vector<Parameter>& list = parameters_.list();
  for_each_parameter(parameters_, pool, [&](size_t n) {
    const Parameter& p = list[n];
    if (!uses_muon(p)) return;
    float* const m = first.data() + p.offset;
    float* const update = updates_.data() + p.offset;
    const float* const gradient = parameters_.gradient(p);
    for (int64_t i = 0; i < p.size; ++i) {
      const float g = gradient[i] * scale;
      m[i] = momentum * m[i] + g;
      update[i] = momentum * m[i] + g;
    }
  });
  std::vector<Mat> matrices;
  for (const Parameter& p : list) {
    const int64_t columns = p.size / p.shape[0];
    if (uses_muon(p)) matrices.push_back({updates_.data() + p.offset, p.shape[0], columns, columns});
  }
  ops.newton_schulz(matrices, steps);
  const auto decay = static_cast<float>(options_.weight_decay);
  const auto speed = static_cast<float>(rate);
  for_each_parameter(parameters_, pool, [&](size_t n) {
    const Parameter& p = list[n];
    if (!uses_muon(p)) return;
    const auto longer = static_cast<double>(std::max(p.shape[0], p.size / p.shape[0]));
    const auto size = static_cast<float>(options_.muon_scale * std::sqrt(longer));
    float* const master = parameters_.masters() + p.offset;
    const float* const update = updates_.data() + p.offset;
    for (int64_t i = 0; i < p.size; ++i) master[i] -= speed * (size * update[i] + decay * master[i]);
  });
}

}  // namespace hadal
