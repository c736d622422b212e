// The grammar engine with the vocabulary of DeepSeek-V4: compiling, and the time for one mask along
// documents. Masks are timed twice, with nothing known of the grammar (cold: every mask of a state is
// computed when it is met) and once more along the same document (warm). Counters are microseconds of one
// mask: median, P99, worst.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>

#include "text/grammar_cases.h"

namespace hadal {
namespace {

struct Case {
  const char* name;
  const char* schema;
  const char* document;
};

constexpr Case kCases[] = {
    {"person",
     R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},"email":{"type":"string","format":"email"},"tags":{"type":"array","items":{"type":"string","maxLength":20}}},"required":["name","age","email","tags"],"additionalProperties":false})",
     R"({"name": "Ada Lovelace, Countess of Lovelace", "age": 36, "email": "ada.lovelace@example.com", "tags": ["mathematics", "poetry", "first programmer"]})"},
    {"any", R"({"type":"object"})",
     "{\n  \"title\": \"The Analytical Engine has no pretensions whatever to originate anything.\",\n  "
     "\"year\": 1843,\n  \"notes\": [{\"id\": \"G\", \"words\": [1, 2.5, -3e8, true, null]}, {}]\n}"},
    {"tree",
     R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"v":{"type":"string"},"c":{"type":"array","items":{"$ref":"#/$defs/n"}}},"required":["v","c"],"additionalProperties":false}}})",
     R"({"v": "root", "c": [{"v": "left side", "c": [{"v": "leaf", "c": []}]}, {"v": "right side", "c": []}]})"},
    {"bounded",
     R"({"type":"object","properties":{"text":{"type":"string","minLength":10,"maxLength":2000},"code":{"type":"string","pattern":"^[a-z_]{1,40}$"}},"required":["text","code"],"additionalProperties":false})",
     R"({"text": "It might act upon other things besides number, were objects found whose relations could be expressed.", "code": "compose_elaborate_pieces_of_music"})"},
};

// Of this thread alone: others may want the core meanwhile.
double cpu_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

std::vector<double> along(const std::shared_ptr<const CompiledGrammar>& grammar,
                          const std::vector<int32_t>& ids) {
  std::vector<double> times;
  Mask mask(grammar->vocabulary().mask_words());
  GrammarMatcher matcher(grammar);
  for (size_t i = 0; i <= ids.size(); ++i) {
    const double start = cpu_microseconds();
    matcher.allowed(mask);
    times.push_back(cpu_microseconds() - start);
    if (i < ids.size() && !matcher.accept(ids[i])) fail(ErrorCode::kFailure, "token {} is refused", i);
  }
  return times;
}

void masks(benchmark::State& state, const Case& c, bool warm) {
  const std::vector<int32_t> ids = real_tokenizer().encode_content(c.document);
  std::vector<double> times;
  for ([[maybe_unused]] const auto _ : state) {
    const auto grammar = CompiledGrammar::json_schema(c.schema, real_vocabulary());
    if (warm) along(grammar, ids);
    const std::vector<double> more = along(grammar, ids);
    times.insert(times.end(), more.begin(), more.end());
  }
  std::sort(times.begin(), times.end());
  state.counters["median"] = times[times.size() / 2];
  state.counters["p99"] = times[times.size() * 99 / 100];
  state.counters["worst"] = times.back();
}

void compile(benchmark::State& state, const char* schema) {
  const auto vocabulary = real_vocabulary();
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(CompiledGrammar::json_schema(schema, vocabulary));
  }
}

void build_vocabulary(benchmark::State& state) {
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(GrammarVocabulary::from_tokenizer(real_tokenizer(), std::vector<int32_t>{1}));
  }
}

[[maybe_unused]] const int registered = [] {
  benchmark::RegisterBenchmark("vocabulary", build_vocabulary)->Unit(benchmark::kMillisecond);
  for (const Case& c : kCases) {
    const std::string name(c.name);
    benchmark::RegisterBenchmark(("compile/" + name).c_str(), compile, c.schema)
        ->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("masks_cold/" + name).c_str(), masks, c, false)->Iterations(20);
    benchmark::RegisterBenchmark(("masks_warm/" + name).c_str(), masks, c, true)->Iterations(20);
  }
  return 0;
}();

}  // namespace
}  // namespace hadal
