#include "tools/plan.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "engine/model_sequence.h"
#include "ops/cpu/roof.h"
#include "tools/costs.h"
#include "tools/memory.h"

namespace hadal {
namespace {

constexpr int64_t kProgramBytes = 32 << 20;  // code, tokenizer, threads
constexpr int64_t kRoofBytes = 256 << 20;
constexpr int kRoofRounds = 5;

EntryFormat format_of(const ModelOptions& options) {
  return options.numerics == Numerics::kFp32 ? EntryFormat::kF32 : EntryFormat::kStored;
}

std::string size_text(int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value >= 1e8) return fmt::format("{:.2f} GB", value * 1e-9);
  return fmt::format("{:.1f} MB", value * 1e-6);
}

// Caches and passes' rows of the tables that are read from the disk.
int64_t engram_disk_bytes(const Checkpoint& checkpoint, int64_t rows) {
  const EngramConfig& engram = checkpoint.config().engram;
  int64_t bytes = 0;
  for (const int64_t table_rows : engram.num_embeddings)
    bytes += EngramDisk::planned_bytes(engram_table_bytes(checkpoint) / table_rows,
                                       rows * engram.rows_per_token());
  return bytes;
}

// All but what depends on how sequences are run.
MemoryPlan plan_of(const Checkpoint& checkpoint, const ModelOptions& options, int64_t max_tokens,
                   bool drafts) {
  const int64_t positions = checkpoint.config().max_position_embeddings;
  if (max_tokens > positions)
    fail(ErrorCode::kUsage, "a context of {} tokens is asked for, but this model has positions for {}",
         max_tokens, positions);
  const EntryFormat format = format_of(options);
  MemoryPlan plan;
  plan.tokens = max_tokens;
  const EngramSource engram = chosen_engram_source(options.load, options.engram);
  const int64_t tables = engram_table_bytes(checkpoint);
  if (engram != EngramSource::kRam) plan.left_in_files = tables;
  plan.weights = static_cast<int64_t>(checkpoint.tensor_bytes()) - plan.left_in_files;
  if (!options.adapter.empty())
    plan.weights += static_cast<int64_t>(FileView(options.adapter, LoadMode::kMmap).bytes().size());
  plan.state =
      plan_state(checkpoint.config(), format, max_tokens, drafts ? drafter_kind(checkpoint).layers : 0);
  plan.state_per_token = state_bytes_per_token(checkpoint.config(), format);
  plan.scratch = kProgramBytes;
  if (engram == EngramSource::kDisk && tables > 0)
    plan.scratch += engram_disk_bytes(checkpoint, options.chunk);
  plan.available = available_memory_bytes();
  return plan;
}

}  // namespace

MemoryPlan plan_memory(const Checkpoint& checkpoint, const ModelOptions& options, int64_t max_tokens,
                       int64_t snapshots) {
  const SequenceOptions sequence = sequence_options(options, max_tokens, snapshots);
  MemoryPlan plan = plan_of(checkpoint, options, max_tokens, sequence.drafts);
  plan.scratch += ModelSequence::planned_bytes(checkpoint.config(), format_of(options),
                                               drafter_kind(checkpoint).layers, sequence) -
                  plan.state.total();
  return plan;
}

MemoryPlan plan_batch(const Checkpoint& checkpoint, const ModelOptions& options, const BatchOptions& batch,
                      int64_t cache_bytes) {
  MemoryPlan plan = plan_of(checkpoint, options, batch.max_tokens, batch.drafts);
  plan.sequences = batch.slots;
  plan.cache = cache_bytes;
  plan.scratch += ModelBatch::planned_bytes(checkpoint.config(), format_of(options),
                                            drafter_kind(checkpoint).layers, batch) -
                  plan.sequences * plan.state.total();
  return plan;
}

void require_fits(const MemoryPlan& plan) {
  if (plan.fits()) return;
  const bool is_served = plan.sequences > 1 || plan.cache > 0;
  const bool may_shrink = plan.weights + plan.scratch <= plan.available;
  const char* advice = "free some memory or choose a smaller model";
  if (may_shrink)
    advice = is_served ? "choose a smaller --ctx, --slots or --cache" : "choose a smaller --ctx";
  fail(ErrorCode::kNoMemory,
       "this needs {} of memory (weights {}, state for {}{} tokens {}, scratch {}{}), but {} are available; "
       "{}",
       size_text(plan.total()), size_text(plan.weights),
       plan.sequences > 1 ? fmt::format("{} x ", plan.sequences) : "", plan.tokens,
       size_text(plan.sequences * plan.state.total()), size_text(plan.scratch),
       plan.cache > 0 ? ", cache of prompts " + size_text(plan.cache) : "", size_text(plan.available),
       advice);
}

