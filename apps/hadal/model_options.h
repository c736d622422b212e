// Options that several subcommands share, with one spelling and one meaning.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/sampler.h"
#include "formats/checkpoint.h"
#include "model/state.h"
#include "tools/loaded_model.h"

namespace hadal {

// MODEL, --threads, --numerics, --load, --engram.
void add_model_options(CLI::App& command, ModelOptions& options);
void add_engram_option(CLI::App& command, std::optional<EngramSource>& source);
// --adapter: for commands that run the model.
void add_adapter_option(CLI::App& command, ModelOptions& options);
// --ctx, --chunk, --speculate, --dry-run: for commands that keep a sequence.
void add_sequence_options(CLI::App& command, ModelOptions& options, bool& dry_run);
// Refuses what does not fit, before a weight is read (Error(kNoMemory)). False: it was a dry run, and the
// plan is printed.
bool plan_allows(const Checkpoint& checkpoint, const ModelOptions& options, int64_t max_tokens,
                 int64_t snapshots, bool dry_run, bool json);

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
