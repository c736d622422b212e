// The sixteen lanes of ops/ops.h in one AVX-512 register: F32x16, I32x16, Mask16. The names and the meaning
// of every function here are those of lanes_avx2.h, so that one kernel text (*.inl) serves both.
//
// Only *_avx512.cc files may include this. A `partial` load reads n < 16 elements and gives +0 in the rest.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hadal::avx512 {

struct F32x16 {
  __m512 v;
};
struct I32x16 {
  __m512i v;
};
struct Mask16 {
  __mmask16 m;
};

// The registers of an F32x16, for kernels that must not hold more of them than there are.
using Part = __m512;
inline constexpr int kParts = 1;
inline Part& part(F32x16& a, int64_t) { return a.v; }
inline Part load_part(const float* p, int64_t) { return _mm512_loadu_ps(p); }
inline Part fma_part(Part a, Part b, Part c) { return _mm512_fmadd_ps(a, b, c); }

inline __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }

inline F32x16 zeros() { return {_mm512_setzero_ps()}; }
inline F32x16 splat(float x) { return {_mm512_set1_ps(x)}; }
inline F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline F32x16 load_partial(const float* p, int64_t n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
inline void store(float* p, F32x16 a) { _mm512_storeu_ps(p, a.v); }
inline void store_partial(float* p, int64_t n, F32x16 a) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }

inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F32x16 sqrt(F32x16 a) { return {_mm512_sqrt_ps(a.v)}; }
inline F32x16 abs(F32x16 a) { return {_mm512_abs_ps(a.v)}; }
// b where the two are equal or either is a NaN.
inline F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F32x16 nearbyint(F32x16 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

inline Mask16 operator<(F32x16 a, F32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask16 operator==(F32x16 a, F32x16 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
inline F32x16 select(Mask16 m, F32x16 yes, F32x16 no) { return {_mm512_mask_blend_ps(m.m, no.v, yes.v)}; }
inline bool all(Mask16 m) { return m.m == 0xffff; }
inline bool any(Mask16 m) { return m.m != 0; }

inline I32x16 splat_i32(int32_t x) { return {_mm512_set1_epi32(x)}; }
inline I32x16 load_i32(const void* p) { return {_mm512_loadu_si512(p)}; }
inline void store_i32(void* p, I32x16 a) { _mm512_storeu_si512(p, a.v); }
inline I32x16 operator+(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline I32x16 operator-(I32x16 a, I32x16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline I32x16 operator&(I32x16 a, I32x16 b) { return {_mm512_and_si512(a.v, b.v)}; }
inline I32x16 operator|(I32x16 a, I32x16 b) { return {_mm512_or_si512(a.v, b.v)}; }
inline I32x16 operator^(I32x16 a, I32x16 b) { return {_mm512_xor_si512(a.v, b.v)}; }
inline I32x16 max(I32x16 a, I32x16 b) { return {_mm512_max_epi32(a.v, b.v)}; }
template <int kBits>
I32x16 shift_left(I32x16 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
template <int kBits>
I32x16 shift_right(I32x16 a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}
template <int kBits>
I32x16 shift_right_signed(I32x16 a) {
  return {_mm512_srai_epi32(a.v, kBits)};
}
// Bit l says whether lane l of a is less than b's.
inline uint32_t less_bits(I32x16 a, I32x16 b) { return _mm512_cmplt_epi32_mask(a.v, b.v); }
inline I32x16 bits_of(F32x16 a) { return {_mm512_castps_si512(a.v)}; }
inline F32x16 float_of_bits(I32x16 a) { return {_mm512_castsi512_ps(a.v)}; }
inline F32x16 to_float(I32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline I32x16 to_int_nearest(F32x16 a) { return {_mm512_cvtps_epi32(a.v)}; }

// Sixteen stored values of a small format, in order.
inline F32x16 load_bf16(const std::byte* p) {
  const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16))};
}
inline F32x16 load_bf16_partial(const std::byte* p, int64_t n) {
  const __m256i words = _mm256_maskz_loadu_epi16(first_lanes(n), p);
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16))};
}
// e4m3 with its exponent bits in place in f16: the value times 2^-8; the NaN codes give +-480 * 2^-8.
inline F32x16 e4m3_in_f16(__m128i codes) {
  const __m256i wide = _mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7);
  return {_mm512_cvtph_ps(_mm256_and_si256(wide, _mm256_set1_epi16(static_cast<int16_t>(0xbfff))))};
}
inline F32x16 load_e4m3_in_f16(const std::byte* p) {
  return e4m3_in_f16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline F32x16 load_e4m3_in_f16_partial(const std::byte* p, int64_t n) {
  return e4m3_in_f16(_mm_maskz_loadu_epi8(first_lanes(n), p));
}
// The same in f32: the value times 2^-120, where small codes are subnormal numbers.
inline F32x16 e4m3_in_f32(__m128i codes) {
  const __m512i wide = _mm512_slli_epi32(_mm512_cvtepi8_epi32(codes), 20);
  return {_mm512_castsi512_ps(_mm512_and_si512(wide, _mm512_set1_epi32(static_cast<int32_t>(0x87f00000))))};
}
inline F32x16 load_e4m3_in_f32(const std::byte* p) {
  return e4m3_in_f32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline F32x16 load_e4m3_in_f32_partial(const std::byte* p, int64_t n) {
  return e4m3_in_f32(_mm_maskz_loadu_epi8(first_lanes(n), p));
}
// Doubled e2m1 values of 8 bytes, low nibble first: integers in -12..12.
inline F32x16 load_e2m1_doubled(const std::byte* p) {
  const __m128i pairs = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  const __m128i nibble = _mm_set1_epi8(15);
  const __m128i codes =
      _mm_unpacklo_epi8(_mm_and_si128(pairs, nibble), _mm_and_si128(_mm_srli_epi16(pairs, 4), nibble));
  const __m128i doubled = _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_shuffle_epi8(doubled, codes)))};
}

