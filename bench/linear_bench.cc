// Products and experts at the sizes of the random checkpoint `large`: one row (decode: bytes of weights a
// second) and many (prefill: multiply-adds a second). The instruction set is HADAL_ISA's, the threads are
// HADAL_BENCH_THREADS or 2. The first two lines are the roof that the rest is to be held against.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <numeric>

#include "ops/cpu/roof.h"
#include "ops/random_weight.h"

namespace hadal {
namespace {

constexpr int64_t kHidden = 2048;
constexpr int64_t kMoe = 1024;
constexpr int64_t kExperts = 64;
constexpr int64_t kTopK = 6;
// e8m0 scales of weights near 0.02: wide ones would leave the ways that real checkpoints take.
constexpr int kLowestScale = 107;
constexpr int kHighestScale = 111;

int bench_threads() {
  const char* const named = std::getenv("HADAL_BENCH_THREADS");
  return named != nullptr ? std::atoi(named) : 2;
}

std::unique_ptr<Ops> bench_ops() {
  return make_ops({.numerics = Numerics::kNative, .isa = chosen_isa(), .threads = bench_threads()});
}

Buffer normal_values(int64_t count) {
  Buffer buffer(count);
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  for (float& value : buffer.span()) value = normal(random);
  return buffer;
}

void set_rates(benchmark::State& state, double bytes, double flops) {
  state.counters["bytes"] = benchmark::Counter(bytes, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["flops"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

void roof_read(benchmark::State& state) {
  Roof roof(chosen_isa(), bench_threads());
  const std::vector<std::byte> memory(size_t{256} << 20, std::byte{1});
  double best = 0;
  for ([[maybe_unused]] const auto _ : state) best = std::max(best, roof.read_gb_s(memory));
  state.counters["best_gb_s"] = best;
}

void roof_fma(benchmark::State& state) {
  Roof roof(chosen_isa(), bench_threads());
  double best = 0;
  for ([[maybe_unused]] const auto _ : state) best = std::max(best, roof.fma_gflops());
  state.counters["best_gflops"] = best;
}

// Several copies of the weight in turn, so that one row finds none of it in the caches.
void linear(benchmark::State& state, Stored stored, int64_t out, int64_t in) {
  const int64_t tokens = state.range(0);
  std::vector<std::unique_ptr<RandomWeight>> copies;
  int64_t bytes = 0;
  while (bytes < (int64_t{128} << 20)) {
    copies.push_back(
        std::make_unique<RandomWeight>(stored, out, in, copies.size(), kLowestScale, kHighestScale));
    bytes += copies.back()->weight().bytes();
  }
  const Buffer x = normal_values(tokens * in);
  const Buffer y(tokens * out);
  const std::unique_ptr<Ops> ops = bench_ops();
  size_t next = 0;
  for ([[maybe_unused]] const auto _ : state) {
    ops->linear(x.mat(tokens, in), copies[next]->weight(), y.mat(tokens, out));
    next = (next + 1) % copies.size();
  }
  set_rates(state, static_cast<double>(copies[0]->weight().bytes()),
            2.0 * static_cast<double>(tokens * out * in));
}

struct LargeExperts {
  std::vector<std::unique_ptr<RandomWeight>> owned;
  std::vector<ExpertWeights> routed;
  ExpertWeights shared;

  LargeExperts() {
    for (int64_t e = 0; e < kExperts; ++e) routed.push_back(expert(Stored::kFp4));
    shared = expert(Stored::kFp8);
  }
  ExpertWeights expert(Stored stored) {
    const auto make = [&](int64_t out, int64_t in) {
      owned.push_back(
          std::make_unique<RandomWeight>(stored, out, in, owned.size(), kLowestScale, kHighestScale));
      return owned.back()->weight();
    };
    const Weight w1 = make(kMoe, kHidden);
    const Weight w2 = make(kHidden, kMoe);
    return {w1, w2, make(kMoe, kHidden)};
  }
};

// kTopK experts of each of `tokens` tokens, ascending within a token.
std::vector<int32_t> random_routes(int64_t tokens, std::mt19937_64& random) {
  std::vector<int32_t> order(kExperts);
  std::iota(order.begin(), order.end(), 0);
  std::vector<int32_t> ids;
  for (int64_t t = 0; t < tokens; ++t) {
    std::shuffle(order.begin(), order.end(), random);
    std::vector<int32_t> row(order.begin(), order.begin() + kTopK);
    std::sort(row.begin(), row.end());
    ids.insert(ids.end(), row.begin(), row.end());
  }
  return ids;
}

void moe(benchmark::State& state) {
  static const LargeExperts experts;
  const int64_t tokens = state.range(0);
  const Buffer x = normal_values(tokens * kHidden);
  const Buffer y(tokens * kHidden);
  std::mt19937_64 random(2);
  std::vector<std::vector<int32_t>> routes;
  for (int i = 0; i < 16; ++i) routes.push_back(random_routes(tokens, random));
  const std::vector<float> weights(static_cast<size_t>(tokens * kTopK), 0.25f);
  const std::unique_ptr<Ops> ops = bench_ops();
  size_t next = 0;
  for ([[maybe_unused]] const auto _ : state) {
    ops->moe(x.mat(tokens, kHidden), routes[next].data(), weights.data(), kTopK, experts.routed,
             experts.shared, 10.0f, y.mat(tokens, kHidden));
    next = (next + 1) % routes.size();
  }
  const int64_t one_token = 3 * (kTopK * experts.routed[0].w1.bytes() + experts.shared.w1.bytes());
  // Tokens share experts: the bytes are a token's own only where there is one.
  set_rates(state, tokens == 1 ? static_cast<double>(one_token) : 0.0,
            2.0 * static_cast<double>(tokens * (kTopK + 1) * 3 * kMoe * kHidden));
}

BENCHMARK(roof_read)->UseRealTime();
BENCHMARK(roof_fma)->UseRealTime();
BENCHMARK_CAPTURE(linear, head_bf16, Stored::kBF16, 32768, kHidden)->Arg(1)->UseRealTime();
BENCHMARK_CAPTURE(linear, wq_a_fp8, Stored::kFp8, 512, kHidden)->Arg(1)->Arg(2)->Arg(512)->UseRealTime();
BENCHMARK_CAPTURE(linear, wq_b_fp8, Stored::kFp8, 16384, 512)->Arg(1)->Arg(2)->Arg(512)->UseRealTime();
BENCHMARK_CAPTURE(linear, wo_b_fp8, Stored::kFp8, kHidden, 4096)->Arg(1)->Arg(2)->Arg(512)->UseRealTime();
BENCHMARK_CAPTURE(linear, compressor_bf16, Stored::kBF16, 1024, kHidden)->Arg(1)->Arg(512)->UseRealTime();
BENCHMARK_CAPTURE(linear, expert_up_fp4, Stored::kFp4, kMoe, kHidden)->Arg(1)->Arg(48)->UseRealTime();
BENCHMARK(moe)->Arg(1)->Arg(2)->Arg(64)->Arg(512)->UseRealTime();

}  // namespace
}  // namespace hadal
