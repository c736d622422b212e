// The rotation frequencies of spec section 2, in the reference's own fp32 steps so that long positions agree
// with it.
#include "model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hadal {
namespace {

// The (fractional) pair that turns `rotations` times within the original context.
double correction_pair(double rotations, double theta, double original_context, int64_t dims) {
  return static_cast<double>(dims) * std::log(original_context / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(theta));
}

}  // namespace

RopeFrequencies rope_frequencies(double theta, int64_t dims) {
  RopeFrequencies table{.dims = dims};
  for (int64_t p = 0; p < dims / 2; ++p) {
    const float exponent = static_cast<float>(2 * p) / static_cast<float>(dims);
    table.f[p] = 1.0f / static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
  }
  return table;
}

RopeFrequencies yarn_frequencies(double theta, const RopeScaling& yarn, int64_t dims) {
  RopeFrequencies table = rope_frequencies(theta, dims);
  const auto context = static_cast<double>(yarn.original_max_position_embeddings);
  const double low = std::max(std::floor(correction_pair(yarn.beta_fast, theta, context, dims)), 0.0);
  double high = std::min(std::ceil(correction_pair(yarn.beta_slow, theta, context, dims)),
                         static_cast<double>(dims - 1));
  if (low == high) high += 0.001;
  for (int64_t p = 0; p < dims / 2; ++p) {
    const float ramp = (static_cast<float>(p) - static_cast<float>(low)) / static_cast<float>(high - low);
    const float keep = 1.0f - std::clamp(ramp, 0.0f, 1.0f);
    const float g = table.f[p];
    table.f[p] = g / static_cast<float>(yarn.factor) * (1.0f - keep) + g * keep;
  }
  return table;
}

double yarn_softmax_factor(const RopeScaling& yarn) {
  if (yarn.factor <= 1) return 1;
  const double mscale = 0.1 * yarn.mscale_all_dim * std::log(yarn.factor) + 1;
  return mscale * mscale;
}

}  // namespace hadal
