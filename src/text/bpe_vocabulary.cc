#include "text/bpe_vocabulary.h"

#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace hadal {
namespace {

constexpr size_t kWordBytes = sizeof(uint64_t);
constexpr uint64_t kMultiplier1 = 0x9E3779B97F4A7C15;
constexpr uint64_t kMultiplier2 = 0xD1B54A32D192ED03;

template <typename T>
uint64_t load(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

// n bytes (8 at most) in loads that may overlap.
uint64_t load_word(const char* p, size_t n) {
  if (n >= 4) return load<uint32_t>(p) | load<uint32_t>(p + n - 4) << (8 * (n - 4));
  if (n == 0) return 0;
  return load<uint8_t>(p) | load<uint8_t>(p + n / 2) << (8 * (n / 2)) |
         load<uint8_t>(p + n - 1) << (8 * (n - 1));
}

__extension__ using Product = unsigned __int128;

// Both halves of the product, so that every bit of `a` reaches the low bits.
uint64_t mix(uint64_t a, uint64_t multiplier) {
  const Product product = Product{a} * multiplier;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

}  // namespace

Vocabulary::Key Vocabulary::key(std::string_view bytes) {
  const char* p = bytes.data();
  size_t n = bytes.size();
  uint64_t h = n * kMultiplier2;
  for (; n > kWordBytes; p += kWordBytes, n -= kWordBytes) h = mix(h ^ load<uint64_t>(p), kMultiplier1);
  const uint64_t rest = load_word(p, n);
  h = mix(h ^ rest, kMultiplier2);
  return {bytes.size() <= kWordBytes ? rest : h, h};
}

Vocabulary::Vocabulary(ByteStrings tokens, const std::vector<bool>& ordinary) : tokens_(std::move(tokens)) {
  const size_t count = tokens_.size();
  CHECK(count <= kMaxTokens && ordinary.size() == count);
  slots_.assign(std::bit_ceil(2 * count + 1), Slot{0, 0, kNone});
  // The slots are all over the table: their memory is asked for some tokens ahead.
  constexpr size_t kAhead = 16;
  Key keys[kAhead];
  for (size_t i = 0; i < count + kAhead; ++i) {
    if (i >= kAhead && ordinary[i - kAhead]) {
      const size_t id = i - kAhead;
      const Key& k = keys[id % kAhead];
      Slot& slot = slots_[place(tokens_[id], k)];
      if (slot.id != kNone) duplicate_ = static_cast<int32_t>(id);
      slot = {k.word, static_cast<uint32_t>(tokens_[id].size()), static_cast<int32_t>(id)};
    }
    if (i < count) {
      keys[i % kAhead] = key(tokens_[i]);
      prefetch(keys[i % kAhead]);
    }
  }
}

size_t Vocabulary::place(std::string_view bytes, const Key& key) const {
  const size_t mask = slots_.size() - 1;
  size_t at = key.hash & mask;
  for (; slots_[at].id != kNone; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.word != key.word || slot.size != bytes.size()) continue;
    if (bytes.size() <= kWordBytes || this->bytes(slot.id) == bytes) break;
  }
  return at;
}

}  // namespace hadal
