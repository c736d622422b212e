// Counter-based random numbers: Philox4x32 with ten rounds (Salmon, Moraes, Dror, Shaw: "Parallel random
// numbers: as easy as 1, 2, 3", 2011). A number depends on its key and counter alone, so what is drawn for a
// position does not depend on what was drawn before it, nor on how often.
#pragma once

#include <array>
#include <cstdint>

namespace hadal {

using PhiloxBlock = std::array<uint32_t, 4>;

inline PhiloxBlock philox4x32(PhiloxBlock counter, uint64_t key) {
  auto k0 = static_cast<uint32_t>(key);
  auto k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ k0, static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ k1, static_cast<uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return counter;
}

// The numbers of one (seed, position): one of 32 bits for every token id.
class TokenRandom {
 public:
  TokenRandom(uint64_t seed, int64_t position) : seed_(seed), position_(static_cast<uint64_t>(position)) {}

  uint32_t operator()(int32_t id) {
    const auto index = static_cast<uint32_t>(id) / 4;
    if (index != index_) {
      block_ = philox4x32(
          {index, 0, static_cast<uint32_t>(position_), static_cast<uint32_t>(position_ >> 32)}, seed_);
      index_ = index;
    }
    return block_[static_cast<uint32_t>(id) % 4];
  }

 private:
  uint64_t seed_;
  uint64_t position_;
  uint32_t index_ = UINT32_MAX;  // of block_; no token has it
  PhiloxBlock block_{};
};

}  // namespace hadal
