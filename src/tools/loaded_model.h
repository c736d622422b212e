// What every command that runs a model opens first, from the options that they share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "engine/model_sequence.h"
#include "engine/session.h"
#include "model/adapter.h"
#include "model/model.h"
#include "ops/device.h"
#include "text/literals.h"
#include "text/tokenizer.h"

namespace hadal {

struct ModelOptions {
  std::string dir;
  int threads = 0;  // 0: one for each CPU that this process may use
  Numerics numerics = Numerics::kNative;
  LoadMode load = LoadMode::kMmap;
  std::optional<EngramSource> engram = {};  // none: as `load` says
  std::string adapter = {};                 // a file of hadal finetune --lora, or none
  int64_t ctx = 0;                          // tokens; 0: the command's own choice
  int64_t chunk =
      256;  // rows of a forward pass over a prompt: 512 are 2 % faster on `large` and take 20 MB more
  Speculation speculate = Speculation::kAuto;
};

int chosen_threads(const ModelOptions& options);
// What open_session() makes, for the plan too.
SequenceOptions sequence_options(const ModelOptions& options, int64_t max_tokens, int64_t snapshots);

struct LoadedModel {
  Model model;
  std::unique_ptr<Adapter> adapter;  // null: none
  std::unique_ptr<Ops> ops;
};
LoadedModel load_model(const ModelOptions& options);
// Its model alone: with Engram, its tokens' classes come from tokenizer.json, which must be there. `engram`:
// where its rows come from (none: as `mode` says); Error(kUsage) where it has none, or `mode` says otherwise.
Model open_model(const std::string& dir, LoadMode mode, std::optional<EngramSource> engram = {});
std::string_view engram_source_name(EngramSource source);
// "1234 rows of its tables, 56.7 % of them known"
std::string describe(const EngramStats& stats);
// Where the tables' rows come from with these options.
EngramSource chosen_engram_source(LoadMode mode, std::optional<EngramSource> engram);
// Error(kUsage) where the model cannot run in these numerics.
void check_numerics(const ModelConfig& config, Numerics numerics);

// Error(kInvalidModel) if the tokenizer has more tokens than the model has rows.
void check_belongs(const Tokenizer& tokenizer, const ModelConfig& config);

// The words of the model's chat format: of the folder's encoding file, else hadal's own in the format that
// config.json asks for. Also takes an encoding file itself.
ChatLiterals load_model_literals(const std::string& path);

// A conversation of at most `max_tokens`, with room for `snapshots` places to come back to.
std::unique_ptr<Session> open_session(const LoadedModel& loaded, const ModelOptions& options,
                                      int64_t max_tokens, int64_t snapshots);

}  // namespace hadal
