// The sixteen lanes of ops/ops.h in two AVX2 registers: lanes 0-7 in lo, 8-15 in hi. The names and the
// meaning of every function here are those of lanes_avx512.h, so that one kernel text (*.inl) serves both.
//
// Only *_avx2.cc files may include this. A `partial` load reads n < 16 elements and gives +0 in the rest.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hadal::avx2 {

struct F32x16 {
  __m256 lo, hi;
};
struct I32x16 {
  __m256i lo, hi;
};
struct Mask16 {
  __m256 lo, hi;
};

// The registers of an F32x16, for kernels that must not hold more of them than there are.
using Part = __m256;
inline constexpr int kParts = 2;
inline Part& part(F32x16& a, int64_t i) { return i == 0 ? a.lo : a.hi; }
inline Part load_part(const float* p, int64_t i) {
  Part value = _mm256_loadu_ps(p + i * 8);
  asm("" : "+x"(value));  // or GCC would read it again for every use
  return value;
}
inline Part fma_part(Part a, Part b, Part c) { return _mm256_fmadd_ps(a, b, c); }

// All bits set in lanes 0 .. n-1 (n may lie outside 0..8).
inline __m256i first_lanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline F32x16 zeros() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline F32x16 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline F32x16 load_partial(const float* p, int64_t n) {
  return {_mm256_maskload_ps(p, first_lanes(n)), _mm256_maskload_ps(p + 8, first_lanes(n - 8))};
}
inline void store(float* p, F32x16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
inline void store_partial(float* p, int64_t n, F32x16 a) {
  _mm256_maskstore_ps(p, first_lanes(n), a.lo);
  _mm256_maskstore_ps(p + 8, first_lanes(n - 8), a.hi);
}

inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline F32x16 operator+(F32x16 a, F32x16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline F32x16 operator-(F32x16 a, F32x16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline F32x16 operator*(F32x16 a, F32x16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline F32x16 operator/(F32x16 a, F32x16 b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
inline F32x16 sqrt(F32x16 a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
inline F32x16 abs(F32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
// b where the two are equal or either is a NaN.
inline F32x16 max(F32x16 a, F32x16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
inline F32x16 min(F32x16 a, F32x16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
inline F32x16 nearbyint(F32x16 a) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.lo, kMode), _mm256_round_ps(a.hi, kMode)};
}

inline Mask16 operator<(F32x16 a, F32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ)};
}
inline Mask16 operator==(F32x16 a, F32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_EQ_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_EQ_OQ)};
}
inline F32x16 select(Mask16 m, F32x16 yes, F32x16 no) {
  return {_mm256_blendv_ps(no.lo, yes.lo, m.lo), _mm256_blendv_ps(no.hi, yes.hi, m.hi)};
}
inline bool all(Mask16 m) { return _mm256_movemask_ps(_mm256_and_ps(m.lo, m.hi)) == 0xff; }
inline bool any(Mask16 m) { return _mm256_movemask_ps(_mm256_or_ps(m.lo, m.hi)) != 0; }

inline I32x16 splat_i32(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline I32x16 load_i32(const void* p) {
  const auto* const at = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
}
inline void store_i32(void* p, I32x16 a) {
  auto* const at = static_cast<__m256i*>(p);
  _mm256_storeu_si256(at, a.lo);
  _mm256_storeu_si256(at + 1, a.hi);
}
inline I32x16 operator+(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
inline I32x16 operator-(I32x16 a, I32x16 b) {
  return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}
inline I32x16 operator&(I32x16 a, I32x16 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
inline I32x16 operator|(I32x16 a, I32x16 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
inline I32x16 operator^(I32x16 a, I32x16 b) {
  return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};
}
inline I32x16 max(I32x16 a, I32x16 b) { return {_mm256_max_epi32(a.lo, b.lo), _mm256_max_epi32(a.hi, b.hi)}; }
template <int kBits>
I32x16 shift_left(I32x16 a) {
  return {_mm256_slli_epi32(a.lo, kBits), _mm256_slli_epi32(a.hi, kBits)};
}
template <int kBits>
I32x16 shift_right(I32x16 a) {
  return {_mm256_srli_epi32(a.lo, kBits), _mm256_srli_epi32(a.hi, kBits)};
}
template <int kBits>
I32x16 shift_right_signed(I32x16 a) {
  return {_mm256_srai_epi32(a.lo, kBits), _mm256_srai_epi32(a.hi, kBits)};
}
// Bit l says whether lane l of a is less than b's.
inline uint32_t less_bits(I32x16 a, I32x16 b) {
  const auto bits = [](__m256i x, __m256i y) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(y, x))));
  };
  return bits(a.lo, b.lo) | bits(a.hi, b.hi) << 8;
}
inline I32x16 bits_of(F32x16 a) { return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
inline F32x16 float_of_bits(I32x16 a) { return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)}; }
inline F32x16 to_float(I32x16 a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
inline I32x16 to_int_nearest(F32x16 a) { return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)}; }

