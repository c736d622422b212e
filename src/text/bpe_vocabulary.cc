#include "text/bpe_vocabulary.h"

#include <bit>
#include <cstring>

#include "base/check.h"

namespace hadal {
namespace {

template <typename T>
uint64_t load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

uint64_t mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

constexpr uint64_t kMultiplier1 = 0x9E3779B97F4A7C15;
constexpr uint64_t kMultiplier2 = 0xD1B54A32D192ED03;

}  // namespace

Vocabulary::Vocabulary(size_t count) {
  CHECK(count <= kMaxTokens);
  ends_.reserve(count);
  slots_.assign(std::bit_ceil(2 * count + 1), Slot{0, kNone});
}

bool Vocabulary::add(std::string_view bytes, bool findable) {
  CHECK(2 * ends_.size() < slots_.size());
  if (findable) {
    const uint64_t h = hash(bytes);
    if (find(bytes, h) != kNone) return false;
    const size_t mask = slots_.size() - 1;
    size_t at = h & mask;
    while (slots_[at].id != kNone) at = (at + 1) & mask;
    slots_[at] = {static_cast<uint32_t>(h >> 32), static_cast<int32_t>(ends_.size())};
  }
  bytes_.append(bytes);
  ends_.push_back(static_cast<uint32_t>(bytes_.size()));
  return true;
}

uint64_t Vocabulary::hash(std::string_view bytes) {
  const char* p = bytes.data();
  size_t n = bytes.size();
  uint64_t h = n * kMultiplier2;
  for (; n > 8; p += 8, n -= 8) h = mix(h ^ load<uint64_t>(p), kMultiplier1);
  // The rest in two overlapping loads.
  uint64_t last = 0;
  if (n >= 4) {
    last = load<uint32_t>(p) << 32 | load<uint32_t>(p + n - 4);
  } else if (n > 0) {
    last = load<uint8_t>(p) << 16 | load<uint8_t>(p + n / 2) << 8 | load<uint8_t>(p + n - 1);
  }
  return mix(h ^ last, kMultiplier2);
}

int32_t Vocabulary::find(std::string_view bytes, uint64_t hash_of_bytes) const {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash_of_bytes >> 32);
  for (size_t at = hash_of_bytes & mask; slots_[at].id != kNone; at = (at + 1) & mask) {
    if (slots_[at].tag == tag && this->bytes(slots_[at].id) == bytes) return slots_[at].id;
  }
  return kNone;
}

}  // namespace hadal
