// Options that several subcommands share, with one spelling and one meaning.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/sampler.h"
#include "formats/config.h"
#include "model/state.h"
#include "tools/loaded_model.h"

namespace hadal {

// MODEL, --threads, --numerics, --load.
void add_model_options(CLI::App& command, ModelOptions& options);
// --ctx, --chunk, --speculate: for commands that keep a sequence.
void add_sequence_options(CLI::App& command, ModelOptions& options);

// What was asked for; the rest is the model's own choice.
struct SamplingOptions {
  std::optional<double> temperature;
  std::optional<int64_t> top_k;
  std::optional<double> top_p;
  SamplingParams params;  // everything else
  std::vector<std::string> logit_bias;
  std::optional<uint64_t> seed;  // none: a new one each time
};
void add_sampling_options(CLI::App& command, SamplingOptions& options);
// Error(kUsage) for values that cannot be.
SamplingParams sampling_params(const SamplingOptions& options, const GenerationConfig& model,
                               int64_t vocab_size);

}  // namespace hadal