// Sixteen stored values of a small format, in order.
inline F32x16 load_bf16(const std::byte* p) {
  const auto* const at = reinterpret_cast<const __m128i*>(p);
  const __m256i lo = _mm256_cvtepu16_epi32(_mm_loadu_si128(at));
  const __m256i hi = _mm256_cvtepu16_epi32(_mm_loadu_si128(at + 1));
  return float_of_bits({_mm256_slli_epi32(lo, 16), _mm256_slli_epi32(hi, 16)});
}
inline F32x16 load_bf16_partial(const std::byte* p, int64_t n) {
  std::byte padded[32] = {};
  std::memcpy(padded, p, static_cast<size_t>(n) * 2);
  return load_bf16(padded);
}
// e4m3 with its exponent bits in place in f16: the value times 2^-8; the NaN codes give +-480 * 2^-8.
inline F32x16 load_e4m3_in_f16(const std::byte* p) {
  const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m256i wide = _mm256_and_si256(_mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7),
                                        _mm256_set1_epi16(static_cast<int16_t>(0xbfff)));
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(wide)), _mm256_cvtph_ps(_mm256_extracti128_si256(wide, 1))};
}
// The same in f32: the value times 2^-120, where small codes are subnormal numbers.
inline F32x16 load_e4m3_in_f32(const std::byte* p) {
  const __m256i mask = _mm256_set1_epi32(static_cast<int32_t>(0x87f00000));
  const __m256i lo = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  const __m256i hi = _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 8)));
  return float_of_bits(
      {_mm256_and_si256(_mm256_slli_epi32(lo, 20), mask), _mm256_and_si256(_mm256_slli_epi32(hi, 20), mask)});
}
struct PaddedCodes {
  std::byte bytes[16] = {};
  PaddedCodes(const std::byte* p, int64_t n) { std::memcpy(bytes, p, static_cast<size_t>(n)); }
};
inline F32x16 load_e4m3_in_f16_partial(const std::byte* p, int64_t n) {
  return load_e4m3_in_f16(PaddedCodes(p, n).bytes);
}
inline F32x16 load_e4m3_in_f32_partial(const std::byte* p, int64_t n) {
  return load_e4m3_in_f32(PaddedCodes(p, n).bytes);
}
// Doubled e2m1 values of 8 bytes, low nibble first: integers in -12..12.
inline F32x16 load_e2m1_doubled(const std::byte* p) {
  const __m128i pairs = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  const __m128i nibble = _mm_set1_epi8(15);
  const __m128i codes =
      _mm_unpacklo_epi8(_mm_and_si128(pairs, nibble), _mm_and_si128(_mm_srli_epi16(pairs, 4), nibble));
  const __m128i doubled =
      _mm_shuffle_epi8(_mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12), codes);
  return to_float({_mm256_cvtepi8_epi32(doubled), _mm256_cvtepi8_epi32(_mm_srli_si128(doubled, 8))});
}

