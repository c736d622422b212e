// The tokenizer with the vocabulary of DeepSeek-V4: encoding and decoding of the corpus (together and file by
// file), loading, and the inputs that could blow up. The labels say how the pieces of the text were encoded
// (BpeStats).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "text/tokenizer_cases.h"

namespace hadal {
namespace {

std::vector<std::string> corpus_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(HADAL_SOURCE_DIR "/bench/corpus")) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string corpus() {
  std::string all;
  for (const std::string& file : corpus_files()) all += read_file(file, 1 << 24);
  return all;
}

void encode(benchmark::State& state, const std::string& text) {
  const Tokenizer& tokenizer = real_tokenizer();
  BpeStats stats;
  size_t tokens = 0;
  for ([[maybe_unused]] const auto _ : state) tokens = tokenizer.encode_content(text, &stats).size();
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
  const auto percent = [&](uint64_t part) {
    return 100.0 * static_cast<double>(part) / static_cast<double>(stats.pieces);
  };
  state.SetLabel(
      fmt::format("{} bytes, {} tokens, {} pieces: {:.1f} % tokens as they stand, {:.1f} % seen before",
                  text.size(), tokens, stats.pieces, percent(stats.direct), percent(stats.repeated)));
}

// Markup and content together, as a prompt comes.
void encode_markup(benchmark::State& state) {
  const std::string text = corpus();
  for ([[maybe_unused]] const auto _ : state) benchmark::DoNotOptimize(real_tokenizer().encode(text));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

// A chat turn: nothing is repeated in the call, so the first use of every piece is paid.
void encode_paragraphs(benchmark::State& state) {
  const std::string text = corpus();
  std::vector<std::string_view> parts;
  for (size_t at = 0; at < text.size(); at += 400) parts.push_back(std::string_view(text).substr(at, 400));
  for ([[maybe_unused]] const auto _ : state) {
    for (const std::string_view part : parts) benchmark::DoNotOptimize(real_tokenizer().encode_content(part));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

void decode(benchmark::State& state) {
  const std::vector<int32_t> ids = real_tokenizer().encode_content(corpus());
  size_t bytes = 0;
  for ([[maybe_unused]] const auto _ : state) {
    StreamDecoder decoder(real_tokenizer());
    bytes = 0;
    for (const int32_t id : ids) bytes += decoder.feed(id).size();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
}

void load(benchmark::State& state) {
  const std::string path = std::filesystem::temp_directory_path() / "tokenizer_bench.json";
  write_file_atomically(path, gunzip_file(shared_path("golden/tokenizer/tokenizer.json.gz")));
  for ([[maybe_unused]] const auto _ : state) benchmark::DoNotOptimize(Tokenizer::from_file(path));
  std::filesystem::remove(path);
}

std::string repeated(std::string_view unit, size_t size) {
  std::string text;
  while (text.size() + unit.size() <= size) text += unit;
  return text;
}

std::string random_bytes(size_t size) {
  std::mt19937 random(1);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

void add(const std::string& name, const std::string& text) {
  benchmark::RegisterBenchmark(name.c_str(), [text](benchmark::State& state) {
    encode(state, text);
  })->Unit(benchmark::kMillisecond);
}

const bool kRegistered = [] {
  if (!std::filesystem::exists(shared_path("golden/tokenizer/tokenizer.json.gz"))) {
    std::fprintf(stderr, "SKIP: no %s; set HADAL_SHARED to the golden cases\n",
                 shared_path("golden/tokenizer").c_str());
    return false;
  }
  add("encode/corpus", corpus());
  for (const std::string& file : corpus_files()) {
    const std::string stem = std::filesystem::path(file).stem();
    add("encode/" + stem, read_file(file, 1 << 24));
  }
  benchmark::RegisterBenchmark("encode/corpus_markup", encode_markup)->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("encode/corpus_by_400_bytes", encode_paragraphs)
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("decode/corpus", decode)->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("load", load)->Unit(benchmark::kMillisecond);
  constexpr size_t kHard = 1 << 20;
  add("hard/20000_letters", repeated("a", 20'000));
  add("hard/letter", repeated("a", kHard));
  add("hard/two_letters", repeated("ab", kHard));
  add("hard/spaces", repeated(" ", kHard));
  add("hard/digits", repeated("7", kHard));
  add("hard/random_bytes", random_bytes(kHard));
  add("hard/joined_emoji", repeated("👩\u200D", kHard));
  add("hard/han", repeated("的", kHard));
  add("hard/half_markup", repeated("<｜User｜", kHard));
  return true;
}();

}  // namespace
}  // namespace hadal
