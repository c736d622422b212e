#include "model/engram_hash.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace hadal {
namespace {

constexpr uint64_t kLayerSeed = 10007;

__extension__ using uint128 = unsigned __int128;

// NumPy's SeedSequence: a small number -> well mixed words.
class SeedSequence {
 public:
  explicit SeedSequence(uint64_t entropy) {
    std::vector<uint32_t> words;
    do {
      words.push_back(static_cast<uint32_t>(entropy));
      entropy >>= 32;
    } while (entropy != 0);
    uint32_t hash = 0x43b0d7e5U;
    const auto mixed = [&](uint32_t value) {
      value ^= hash;
      hash *= 0x931e8875U;
      value *= hash;
      return value ^ value >> 16;
    };
    for (size_t i = 0; i < pool_.size(); ++i) pool_[i] = mixed(i < words.size() ? words[i] : 0);
    for (size_t from = 0; from < pool_.size(); ++from) {
      for (size_t to = 0; to < pool_.size(); ++to) {
        if (from != to) pool_[to] = combined(pool_[to], mixed(pool_[from]));
      }
    }
  }

  std::array<uint64_t, 4> state() const {
    std::array<uint64_t, 4> words{};
    uint32_t hash = 0x8b51f9ddU;
    for (size_t i = 0; i < 8; ++i) {
      uint32_t value = pool_[i % pool_.size()] ^ hash;
      hash *= 0x58f38dedU;
      value *= hash;
      value ^= value >> 16;
      words[i / 2] |= uint64_t{value} << (32 * (i % 2));
    }
    return words;
  }

 private:
  static uint32_t combined(uint32_t x, uint32_t y) {
    const uint32_t value = 0xca01f9ddU * x - 0x4973f715U * y;
    return value ^ value >> 16;
  }

  std::array<uint32_t, 4> pool_{};
};

// PCG64 (XSL RR 128/64) as NumPy seeds it.
class Pcg64 {
 public:
  explicit Pcg64(const std::array<uint64_t, 4>& seed)
      : increment_((uint128{seed[2]} << 64 | seed[3]) << 1 | 1) {
    step();
    state_ += uint128{seed[0]} << 64 | seed[1];
    step();
  }

  uint64_t next() {
    step();
    const uint64_t x = static_cast<uint64_t>(state_ >> 64) ^ static_cast<uint64_t>(state_);
    const auto rotation = static_cast<int>(state_ >> 122);
    return x >> rotation | x << (-rotation & 63);
  }

  // Uniform below `bound` (Lemire).
  uint64_t below(uint64_t bound) {
    uint128 product = uint128{next()} * bound;
    const uint64_t threshold = (0 - bound) % bound;
    while (static_cast<uint64_t>(product) < threshold) product = uint128{next()} * bound;
    return static_cast<uint64_t>(product >> 64);
  }

 private:
  void step() {
    constexpr uint128 kMultiplier = uint128{2549297995355413924ULL} << 64 | 4865540595714422341ULL;
    state_ = state_ * kMultiplier + increment_;
  }

  uint128 state_ = 0;
  uint128 increment_;
};

bool is_prime(uint64_t n) {
  if (n < 4) return n > 1;
  if (n % 2 == 0) return false;
  for (uint64_t i = 3; i * i <= n; i += 2) {
    if (n % i == 0) return false;
  }
  return true;
}

}  // namespace

std::vector<uint64_t> engram_primes(const EngramConfig& config, size_t index) {
  // No prime is used twice, in this layer or another.
  std::vector<uint64_t> primes;
  uint64_t prime = static_cast<uint64_t>(config.vocab_size) - 1;
  const auto count = static_cast<size_t>(config.rows_per_token());
  for (size_t i = 0; i < (index + 1) * count; ++i) {
    do ++prime;
    while (!is_prime(prime));
    if (i >= index * count) primes.push_back(prime);
  }
  return primes;
}

EngramHash engram_hash(const EngramConfig& config, size_t index) {
  EngramHash hash;
  const uint64_t bound =
      std::numeric_limits<int64_t>::max() / static_cast<uint64_t>(config.compressed_vocab_size) / 2;
  Pcg64 random(SeedSequence(kLayerSeed * static_cast<uint64_t>(config.layer_ids[index])).state());
  for (int64_t i = 0; i < config.max_ngram_size; ++i) hash.multipliers.push_back(2 * random.below(bound) + 1);

  hash.primes = engram_primes(config, index);
  int64_t rows = 0;
  for (const uint64_t p : hash.primes) {
    hash.offsets.push_back(rows);
    rows += static_cast<int64_t>(p);
  }
  if (rows != config.num_embeddings[index])
    fail(ErrorCode::kInvalidModel,
         "config.json: engram_num_embeddings of layer {} is {}, but its {} primes from engram_vocab_size {} "
         "on add "
         "up to {}",
         config.layer_ids[index], config.num_embeddings[index], hash.primes.size(), config.vocab_size, rows);
  return hash;
}

void engram_rows(const EngramHash& hash, std::span<const int32_t> history, int32_t* rows) {
  const size_t orders = hash.multipliers.size() - 1;
  const size_t heads = hash.primes.size() / orders;
  uint64_t mix = static_cast<uint64_t>(history[0]) * hash.multipliers[0];
  for (size_t order = 0; order < orders; ++order) {
    mix ^= static_cast<uint64_t>(history[order + 1]) * hash.multipliers[order + 1];
    for (size_t h = 0; h < heads; ++h) {
      const size_t i = order * heads + h;
      rows[i] = static_cast<int32_t>(hash.offsets[i] + static_cast<int64_t>(mix % hash.primes[i]));
    }
  }
}

}  // namespace hadal