// Lane l gets what lane l ^ kDistance has.
template <int kDistance>
F32x16 swapped(F32x16 a) {
  if constexpr (kDistance == 1) return {_mm256_permute_ps(a.lo, 0xb1), _mm256_permute_ps(a.hi, 0xb1)};
  if constexpr (kDistance == 2) return {_mm256_permute_ps(a.lo, 0x4e), _mm256_permute_ps(a.hi, 0x4e)};
  if constexpr (kDistance == 4)
    return {_mm256_permute2f128_ps(a.lo, a.lo, 1), _mm256_permute2f128_ps(a.hi, a.hi, 1)};
  if constexpr (kDistance == 8) return {a.hi, a.lo};
}
// Lane l gets what lane l & ~1, or l | 1, has.
inline F32x16 even_lanes_twice(F32x16 a) { return {_mm256_moveldup_ps(a.lo), _mm256_moveldup_ps(a.hi)}; }
inline F32x16 odd_lanes_twice(F32x16 a) { return {_mm256_movehdup_ps(a.lo), _mm256_movehdup_ps(a.hi)}; }
// Of four rows of four: column kColumn in all columns, and row kRow in all rows.
template <int kColumn>
F32x16 splat_column(F32x16 a) {
  return {_mm256_permute_ps(a.lo, kColumn * 0x55), _mm256_permute_ps(a.hi, kColumn * 0x55)};
}
template <int kRow>
F32x16 splat_row(F32x16 a) {
  const __m256 pair = kRow < 2 ? a.lo : a.hi;
  const __m256 row = _mm256_permute2f128_ps(pair, pair, kRow % 2 * 0x11);
  return {row, row};
}

// The fixed tree over the lanes: l += l+8, l += l+4, l += l+2, l += l+1.
inline float tree16(F32x16 a) {
  const __m256 eight = _mm256_add_ps(a.lo, a.hi);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// The trees of four sums at once, in order.
inline void tree16_of_four(F32x16 a, F32x16 b, F32x16 c, F32x16 d, float* out) {
  const auto four_of = [](__m256 x, __m256 y) {
    return _mm256_add_ps(_mm256_permute2f128_ps(x, y, 0x20), _mm256_permute2f128_ps(x, y, 0x31));
  };
  const __m256 ab = four_of(_mm256_add_ps(a.lo, a.hi), _mm256_add_ps(b.lo, b.hi));
  const __m256 cd = four_of(_mm256_add_ps(c.lo, c.hi), _mm256_add_ps(d.lo, d.hi));
  const __m256 two = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee));
  const __m256 one = _mm256_add_ps(two, _mm256_movehdup_ps(two));
  // a, c in the lower half, b, d in the upper.
  const __m256 packed = _mm256_shuffle_ps(one, one, 0x88);
  _mm_storeu_ps(out, _mm_unpacklo_ps(_mm256_castps256_ps128(packed), _mm256_extractf128_ps(packed, 1)));
}

