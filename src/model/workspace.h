// What a Workspace (forward.h) owns.
#pragma once

#include <vector>

#include "model/forward.h"
#include "model/scratch.h"
#include "model/state.h"

namespace hadal {

struct Workspace::Impl {
  Impl(const ModelConfig& config, int64_t max_rows, int64_t max_logit_rows);

  StateBytes memory;
  Arena arena;
  Scratch scratch;
  std::vector<EngramRequest> engram_requests;
};

}  // namespace hadal
