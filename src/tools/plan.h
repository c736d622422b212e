// The plan of a run: the memory it will take and the speed to expect, known from headers before a weight is
// read.
//
// What --dry-run and `hadal inspect --ctx` print, and what refuses a run that does not fit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "engine/model_batch.h"
#include "formats/checkpoint.h"
#include "model/state.h"
#include "tools/loaded_model.h"

namespace hadal {

struct MemoryPlan {
  int64_t tokens = 0;  // the context it is for
  int64_t weights = 0;
  int64_t left_in_files = 0;   // tables of Engram whose rows are read when they are needed
  StatePlan state;             // of a sequence
  int64_t sequences = 1;       // that are kept at once
  double state_per_token = 0;  // bytes that each token adds to a long sequence
  int64_t scratch = 0;         // activations, snapshots, the program itself
  int64_t cache = 0;           // of prompts
  int64_t available = 0;       // on this machine, now
  int64_t total() const { return weights + sequences * state.total() + scratch + cache; }
  bool fits() const { return total() <= available; }
};

// Error(kUsage) for more tokens than the model has positions. `snapshots` as open_session() takes it;
// options.ctx is not looked at.
MemoryPlan plan_memory(const Checkpoint& checkpoint, const ModelOptions& options, int64_t max_tokens,
                       int64_t snapshots);
// The same for several sequences at once; options.chunk and options.speculate are not looked at either.
MemoryPlan plan_batch(const Checkpoint& checkpoint, const ModelOptions& options, const BatchOptions& batch,
                      int64_t cache_bytes);
// Error(kNoMemory) with the numbers.
void require_fits(const MemoryPlan& plan);

struct SpeedPlan {
  int64_t threads = 0;
  double read_gb_s = 0;     // measured
  int64_t empty_bytes = 0;  // read for a token at the start
  int64_t full_bytes = 0;   // and at the end of the context
  // The most that reading at this speed allows.
  double tokens_s(int64_t bytes) const { return read_gb_s * 1e9 / static_cast<double>(bytes); }
};
// Measures the bandwidth for a quarter of a second, in 256 MB of its own.
SpeedPlan plan_speed(const Checkpoint& checkpoint, const ModelOptions& options, int64_t max_tokens);

// For people, a few lines; without speed where it was not measured.
std::string plan_text(const MemoryPlan& memory, const std::optional<SpeedPlan>& speed);
JsonObject plan_json(const MemoryPlan& memory, const std::optional<SpeedPlan>& speed);

}  // namespace hadal