// The largest lane; no lane is a NaN.
inline float max_lane(F32x16 a) {
  const __m256 eight = _mm256_max_ps(a.lo, a.hi);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

// Sixty-four bytes: four in each lane.
struct Bytes64 {
  __m256i lo, hi;
};
inline Bytes64 load_bytes(const void* p) {
  const auto* const at = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
}
inline void store_bytes(void* p, Bytes64 a) {
  auto* const at = static_cast<__m256i*>(p);
  _mm256_storeu_si256(at, a.lo);
  _mm256_storeu_si256(at + 1, a.hi);
}
// The same four bytes in every lane.
inline Bytes64 splat_bytes(const void* p) {
  int32_t four;
  std::memcpy(&four, p, 4);
  return {_mm256_set1_epi32(four), _mm256_set1_epi32(four)};
}
inline __m256i dot_bytes_of_half(__m256i acc, __m256i w_even, __m256i w_odd, __m256i x_even, __m256i x_odd) {
  // Four products of at most 24 * 128 fit 16 bits.
  const __m256i pairs =
      _mm256_add_epi16(_mm256_maddubs_epi16(w_even, x_even), _mm256_maddubs_epi16(w_odd, x_odd));
  return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
// acc + the lane's products of unsigned w (at most 24) with signed x.
inline I32x16 dot_bytes(I32x16 acc, Bytes64 w_even, Bytes64 w_odd, Bytes64 x_even, Bytes64 x_odd) {
  return {dot_bytes_of_half(acc.lo, w_even.lo, w_odd.lo, x_even.lo, x_odd.lo),
          dot_bytes_of_half(acc.hi, w_even.hi, w_odd.hi, x_even.hi, x_odd.hi)};
}
// Pairs of e2m1 codes -> doubled values + 12 of the low nibbles and of the high ones.
inline void split_e2m1(Bytes64 pairs, Bytes64& even, Bytes64& odd) {
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
  const __m256i nibble = _mm256_set1_epi8(15);
  even.lo = _mm256_shuffle_epi8(table, _mm256_and_si256(pairs.lo, nibble));
  even.hi = _mm256_shuffle_epi8(table, _mm256_and_si256(pairs.hi, nibble));
  odd.lo = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(pairs.lo, 4), nibble));
  odd.hi = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(pairs.hi, 4), nibble));
}
// Four e8m0 scales, each in four lanes: byte 255 is +inf.
inline F32x16 load_e8m0_of_lanes(const std::byte* p) {
  int32_t four;
  std::memcpy(&four, p, 4);
  // Byte i of the four becomes the top byte of lanes 4i .. 4i+3.
  const __m256i top_byte = _mm256_set1_epi32(0x00808080);
  const __m256i spread_lo =
      _mm256_or_si256(_mm256_slli_epi32(_mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1), 24), top_byte);
  const __m256i spread_hi =
      _mm256_or_si256(_mm256_slli_epi32(_mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3), 24), top_byte);
  const __m256i all_four = _mm256_set1_epi32(four);
  const __m256i least = _mm256_set1_epi32(0x00400000);
  return float_of_bits(
      {_mm256_max_epi32(_mm256_srli_epi32(_mm256_shuffle_epi8(all_four, spread_lo), 1), least),
       _mm256_max_epi32(_mm256_srli_epi32(_mm256_shuffle_epi8(all_four, spread_hi), 1), least)});
}
// Sixteen e8m0 scales of less than byte 255, one a lane.
inline F32x16 load_e8m0(const std::byte* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m256i least = _mm256_set1_epi32(0x00400000);
  const __m256i lo = _mm256_slli_epi32(_mm256_cvtepu8_epi32(bytes), 23);
  const __m256i hi = _mm256_slli_epi32(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)), 23);
  return float_of_bits({_mm256_max_epi32(lo, least), _mm256_max_epi32(hi, least)});
}
// Sixteen integers of -128..127 as bytes, the even ones and the odd ones apart.
inline void store_even_odd(int8_t* even, int8_t* odd, I32x16 a) {
  const __m128i lo = _mm_packs_epi32(_mm256_castsi256_si128(a.lo), _mm256_extracti128_si256(a.lo, 1));
  const __m128i hi = _mm_packs_epi32(_mm256_castsi256_si128(a.hi), _mm256_extracti128_si256(a.hi, 1));
  const __m128i apart = _mm_shuffle_epi8(_mm_packs_epi16(lo, hi),
                                         _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(even), apart);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(odd), _mm_unpackhi_epi64(apart, apart));
}

// Into the first cache. Inlined early: GCC takes a function of prefetches alone for one without effects and
// drops its calls.
[[gnu::always_inline]] inline void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
}

// Into the second cache.
[[gnu::always_inline]] inline void prefetch_far(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
}

}  // namespace hadal::avx2
