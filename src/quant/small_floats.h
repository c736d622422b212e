// The small float formats of the checkpoints, code by code (spec section 2): what one stored element means.
//
// Decoding is exact. Encoding rounds to nearest even, saturates where said, and keeps the sign of zero;
// inputs are never NaN. These scalar texts are the definition; faster versions give the same bits.
#pragma once

#include <cstdint>

namespace hadal {

float e4m3_to_f32(uint8_t code);  // 1-4-3, bias 7; 0x7f and 0xff are NaN
float e2m1_to_f32(uint8_t code);  // low 4 bits; 8 is -0
float e8m0_to_f32(uint8_t code);  // 2^(code-127), 0 is 2^-127 (a subnormal), 255 is NaN
float bf16_to_f32(uint16_t code);
float f16_to_f32(uint16_t code);

uint8_t f32_to_e4m3(float x);   // clamps to +-448 first
uint8_t f32_to_e2m1(float x);   // clamps to +-6 first; ties to the even code
uint16_t f32_to_bf16(float x);  // overflow to infinity
uint16_t f32_to_f16(float x);   // overflow to infinity

// bf16 rounding of an fp32 value, as fp32.
float round_to_bf16(float x);

// The exponent e of the power-of-two scale 2^e for a block whose largest magnitude is amax:
// t = fp32(max(amax, floor) * fp32(1/limit)), e = exponent(t), one more if t's mantissa is not zero.
int fp8_scale_exponent(float amax);  // limit 448, floor 1e-4
int fp4_scale_exponent(float amax);  // limit 6, floor 6 * 2^-126

}  // namespace hadal
