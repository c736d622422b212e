// The Engine on a random model: many streams against one, and what a stream feels of others' prompts.
//
// HADAL_BENCH_MODEL names a model's folder; without it a random one of the preset HADAL_BENCH_PRESET (mid) is
// made in a temporary folder. HADAL_BENCH_THREADS: 2. Times are wall times: run it on a quiet machine.
//   engine_bench --benchmark_filter=Streams
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/model_batch.h"
#include "formats/temporary.h"
#include "ops/device.h"
#include "tools/make_random.h"

namespace hadal {
namespace {

using Clock = std::chrono::steady_clock;

std::string setting(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

class Loaded {
 public:
  Loaded()
      : model(Model::load(folder(), LoadMode::kMmap)),
        ops(make_ops({.numerics = Numerics::kNative,
                      .isa = chosen_isa(),
                      .threads = std::stoi(setting("HADAL_BENCH_THREADS", "2"))})) {}

 private:
  std::string folder() {
    const std::string given = setting("HADAL_BENCH_MODEL", "");
    if (!given.empty()) return given;
    MakeRandomOptions options;
    options.preset = setting("HADAL_BENCH_PRESET", "mid");
    options.format = RandomFormat::kFp8Fp4;
    make_random(temporary_.path(), options);
    return temporary_.path();
  }
  TemporaryFolder temporary_;

 public:
  Model model;
  std::unique_ptr<Ops> ops;
};

Loaded& loaded() {
  static Loaded all;
  return all;
}

std::unique_ptr<Engine> engine_with(int64_t slots) {
  BatchOptions batch{.slots = slots, .max_tokens = 2048, .drafts = false};
  return std::make_unique<Engine>(std::make_unique<ModelBatch>(loaded().model, *loaded().ops, batch),
                                  EngineOptions{.speculation = Speculation::kOff});
}

GenerationRequest request_for(int64_t prompt, int64_t count, uint64_t seed) {
  GenerationRequest request;
  const auto vocab = static_cast<uint64_t>(loaded().model.config().vocab_size);
  for (int64_t i = 0; i < prompt; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    request.prompt.push_back(static_cast<int32_t>((seed >> 33) % vocab));
  }
  request.max_new_tokens = count;
  request.sampling.seed = seed;
  return request;
}

std::shared_ptr<TokenStream> submit(Engine& engine, GenerationRequest request) {
  return std::get<std::shared_ptr<TokenStream>>(engine.submit(std::move(request)));
}

// The moments of the tokens until the end or until `enough` says so.
template <typename Enough>
std::vector<Clock::time_point> read(TokenStream& stream, Enough enough) {
  std::vector<Clock::time_point> times;
  for (;;) {
    const std::optional<StreamEvent> event = stream.wait_next(std::chrono::hours(1));
    if (std::holds_alternative<GeneratedToken>(*event)) times.push_back(Clock::now());
    if (std::holds_alternative<Finished>(*event)) return times;
    if (enough(times.size())) stream.cancel();
  }
}

std::vector<double> gaps_ms(const std::vector<Clock::time_point>& times) {
  std::vector<double> gaps;
  for (size_t i = 1; i < times.size(); ++i)
    gaps.push_back(std::chrono::duration<double, std::milli>(times[i] - times[i - 1]).count());
  std::sort(gaps.begin(), gaps.end());
  return gaps;
}

double at_share(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// Tokens per second of state.range(0) streams together, from the moment that all of them write.
void Streams(benchmark::State& state) {
  constexpr int64_t kTokens = 48;
  const int64_t count = state.range(0);
  for (auto unused : state) {
    const auto engine = engine_with(count);
    std::vector<std::vector<Clock::time_point>> times(static_cast<size_t>(count));
    std::vector<std::thread> readers;
    for (int64_t i = 0; i < count; ++i) {
      const auto stream = submit(*engine, request_for(16, kTokens, static_cast<uint64_t>(i)));
      readers.emplace_back([&times, stream, i] {
        times[static_cast<size_t>(i)] = read(*stream, [](size_t) { return false; });
      });
    }
    for (std::thread& reader : readers) reader.join();
    Clock::time_point begin = times[0].front();
    Clock::time_point end = times[0].back();
    for (const auto& stream : times) {
      begin = std::max(begin, stream.front());
      end = std::min(end, stream.back());
    }
    int64_t tokens = 0;
    for (const auto& stream : times)
      tokens += std::count_if(stream.begin(), stream.end(), [&](auto t) { return t > begin && t <= end; });
    const double seconds = std::chrono::duration<double>(end - begin).count();
    state.SetIterationTime(seconds);
    state.counters["tokens/s"] = static_cast<double>(tokens) / seconds;
  }
}

// The times between the tokens of one stream: alone, then while prompts of state.range(0) tokens are read.
void BesidePrompts(benchmark::State& state) {
  for (auto unused : state) {
    const auto engine = engine_with(2);
    const auto writer = submit(*engine, request_for(16, 2000, 1));
    const std::vector<double> idle = gaps_ms(read(*writer, [](size_t n) { return n >= 40; }));
    const auto second = submit(*engine, request_for(16, 2000, 1));
    std::atomic<bool> reading{true};
    double prompt_seconds = 0;
    std::thread prompts([&] {
      for (uint64_t i = 0; i < 2; ++i) {
        const auto stream = submit(*engine, request_for(state.range(0), 1, 100 + i));
        const Clock::time_point start = Clock::now();
        read(*stream, [](size_t) { return false; });
        prompt_seconds += std::chrono::duration<double>(Clock::now() - start).count();
      }
      reading = false;
    });
    const std::vector<double> beside = gaps_ms(read(*second, [&](size_t) { return !reading; }));
    prompts.join();
    state.SetIterationTime(prompt_seconds);
    state.counters["idle_p50_ms"] = at_share(idle, 0.5);
    state.counters["idle_p99_ms"] = at_share(idle, 0.99);
    state.counters["beside_p50_ms"] = at_share(beside, 0.5);
    state.counters["beside_p99_ms"] = at_share(beside, 0.99);
    state.counters["p99/idle"] = at_share(beside, 0.99) / at_share(idle, 0.5);
    state.counters["prompt_tokens/s"] = 2 * static_cast<double>(state.range(0)) / prompt_seconds;
  }
}

BENCHMARK(Streams)->Arg(1)->Arg(2)->Arg(4)->Arg(8)->Iterations(1)->UseManualTime()->Unit(benchmark::kSecond);
BENCHMARK(BesidePrompts)->Arg(512)->Iterations(1)->UseManualTime()->Unit(benchmark::kSecond);

}  // namespace
}  // namespace hadal