SpeedPlan plan_speed(const Checkpoint& checkpoint, const ModelOptions& options, int64_t max_tokens) {
  const Costs costs(checkpoint);
  SpeedPlan plan;
  plan.threads = chosen_threads(options);
  plan.empty_bytes = costs.decode_bytes(0, format_of(options));
  plan.full_bytes = costs.decode_bytes(max_tokens - 1, format_of(options));
  const std::vector<std::byte> memory(kRoofBytes, std::byte{1});
  Roof roof(chosen_isa(), static_cast<int>(plan.threads));
  std::vector<double> rounds;
  rounds.reserve(kRoofRounds);
  for (int i = 0; i < kRoofRounds; ++i) rounds.push_back(roof.read_gb_s(memory));
  std::ranges::nth_element(rounds, rounds.begin() + kRoofRounds / 2);
  plan.read_gb_s = rounds[kRoofRounds / 2];
  return plan;
}

std::string plan_text(const MemoryPlan& memory, const std::optional<SpeedPlan>& speed) {
  const StatePlan& state = memory.state;
  std::string text = fmt::format("weights    {:>10}\n", size_text(memory.weights));
  if (memory.left_in_files > 0)
    text += fmt::format("engram     {:>10}  stay in the file; rows are read when needed\n",
                        size_text(memory.left_in_files));
  text += fmt::format(
      "state      {:>10}  for {} tokens: windows {}, entries {}, index keys {}, compressors {}{}\n",
      size_text(state.total()), memory.tokens, size_text(state.window_rings),
      size_text(state.csa_entries + state.hca_entries + state.latent_entries + state.shared_entries),
      size_text(state.index_keys), size_text(state.compressor_rows),
      state.drafter > 0 ? fmt::format(", drafts {}", size_text(state.drafter)) : "");
  text += fmt::format("per token  {:>10}\n", fmt::format("{:.1f} bytes", memory.state_per_token));
  text += fmt::format("scratch    {:>10}\n", size_text(memory.scratch));
  text += fmt::format("total      {:>10}  of {} available: {}\n", size_text(memory.total()),
                      size_text(memory.available), memory.fits() ? "it fits" : "it does not fit");
  if (speed) {
    text += fmt::format(
        "speed      {:>6.1f} tokens/s at most, {:.1f} with a full context: {} read for a token at {:.1f} "
        "GB/s ({} "
        "thread{})\n",
        speed->tokens_s(speed->empty_bytes), speed->tokens_s(speed->full_bytes),
        size_text(speed->empty_bytes), speed->read_gb_s, speed->threads, speed->threads == 1 ? "" : "s");
  }
  return text;
}

JsonObject plan_json(const MemoryPlan& memory, const std::optional<SpeedPlan>& speed) {
  JsonObject state;
  state.set("window_rings", memory.state.window_rings);
  state.set("csa_entries", memory.state.csa_entries);
  state.set("index_keys", memory.state.index_keys);
  state.set("hca_entries", memory.state.hca_entries);
  state.set("latent_entries", memory.state.latent_entries);
  state.set("shared_entries", memory.state.shared_entries);
  state.set("compressor_rows", memory.state.compressor_rows);
  state.set("mtp", memory.state.drafter);
  state.set("total", memory.state.total());
  state.set("per_token", memory.state_per_token);
  JsonObject plan;
  plan.set("ctx", memory.tokens);
  plan.set("weights", memory.weights);
  plan.set("left_in_files", memory.left_in_files);
  plan.set("state", std::move(state));
  plan.set("scratch", memory.scratch);
  plan.set("total", memory.total());
  plan.set("available", memory.available);
  plan.set("fits", memory.fits());
  if (speed) {
    plan.set("threads", speed->threads);
    plan.set("read_gb_s", speed->read_gb_s);
    plan.set("bytes_per_token", speed->empty_bytes);
    plan.set("tokens_s", speed->tokens_s(speed->empty_bytes));
    plan.set("tokens_s_full", speed->tokens_s(speed->full_bytes));
  }
  return plan;
}

}  // namespace hadal
