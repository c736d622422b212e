// The first byte says which JSON file the rest is: config.json, generation_config.json or an index. It is
// refused with an Error or it keeps what its reader promises.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "formats/config.h"
#include "formats/safetensors_index.h"

namespace hadal {
namespace {

void use_config(std::string_view text) {
  const ModelConfig config = parse_config(text, "fuzz");
  CHECK(config.hidden_size > 0 && config.vocab_size > 0 && config.num_hidden_layers > 0);
  CHECK(static_cast<int64_t>(config.compress_ratios.size()) >= config.num_hidden_layers);
  CHECK((config.head_dim - 64) % 64 == 0 && config.head_dim > 64);
  CHECK(config.num_attention_heads % config.o_groups == 0);
  CHECK(config.num_experts_per_tok <= config.n_routed_experts);
  config.has_compressed_layers();
}

void use_generation(std::string_view text) {
  const GenerationConfig config = parse_generation_config(text, "fuzz");
  CHECK(config.temperature >= 0 && config.top_p > 0 && config.top_p <= 1 && config.top_k >= 0);
}

void use_index(std::string_view text) {
  for (const IndexEntry& entry : parse_safetensors_index(text, "fuzz"))
    CHECK(entry.file.find('/') == std::string::npos && entry.file.ends_with(".safetensors"));
}

}  // namespace
}  // namespace hadal

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  hadal::set_log_verbosity(-1);  // unknown keys by the thousand
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] % 3 == 0) hadal::use_config(text);
    if (data[0] % 3 == 1) hadal::use_generation(text);
    if (data[0] % 3 == 2) hadal::use_index(text);
  } catch (const hadal::Error& e) {
    CHECK(e.code() == hadal::ErrorCode::kInvalidModel);
  }
  return 0;
}
