// Small sound files, cut at every byte and with every bit flipped: each is refused with an Error or read
// whole.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "formats/config.h"
#include "formats/config_text.h"
#include "formats/gguf.h"
#include "formats/gguf_bytes.h"
#include "formats/safetensors.h"
#include "formats/safetensors_index.h"

namespace hadal {
namespace {

struct Outcome {
  int read = 0;
  int refused = 0;
};

// Calls `use` with all mutations; it reads a file's bytes and touches all that it got.
Outcome mutate(const std::string& file, const std::function<void(const std::string&)>& use) {
  Outcome outcome;
  const auto attempt = [&](const std::string& bytes) {
    try {
      use(bytes);
      ++outcome.read;
    } catch (const Error& e) {
      EXPECT_TRUE(e.code() == ErrorCode::kInvalidModel) << e.what();
      ++outcome.refused;
    }
  };
  for (size_t size = 0; size < file.size(); ++size) attempt(file.substr(0, size));
  std::string flipped = file;
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    const auto mask = static_cast<char>(1 << bit % 8);
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ mask);
    attempt(flipped);
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ mask);
  }
  return outcome;
}

unsigned sum(std::span<const std::byte> bytes) {
  unsigned total = 0;
  for (const std::byte b : bytes) total += static_cast<unsigned>(b);
  return total;
}

TEST(Mutations, Safetensors) {
  const std::string header =
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})";
  std::string file(8, '\0');
  file[0] = static_cast<char>(header.size());
  file += header + "012345678";
  const Outcome outcome = mutate(file, [](const std::string& bytes) {
    std::vector<std::pair<std::string, std::string>> metadata;
    for (const NamedTensor& t :
         Safetensors::parse(std::as_bytes(std::span(bytes)), "x.safetensors", &metadata))
      ASSERT_LE(sum(t.tensor.bytes), 255 * t.tensor.elements() * dtype_bytes(t.tensor.dtype));
  });
  EXPECT_GE(outcome.read, 9 * 8);  // any data will do
  EXPECT_GE(outcome.refused, static_cast<int>(header.size()));
}

TEST(Mutations, Gguf) {
  const Outcome outcome = mutate(sound_gguf(), [](const std::string& bytes) {
    for (const GgufTensor& t : Gguf::parse(std::as_bytes(std::span(bytes)), "x.gguf").tensors)
      ASSERT_LE(sum(t.bytes), 255 * t.bytes.size());
  });
  EXPECT_GE(outcome.read, 8 * 24);
  EXPECT_GE(outcome.refused, 300);
}

TEST(Mutations, Json) {
  set_log_verbosity(-1);  // unknown keys by the hundred
  mutate(std::string(kConfigText), [](const std::string& text) { parse_config(text, "config.json"); });
  mutate(R"({"temperature": 1.0, "top_p": 0.95, "top_k": 5, "do_sample": true, "eos_token_id": [1, 2]})",
         [](const std::string& text) { parse_generation_config(text, "generation_config.json"); });
  mutate(R"({"metadata": {"total_size": 1}, "weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}})",
         [](const std::string& text) { parse_safetensors_index(text, "index.json"); });
  set_log_verbosity(0);
}

}  // namespace
}  // namespace hadal
