// exp and log in double, our own so that every CPU and compiler gives the same bits: only IEEE +, -, *, / and
// integer operations, and no fused multiply-add (slow where a build has none, and the loops over a vocabulary
// vectorise without). Coefficients are those of the Taylor series of e^r and artanh(s).
#pragma once

#include <bit>
#include <cstdint>

namespace hadal {

// e^x for x <= 0; 0 below -700. Relative error < 4e-16.
inline double exp_nonpositive(double x) {
  constexpr double kRound = 0x1.8p52;  // adding it rounds to an integer
  const double low = x < -700.0 ? -700.0 : x;
  const double n = (low * 0x1.71547652b82fep0 + kRound) - kRound;
  // ln 2 in two parts; n times the first is exact.
  const double r = (low - n * 0x1.62e42fefap-1) - n * 0x1.cf79abc9e3b3ap-40;
  double p = 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = (p * r) * r + r + 1.0;
  const double scale = std::bit_cast<double>((static_cast<int64_t>(n) + 1023) << 52);
  return x < -700.0 ? 0.0 : p * scale;
}

// Natural logarithm of a positive normal number. Relative error < 1e-15.
inline double log_positive(double x) {
  constexpr uint64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  const uint64_t shifted = std::bit_cast<uint64_t>(x) - kSqrtHalf;
  const auto e = static_cast<double>(static_cast<int64_t>(shifted) >> 52);
  // x = m * 2^e, m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(s).
  const double m = std::bit_cast<double>((shifted & 0x000fffffffffffff) + kSqrtHalf);
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double p = 2.0 / 23;
  p = p * z + 2.0 / 21;
  p = p * z + 2.0 / 19;
  p = p * z + 2.0 / 17;
  p = p * z + 2.0 / 15;
  p = p * z + 2.0 / 13;
  p = p * z + 2.0 / 11;
  p = p * z + 2.0 / 9;
  p = p * z + 2.0 / 7;
  p = p * z + 2.0 / 5;
  p = p * z + 2.0 / 3;
  const double tail = (s * z) * p + e * 0x1.cf79abc9e3b3ap-40;
  return e * 0x1.62e42fefap-1 + (2.0 * s + tail);
}

}  // namespace hadal
