// The attention family at real sizes: attention over window, entries and picks, the indexer, the streams, the
// small ops.
//
// Every case runs per instruction set and thread count. Attention shows multiply-adds as FLOP/s beside the
// machine's own roof; the indexer shows keys/s. On a busy machine take the best of several repetitions:
//   attention_bench --benchmark_repetitions=9 --benchmark_filter=...
#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "ops/device.h"

namespace hadal {
namespace {

std::vector<float> random_values(int64_t count) {
  std::mt19937_64 random(static_cast<uint64_t>(count));
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

Mat as_mat(std::vector<float>& values, int64_t rows) {
  const auto cols = static_cast<int64_t>(values.size()) / rows;
  return {values.data(), rows, cols, cols};
}

double best(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }

struct Setup {
  Isa isa;
  int threads;
};

// Attention of `tokens` tokens with `heads` heads over `keys` rows each, out of a pool that does not fit in a
// cache.
void attention(benchmark::State& state, Setup setup, int64_t tokens, int64_t heads, int64_t keys) {
  constexpr int64_t kDim = 512;
  constexpr int64_t kPool = 8192;
  const auto ops = make_ops({Numerics::kStored, setup.isa, setup.threads});
  const int64_t row_bytes = kv_row_bytes(EntryFormat::kStored, kDim);
  std::vector<std::byte> bytes(kPool * row_bytes);
  std::vector<std::byte*> pool;
  for (int64_t i = 0; i < kPool; ++i) pool.push_back(bytes.data() + i * row_bytes);
  std::vector<float> values = random_values(kPool * kDim);
  ops->store_kv(as_mat(values, kPool), pool);

  std::mt19937_64 random(1);
  std::vector<std::vector<const std::byte*>> rows(tokens);
  std::vector<KeyRows> chosen;
  for (auto& row : rows) {
    for (int64_t i = 0; i < keys; ++i) row.push_back(pool[random() % kPool]);
    std::sort(row.begin(), row.end());
    chosen.push_back({row.data(), keys});
  }
  std::vector<float> q = random_values(tokens * heads * kDim), out(q.size()), sink(heads);
  for (auto _ : state)
    ops->sparse_attention(as_mat(q, tokens), chosen, reinterpret_cast<const std::byte*>(sink.data()), kDim,
                          0.04f, as_mat(out, tokens));
  state.counters["FLOP/s"] = benchmark::Counter(static_cast<double>(4 * tokens * heads * keys * kDim),
                                                benchmark::Counter::kIsIterationInvariantRate);
}

void register_all() {
  std::vector<Setup> setups;
  for (const Isa isa : available_isas()) {
    if (isa == Isa::kReference) continue;
    for (const int threads : {1, 2}) setups.push_back({isa, threads});
  }
  const auto add = [](const std::string& name, Setup setup, auto run) {
    benchmark::RegisterBenchmark(
        (name + "/" + isa_name(setup.isa) + "/" + std::to_string(setup.threads)).c_str(), run)
        ->UseRealTime()
        ->MinTime(0.05)
        ->ComputeStatistics("max", best);
  };
  for (const Setup setup : setups) {
    for (const int64_t tokens : {1, 64}) {
      for (const int64_t heads : {32, 128}) {
        for (const int64_t keys : {128, 384, 640, 1152}) {
          const std::string name = "attention/tokens:" + std::to_string(tokens) +
                                   "/heads:" + std::to_string(heads) + "/keys:" + std::to_string(keys);
          add(name, setup, [=](benchmark::State& state) { attention(state, setup, tokens, heads, keys); });
        }
      }
    }
  }
}

}  // namespace
}  // namespace hadal

int main(int argc, char** argv) {
  hadal::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