// Lane l gets what lane l ^ kDistance has.
template <int kDistance>
F32x16 swapped(F32x16 a) {
  if constexpr (kDistance == 1) return {_mm512_permute_ps(a.v, 0xb1)};
  if constexpr (kDistance == 2) return {_mm512_permute_ps(a.v, 0x4e)};
  if constexpr (kDistance == 4) return {_mm512_shuffle_f32x4(a.v, a.v, 0xb1)};
  if constexpr (kDistance == 8) return {_mm512_shuffle_f32x4(a.v, a.v, 0x4e)};
}
// Lane l gets what lane l & ~1, or l | 1, has.
inline F32x16 even_lanes_twice(F32x16 a) { return {_mm512_moveldup_ps(a.v)}; }
inline F32x16 odd_lanes_twice(F32x16 a) { return {_mm512_movehdup_ps(a.v)}; }
// Of four rows of four: column kColumn in all columns, and row kRow in all rows.
template <int kColumn>
F32x16 splat_column(F32x16 a) {
  return {_mm512_permute_ps(a.v, kColumn * 0x55)};
}
template <int kRow>
F32x16 splat_row(F32x16 a) {
  return {_mm512_shuffle_f32x4(a.v, a.v, kRow * 0x55)};
}

// The fixed tree over the lanes: l += l+8, l += l+4, l += l+2, l += l+1.
inline float tree16(F32x16 a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// The trees of four sums at once, in order.
inline void tree16_of_four(F32x16 a, F32x16 b, F32x16 c, F32x16 d, float* out) {
  const __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a.v, b.v, 0x44), _mm512_shuffle_f32x4(a.v, b.v, 0xee));
  const __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c.v, d.v, 0x44), _mm512_shuffle_f32x4(c.v, d.v, 0xee));
  const __m512 four = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  const __m512 two = _mm512_add_ps(four, _mm512_permute_ps(four, 0x4e));
  const __m512 one = _mm512_add_ps(two, _mm512_movehdup_ps(two));
  _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, one)));
}

// The largest lane; no lane is a NaN.
inline float max_lane(F32x16 a) { return _mm512_reduce_max_ps(a.v); }

// Sixty-four bytes: four in each lane.
struct Bytes64 {
  __m512i v;
};
inline Bytes64 load_bytes(const void* p) { return {_mm512_loadu_si512(p)}; }
inline void store_bytes(void* p, Bytes64 a) { _mm512_storeu_si512(p, a.v); }
// The same four bytes in every lane.
inline Bytes64 splat_bytes(const void* p) {
  int32_t four;
  std::memcpy(&four, p, 4);
  return {_mm512_set1_epi32(four)};
}
// acc + the lane's products of unsigned w (at most 24) with signed x.
inline I32x16 dot_bytes(I32x16 acc, Bytes64 w_even, Bytes64 w_odd, Bytes64 x_even, Bytes64 x_odd) {
  return {_mm512_dpbusd_epi32(_mm512_dpbusd_epi32(acc.v, w_even.v, x_even.v), w_odd.v, x_odd.v)};
}
// Pairs of e2m1 codes -> doubled values + 12 of the low nibbles and of the high ones.
inline void split_e2m1(Bytes64 pairs, Bytes64& even, Bytes64& odd) {
  const __m512i table =
      _mm512_broadcast_i32x4(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
  const __m512i nibble = _mm512_set1_epi8(15);
  even.v = _mm512_shuffle_epi8(table, _mm512_and_si512(pairs.v, nibble));
  odd.v = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(pairs.v, 4), nibble));
}
// Four e8m0 scales, each in four lanes: byte 255 is +inf.
inline F32x16 load_e8m0_of_lanes(const std::byte* p) {
  int32_t four;
  std::memcpy(&four, p, 4);
  // Byte i of the four becomes the top byte of lanes 4i .. 4i+3.
  const __m512i pick = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  const __m512i spread = _mm512_or_si512(_mm512_slli_epi32(pick, 24), _mm512_set1_epi32(0x00808080));
  const __m512i top = _mm512_shuffle_epi8(_mm512_set1_epi32(four), spread);
  return {_mm512_castsi512_ps(_mm512_max_epi32(_mm512_srli_epi32(top, 1), _mm512_set1_epi32(0x00400000)))};
}
// Sixteen e8m0 scales of less than byte 255, one a lane.
inline F32x16 load_e8m0(const std::byte* p) {
  const __m512i bits = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return {_mm512_castsi512_ps(_mm512_max_epi32(_mm512_slli_epi32(bits, 23), _mm512_set1_epi32(0x00400000)))};
}
// Sixteen integers of -128..127 as bytes, the even ones and the odd ones apart.
inline void store_even_odd(int8_t* even, int8_t* odd, I32x16 a) {
  const __m128i apart = _mm_shuffle_epi8(_mm512_cvtepi32_epi8(a.v),
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

}  // namespace hadal::avx512
