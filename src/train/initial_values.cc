#include "train/initial_values.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hadal {
namespace {

constexpr float kSpread = 0.02f;
constexpr float kHcScale = 0.01f;

// 64 bits that follow from a key and a counter (the finaliser of splitmix64).
uint64_t hashed(uint64_t key, uint64_t counter) {
  uint64_t x = key * 0x9E3779B97F4A7C15u + counter + 0x632BE59BD9B4E019u;
  for (int round = 0; round < 2; ++round) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    x ^= x >> 31;
  }
  return x;
}

// Numbers in (0, 1).
double uniform(uint64_t key, uint64_t counter) {
  return (static_cast<double>(hashed(key, counter) >> 11) + 0.5) * 0x1p-53;
}

float normal(uint64_t key, uint64_t counter) {
  const double radius = std::sqrt(-2 * std::log(uniform(key, 2 * counter)));
  return static_cast<float>(radius * std::cos(6.283185307179586 * uniform(key, 2 * counter + 1)));
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && std::string_view(text).substr(text.size() - end.size()) == end;
}

float first_value(const Parameter& p, int64_t i, float spread, uint64_t key, Residual residual) {
  if (p.role == ParameterRole::kNorm) return 1;
  if (ends_with(p.name, "_base")) return first_hc_base(residual, i, p.size);
  if (ends_with(p.name, "_scale")) return kHcScale;
  if (p.role == ParameterRole::kScalar || p.role == ParameterRole::kBias) return 0;
  return spread * normal(key, static_cast<uint64_t>(i));
}

}  // namespace

void initialise(const Parameters& parameters, int64_t layers, uint64_t seed, Residual residual) {
  const float output_spread = kSpread / std::sqrt(2.0f * static_cast<float>(layers));
  uint64_t number = 0;
  for (const Parameter& p : parameters.list()) {
    const bool output = ends_with(p.name, "wo_b.weight") || ends_with(p.name, ".w2.weight");
    const uint64_t key = hashed(seed, number++);
    for (int64_t i = 0; i < p.size; ++i)
      parameters.masters()[p.offset + i] = first_value(p, i, output ? output_spread : kSpread, key, residual);
  }
  std::copy_n(parameters.masters(), parameters.size(), parameters.values());
}

void fill_normal(float* values, int64_t count, float spread, uint64_t seed, uint64_t number) {
  const uint64_t key = hashed(seed, number);
  for (int64_t i = 0; i < count; ++i) values[i] = spread * normal(key, static_cast<uint64_t>(i));
}

std::vector<int64_t> balanced_hash_table(const std::vector<uint64_t>& counts, int64_t experts, int64_t top_k,
                                         uint64_t seed) {
  std::vector<size_t> tokens(counts.size());
  std::iota(tokens.begin(), tokens.end(), size_t{0});
  std::stable_sort(tokens.begin(), tokens.end(), [&](size_t a, size_t b) {
    if (counts[a] != counts[b]) return counts[a] > counts[b];
    return hashed(seed, a) < hashed(seed, b);
  });
  std::vector<double> load(static_cast<size_t>(experts));
  std::vector<int64_t> table(counts.size() * static_cast<size_t>(top_k));
  std::vector<int64_t> order(static_cast<size_t>(experts));
  for (const size_t token : tokens) {
    std::iota(order.begin(), order.end(), int64_t{0});
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      const double load_a = load[static_cast<size_t>(a)];
      const double load_b = load[static_cast<size_t>(b)];
      if (load_a != load_b) return load_a < load_b;
      return hashed(seed + token + 1, static_cast<uint64_t>(a)) <
             hashed(seed + token + 1, static_cast<uint64_t>(b));
    });
    std::sort(order.begin(), order.begin() + top_k);
    for (int64_t i = 0; i < top_k; ++i) {
      table[token * static_cast<size_t>(top_k) + static_cast<size_t>(i)] = order[static_cast<size_t>(i)];
      load[static_cast<size_t>(order[static_cast<size_t>(i)])] += static_cast<double>(counts[token]) + 1e-3;
    }
  }
  return table;
}

}  // namespace hadal
