// The elementary functions of ops/elementary.h on sixteen lanes: the same steps, so the same bits. Included
// inside the namespace of an instruction set, after its lanes header and <limits>.

inline F32x16 exp_f32(F32x16 x) {
  const F32x16 n = nearbyint(x * splat(1.44269504f));
  F32x16 r = fma(n, splat(-0.693359375f), x);
  r = fma(n, splat(2.12194440e-4f), r);
  F32x16 p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p, r * r, r);
  p = p + splat(1.0f);
  const F32x16 power = float_of_bits(shift_left<23>(to_int_nearest(n) + splat_i32(127)));
  F32x16 y = select(splat(kExpHigh) < x, splat(std::numeric_limits<float>::infinity()), p * power);
  y = select(x < splat(kExpLow), zeros(), y);
  return select(x == x, y, x);
}

inline F32x16 log_f32(F32x16 x) {
  const I32x16 shifted = bits_of(x) - splat_i32(0x3f3504f3);
  const F32x16 e = to_float(shift_right_signed<23>(shifted));
  const F32x16 m = float_of_bits((shifted & splat_i32(0x007fffff)) + splat_i32(0x3f3504f3));
  const F32x16 f = m - splat(1.0f);
  const F32x16 z = f * f;
  F32x16 p = splat(7.0376836292e-2f);
  p = fma(p, f, splat(-1.1514610310e-1f));
  p = fma(p, f, splat(1.1676998740e-1f));
  p = fma(p, f, splat(-1.2420140846e-1f));
  p = fma(p, f, splat(1.4249322787e-1f));
  p = fma(p, f, splat(-1.6668057665e-1f));
  p = fma(p, f, splat(2.0000714765e-1f));
  p = fma(p, f, splat(-2.4999993993e-1f));
  p = fma(p, f, splat(3.3333331174e-1f));
  F32x16 y = (f * z) * p;
  y = fma(e, splat(-2.12194440e-4f), y);
  y = fma(z, splat(-0.5f), y);
  y = f + y;
  return fma(e, splat(0.693359375f), y);
}

inline F32x16 sigmoid_f32(F32x16 x) {
  return splat(1.0f) / (splat(1.0f) + exp_f32(float_of_bits(bits_of(x) ^ splat_i32(INT32_MIN))));
}

inline F32x16 softplus_f32(F32x16 x) {
  const F32x16 e = exp_f32(x);
  const F32x16 u = splat(1.0f) + e;
  const F32x16 y = select(u == splat(1.0f), e, log_f32(u) * (e / (u - splat(1.0f))));
  return select(splat(20.0f) < x, x, y);
}
