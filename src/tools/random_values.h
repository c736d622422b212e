// The numbers of random checkpoints: counter-based, so that element i of tensor NAME under a seed is the same
// whoever computes it, in any order, on any machine.
//
// Only integer arithmetic and single IEEE operations are used. A normal value is the scaled sum of four
// 16-bit uniform ones: mean 0, standard deviation 1, never beyond kNormalBound.
#pragma once

#include <cstdint>
#include <string_view>

namespace hadal {

inline constexpr float kNormalBound = 3.4642f;

class RandomValues {
 public:
  RandomValues(uint64_t seed, std::string_view name) : key_(mix(seed)) {
    for (const char c : name) key_ = mix(key_ ^ static_cast<unsigned char>(c));
  }

  uint64_t bits(int64_t index) const {
    return mix(key_ + static_cast<uint64_t>(index) * 0x9e3779b97f4a7c15u);
  }
  float normal(int64_t index) const {
    const uint64_t x = bits(index);
    const auto sum = static_cast<int32_t>((x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48));
    return static_cast<float>(sum - 131070) * (1.0f / 37837.2285f);
  }

 private:
  static uint64_t mix(uint64_t x) {  // splitmix64
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
  }

  uint64_t key_;
};

}  // namespace hadal
