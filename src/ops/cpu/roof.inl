// The loops of Roof over sixteen lanes. Included inside the namespace of an instruction set, after its lanes
// header; kRoofSums is how many sums fill its registers.

// Four streams side by side: the memory gives more to them than to one.
inline uint32_t read(const std::byte* bytes, int64_t count) {
  constexpr int64_t kStreams = 4;
  const int64_t quarter = count / (kStreams * 64) * 64;
  I32x16 sums[kStreams] = {splat_i32(0), splat_i32(0), splat_i32(0), splat_i32(0)};
  for (int64_t at = 0; at < quarter; at += 64) {
#pragma GCC unroll 4
    for (int64_t i = 0; i < kStreams; ++i) sums[i] = sums[i] + load_i32(bytes + i * quarter + at);
  }
  uint32_t lanes[16];
  store_i32(lanes, (sums[0] + sums[1]) + (sums[2] + sums[3]));
  uint32_t sum = 0;
  for (const uint32_t lane : lanes) sum += lane;
  for (int64_t at = kStreams * quarter; at < count; ++at) sum += static_cast<uint32_t>(bytes[at]);
  return sum;
}

inline int64_t multiply_add(int64_t rounds, float* result) {
  const F32x16 factor = splat(*result);
  // No two lanes alike, or the compiler would compute them once.
  float starts[kRoofSums * 16];
  for (int i = 0; i < kRoofSums * 16; ++i) starts[i] = static_cast<float>(i);
  F32x16 sums[kRoofSums];
#pragma GCC unroll 16
  for (int64_t i = 0; i < kRoofSums; ++i) sums[i] = load(starts + i * 16);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
    for (int i = 0; i < kRoofSums; ++i) sums[i] = fma(sums[i], factor, factor);
  }
  F32x16 all = sums[0];
#pragma GCC unroll 16
  for (int i = 1; i < kRoofSums; ++i) all = all + sums[i];
  *result = tree16(all);
  return rounds * kRoofSums * 16;
}
