// Elementary functions, our own so that every CPU gives the same bits. These scalar texts are the definition;
// the vector versions in ops/cpu make the same steps lane by lane. Only IEEE +, -, *, /, sqrt, fma and
// integer operations are used. Coefficients: Cephes-style minimax fits for expf and logf, Taylor for double
// sine and cosine.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hadal {

// Largest error 1 ulp on [-87.33, 88.37]; below it 0, above it +inf. A NaN stays a NaN.
inline constexpr float kExpLow = -87.3365448f;
inline constexpr float kExpHigh = 88.3762627f;

inline float exp_f32(float x) {
  if (x < kExpLow) return 0.0f;
  if (x > kExpHigh) return std::numeric_limits<float>::infinity();
  if (x != x) return x;
  const float n = std::nearbyint(x * 1.44269504f);
  float r = std::fma(n, -0.693359375f, x);
  r = std::fma(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = std::fma(p, r, 1.3981999507e-3f);
  p = std::fma(p, r, 8.3334519073e-3f);
  p = std::fma(p, r, 4.1665795894e-2f);
  p = std::fma(p, r, 1.6666665459e-1f);
  p = std::fma(p, r, 5.0000001201e-1f);
  p = std::fma(p, r * r, r);
  p = p + 1.0f;
  return p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

// Natural logarithm of a positive normal number.
inline float log_f32(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  // m in [sqrt(1/2), sqrt(2)), x = m * 2^e.
  const uint32_t shifted = bits - 0x3f3504f3u;
  const auto e = static_cast<float>(static_cast<int32_t>(shifted) >> 23);
  const float m = std::bit_cast<float>((shifted & 0x007fffffu) + 0x3f3504f3u);
  const float f = m - 1.0f;
  const float z = f * f;
  float p = 7.0376836292e-2f;
  p = std::fma(p, f, -1.1514610310e-1f);
  p = std::fma(p, f, 1.1676998740e-1f);
  p = std::fma(p, f, -1.2420140846e-1f);
  p = std::fma(p, f, 1.4249322787e-1f);
  p = std::fma(p, f, -1.6668057665e-1f);
  p = std::fma(p, f, 2.0000714765e-1f);
  p = std::fma(p, f, -2.4999993993e-1f);
  p = std::fma(p, f, 3.3333331174e-1f);
  float y = (f * z) * p;
  y = std::fma(e, -2.12194440e-4f, y);
  y = std::fma(z, -0.5f, y);
  y = f + y;
  return std::fma(e, 0.693359375f, y);
}

inline float sigmoid_f32(float x) { return 1.0f / (1.0f + exp_f32(-x)); }

// log(1 + e^x), exact for tiny results: log(u) * (e / (u - 1)) undoes the rounding of u = 1 + e.
inline float softplus_f32(float x) {
  if (x > 20.0f) return x;
  const float e = exp_f32(x);
  const float u = 1.0f + e;
  if (u == 1.0f) return e;
  return log_f32(u) * (e / (u - 1.0f));
}

struct SinCos {
  float sin;
  float cos;
};

// Sine and cosine of an fp32 angle, |x| < 2^24, computed in double and rounded once. Always inlined: the
// units of different instruction sets must not share one copy.
[[gnu::always_inline]] inline SinCos sincos_f32(float angle) {
  const double x = angle;
  const double k = std::nearbyint(x * 0.63661977236758138);
  double r = std::fma(-k, 1.5707963267948966, x);
  r = std::fma(-k, 6.123233995736766e-17, r);
  const double z = r * r;
  double s = -7.6471637318198164e-13;
  s = std::fma(s, z, 1.6059043836821613e-10);
  s = std::fma(s, z, -2.5052108385441720e-8);
  s = std::fma(s, z, 2.7557319223985893e-6);
  s = std::fma(s, z, -1.9841269841269841e-4);
  s = std::fma(s, z, 8.3333333333333333e-3);
  s = std::fma(s, z, -1.6666666666666667e-1);
  s = std::fma(s * z, r, r);
  double c = 4.7794773323873853e-14;
  c = std::fma(c, z, -1.1470745597729725e-11);
  c = std::fma(c, z, 2.0876756987868099e-9);
  c = std::fma(c, z, -2.7557319223985888e-7);
  c = std::fma(c, z, 2.4801587301587302e-5);
  c = std::fma(c, z, -1.3888888888888889e-3);
  c = std::fma(c, z, 4.1666666666666664e-2);
  c = std::fma(c, z, -0.5);
  c = std::fma(c, z, 1.0);
  const auto quadrant = static_cast<int64_t>(k) & 3;
  const double sine = (quadrant & 1) != 0 ? c : s;
  const double cosine = (quadrant & 1) != 0 ? s : c;
  return {static_cast<float>(quadrant >= 2 ? -sine : sine),
          static_cast<float>(quadrant == 1 || quadrant == 2 ? -cosine : cosine)};
}

}  // namespace hadal
