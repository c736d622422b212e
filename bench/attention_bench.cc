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
  const KvRow form = v4_kv_row(EntryFormat::kStored, kDim);
  const int64_t row_bytes = form.bytes();
  std::vector<std::byte> bytes(kPool * row_bytes);
  std::vector<std::byte*> pool;
  for (int64_t i = 0; i < kPool; ++i) pool.push_back(bytes.data() + i * row_bytes);
  std::vector<float> values = random_values(kPool * kDim);
  ops->store_kv(as_mat(values, kPool), form, pool);

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
    ops->sparse_attention(as_mat(q, tokens), chosen, {form, form},
                          reinterpret_cast<const std::byte*>(sink.data()), 0.04f, as_mat(out, tokens));
  state.counters["FLOP/s"] = benchmark::Counter(static_cast<double>(4 * tokens * heads * keys * kDim),
                                                benchmark::Counter::kIsIterationInvariantRate);
}

// The indexer over `visible` keys for `tokens` tokens.
void index_topk(benchmark::State& state, Setup setup, int64_t tokens, int64_t heads, int64_t visible) {
  const auto ops = make_ops({Numerics::kStored, setup.isa, setup.threads});
  const IndexKeyForm form = v4_index_keys(EntryFormat::kStored);
  std::vector<std::byte> keys(form.bytes(visible));
  constexpr int64_t kBatch = 4096;
  std::vector<float> values = random_values(kBatch * kIndexDim);
  for (int64_t first = 0; first < visible; first += kBatch)
    ops->store_index_keys(as_mat(values, kBatch).slice(0, std::min(kBatch, visible - first)), first, form,
                          keys.data());
  std::vector<float> q = random_values(tokens * heads * kIndexDim), w = random_values(tokens * heads);
  const std::vector<int64_t> all(tokens, visible);
  std::vector<int64_t> picks(tokens * 512);
  for (auto _ : state)
    ops->index_topk(as_mat(q, tokens), as_mat(w, tokens), 0.01f, {form, keys.data()}, all,
                    {.topk = 512, .picks = picks.data()});
  state.counters["OP/s"] = benchmark::Counter(static_cast<double>(2 * tokens * heads * visible * kIndexDim),
                                              benchmark::Counter::kIsIterationInvariantRate);
}

// hc_pre and hc_post of one site.
void streams(benchmark::State& state, Setup setup, int64_t tokens, int64_t d) {
  const auto ops = make_ops({Numerics::kStored, setup.isa, setup.threads});
  std::vector<float> fn = random_values(24 * 4 * d), base = random_values(24), scale = random_values(3);
  const auto bytes = [](const std::vector<float>& v) { return reinterpret_cast<const std::byte*>(v.data()); };
  const HcParams params{{.out = 24, .in = 4 * d, .data = bytes(fn)}, bytes(base), bytes(scale)};
  std::vector<float> x = random_values(tokens * 4 * d), u(tokens * d), post(tokens * 4), comb(tokens * 16);
  for (auto _ : state) {
    ops->hc_pre(as_mat(x, tokens), params, {}, as_mat(u, tokens), as_mat(post, tokens), as_mat(comb, tokens));
    ops->hc_post(as_mat(x, tokens), as_mat(u, tokens), as_mat(post, tokens), as_mat(comb, tokens));
  }
}

// The norms and rotations of one layer's queries: q_norm, the per-head norm, rope and its inverse.
void queries(benchmark::State& state, Setup setup, int64_t tokens, int64_t heads) {
  const auto ops = make_ops({Numerics::kStored, setup.isa, setup.threads});
  std::vector<float> qr = random_values(tokens * 1024), q = random_values(tokens * heads * 512),
                     w(1024, 1.0f);
  const std::vector<int64_t> positions(tokens, 12345);
  const RopeFrequencies f{};
  for (auto _ : state) {
    ops->rms_norm(as_mat(qr, tokens), {reinterpret_cast<const std::byte*>(w.data()), false, 1024}, 1e-6f,
                  as_mat(qr, tokens));
    ops->head_rms_norm(as_mat(q, tokens), 512, 1e-6f);
    ops->rope(as_mat(q, tokens), 512, positions, f, false);
    ops->rope(as_mat(q, tokens), 512, positions, f, true);
  }
}

// What a token adds to the state: a kv row and, spread over 4 tokens, an index key.
void stores(benchmark::State& state, Setup setup, int64_t tokens) {
  const auto ops = make_ops({Numerics::kStored, setup.isa, setup.threads});
  std::vector<float> kv = random_values(tokens * 512), keys = random_values((tokens + 3) / 4 * kIndexDim);
  std::vector<std::byte> bytes(tokens * 583), tiles(v4_index_keys(EntryFormat::kStored).bytes(tokens));
  std::vector<std::byte*> rows;
  for (int64_t t = 0; t < tokens; ++t) rows.push_back(bytes.data() + t * 583);
  for (auto _ : state) {
    ops->store_kv(as_mat(kv, tokens), v4_kv_row(EntryFormat::kStored, 512), rows);
    ops->hadamard(as_mat(keys, (tokens + 3) / 4));
    ops->store_index_keys(as_mat(keys, (tokens + 3) / 4), 0, v4_index_keys(EntryFormat::kStored),
                          tiles.data());
  }
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
        ->MeasureProcessCPUTime()
        ->MinTime(0.05)
        ->ComputeStatistics("max", best);
  };
  const auto name_of = [](const std::string& what, int64_t tokens, const std::string& size, int64_t value) {
    return what + "/tokens:" + std::to_string(tokens) + "/" + size + ":" + std::to_string(value);
  };
  for (const Setup setup : setups) {
    for (const int64_t tokens : {1, 64}) {
      for (const int64_t heads : {32, 128}) {
        for (const int64_t keys : {128, 384, 640, 1152})
          add(name_of("attention", tokens, "heads", heads) + "/keys:" + std::to_string(keys), setup,
              [=](benchmark::State& state) { attention(state, setup, tokens, heads, keys); });
      }
      for (const int64_t visible : {8192, 262144})
        add(name_of("index_topk", tokens, "visible", visible), setup,
            [=](benchmark::State& state) { index_topk(state, setup, tokens, 32, visible); });
      for (const int64_t d : {2048, 4096})
        add(name_of("streams", tokens, "hidden", d), setup,
            [=](benchmark::State& state) { streams(state, setup, tokens, d); });
      add(name_of("queries", tokens, "heads", 32), setup,
          [=](benchmark::State& state) { queries(state, setup, tokens, 32); });
      add(name_of("stores", tokens, "channels", 512), setup,
          [=](benchmark::State& state) { stores(state, setup, tokens); });
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
