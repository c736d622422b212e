// Scalar conversions over the bits of the fp32 value: the definition that every faster version must equal.
#include "quant/small_floats.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace hadal {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

uint32_t bits_of(float x) { return std::bit_cast<uint32_t>(x); }
float with_bits(uint32_t bits) { return std::bit_cast<float>(bits); }

// A float format of one sign bit, then an exponent of the given bias, then mantissa_bits.
struct Format {
  int mantissa_bits;
  int bias;

  constexpr int dropped() const { return 23 - mantissa_bits; }
  constexpr int smallest_exponent() const { return 1 - bias; }  // of a normal number
};
constexpr Format kE4m3{3, 7};
constexpr Format kE2m1{1, 1};
constexpr Format kF16{10, 15};

// Code without sign of a magnitude that the format can hold after rounding; rounds to nearest even.
uint32_t magnitude_code(float magnitude, Format format) {
  const uint32_t normal = static_cast<uint32_t>(format.smallest_exponent() + 127) << 23;
  if (bits_of(magnitude) < normal) {
    // Adding 2^23 steps of the subnormal grid leaves the rounded count of steps in the low bits.
    const uint32_t one = static_cast<uint32_t>(format.smallest_exponent() + 127 + format.dropped()) << 23;
    return bits_of(magnitude + with_bits(one)) - one;
  }
  const int dropped = format.dropped();
  const uint32_t bits = bits_of(magnitude);
  const uint32_t rounded = bits + (1U << (dropped - 1)) - 1 + ((bits >> dropped) & 1U);
  return (rounded >> dropped) - (static_cast<uint32_t>(127 - format.bias) << format.mantissa_bits);
}

// Value of a code without sign that is a finite number.
float magnitude_value(uint32_t code, Format format) {
  const uint32_t exponent = code >> format.mantissa_bits;
  if (exponent == 0)
    return static_cast<float>(code) * std::ldexp(1.0F, format.smallest_exponent() - format.mantissa_bits);
  return with_bits((code + (static_cast<uint32_t>(127 - format.bias) << format.mantissa_bits))
                   << format.dropped());
}

// e of the smallest 2^e >= t, by t's bits; t is positive and normal or 2^-127.. (see the floors).
int exponent_of(float t) {
  const uint32_t bits = bits_of(t);
  return static_cast<int>(bits >> 23) - 127 + ((bits & 0x7FFFFFU) != 0 ? 1 : 0);
}

}  // namespace

float e4m3_to_f32(uint8_t code) {
  const uint32_t magnitude = code & 0x7FU;
  if (magnitude == 0x7F) return kNaN;
  return std::copysign(magnitude_value(magnitude, kE4m3), code >= 0x80 ? -1.0F : 1.0F);
}

float e2m1_to_f32(uint8_t code) {
  return std::copysign(magnitude_value(code & 7U, kE2m1), (code & 8U) != 0 ? -1.0F : 1.0F);
}

float e8m0_to_f32(uint8_t code) {
  if (code == 255) return kNaN;
  return with_bits(code == 0 ? 1U << 22 : static_cast<uint32_t>(code) << 23);
}

float bf16_to_f32(uint16_t code) { return with_bits(static_cast<uint32_t>(code) << 16); }

float f16_to_f32(uint16_t code) {
  const uint32_t magnitude = code & 0x7FFFU;
  const uint32_t sign = static_cast<uint32_t>(code & 0x8000U) << 16;
  if (magnitude >= 0x7C00) return with_bits(sign | 0x7F800000U | (magnitude & 0x3FFU) << 13);
  return with_bits(sign | bits_of(magnitude_value(magnitude, kF16)));
}

uint8_t f32_to_e4m3(float x) {
  const uint32_t sign = bits_of(x) >> 31 << 7;
  return static_cast<uint8_t>(sign | magnitude_code(std::min(std::fabs(x), 448.0F), kE4m3));
}

uint8_t f32_to_e2m1(float x) {
  const uint32_t sign = bits_of(x) >> 31 << 3;
  return static_cast<uint8_t>(sign | magnitude_code(std::min(std::fabs(x), 6.0F), kE2m1));
}

uint16_t f32_to_bf16(float x) {
  const uint32_t bits = bits_of(x);
  return static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

uint16_t f32_to_f16(float x) {
  const uint32_t sign = bits_of(x) >> 31 << 15;
  return static_cast<uint16_t>(sign | std::min(magnitude_code(std::fabs(x), kF16), 0x7C00U));
}

float round_to_bf16(float x) { return bf16_to_f32(f32_to_bf16(x)); }

int fp8_scale_exponent(float amax) { return exponent_of(std::max(amax, 1e-4F) * (1.0F / 448.0F)); }

int fp4_scale_exponent(float amax) { return exponent_of(std::max(amax, 6.0F * 0x1p-126F) * (1.0F / 6.0F)); }

}  // namespace hadal
