#include "tools/loaded_model.h"

#include <thread>

#include "base/error.h"
#include "base/json.h"
#include "formats/config.h"
#include "text/engram_vocabulary.h"

namespace hadal {

int chosen_threads(const ModelOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

SequenceOptions sequence_options(const ModelOptions& options, int64_t max_tokens, int64_t snapshots) {
  return {.max_tokens = max_tokens,
          .max_rows = std::min(options.chunk, max_tokens),
          .drafts = options.speculate != Speculation::kOff,
          .snapshots = snapshots};
}

LoadedModel load_model(const ModelOptions& options) {
  LoadedModel loaded{open_model(options.dir, options.load, options.engram), nullptr, nullptr};
  check_numerics(loaded.model.config(), options.numerics);
  const DeviceOptions device{options.numerics, chosen_isa(), chosen_threads(options)};
  if (!options.adapter.empty()) {
    loaded.adapter = std::make_unique<Adapter>(Adapter::open(options.adapter, loaded.model));
    loaded.ops = make_ops(device, loaded.adapter->low_ranks());
  } else {
    loaded.ops = make_ops(device);
  }
  return loaded;
}

std::string_view engram_source_name(EngramSource source) {
  switch (source) {
    case EngramSource::kMmap:
      return "mmap";
    case EngramSource::kRam:
      return "ram";
    case EngramSource::kDisk:
      return "disk";
  }
  return "";
}

std::string describe(const EngramStats& stats) {
  const double known =
      static_cast<double>(stats.hits) / static_cast<double>(std::max<int64_t>(stats.rows, 1));
  return fmt::format("{} rows of its tables, {:.1f} % of them known", stats.rows, 100 * known);
}

EngramSource chosen_engram_source(LoadMode mode, std::optional<EngramSource> engram) {
  if (mode == LoadMode::kRead && engram && *engram != EngramSource::kRam)
    fail(ErrorCode::kUsage,
         "--engram {} leaves Engram's tables in their files, but --load read reads all of these; choose "
         "--load "
         "mmap",
         engram_source_name(*engram));
  return engram.value_or(mode == LoadMode::kRead ? EngramSource::kRam : EngramSource::kMmap);
}

Model open_model(const std::string& dir, LoadMode mode, std::optional<EngramSource> engram) {
  const EngramSource source = chosen_engram_source(mode, engram);
  Model model = Model::load(dir, mode);
  if (engram && !model.needs_compressed_vocabulary())
    fail(ErrorCode::kUsage, "--engram: {} is a {} without Engram; leave --engram out", dir,
         model.config().family.name);
  if (model.needs_compressed_vocabulary()) {
    // What was read at the start is in memory already.
    if (mode == LoadMode::kMmap) model.set_engram_source(source);
    const Tokenizer tokenizer = Tokenizer::from_file(dir + "/tokenizer.json");
    check_belongs(tokenizer, model.config());
    model.set_compressed_vocabulary(compressed_vocabulary(tokenizer));
  }
  return model;
}

void check_numerics(const ModelConfig& config, Numerics numerics) {
  if (numerics == Numerics::kOfficial && config.family.attention != AttentionKind::kCompressed)
    fail(ErrorCode::kUsage, "--numerics official is known for {} only, and this is {}; choose fp32 or stored",
         kV4.name, config.family.name);
}

void check_belongs(const Tokenizer& tokenizer, const ModelConfig& config) {
  if (static_cast<int64_t>(tokenizer.vocab_size()) > config.vocab_size)
    fail(ErrorCode::kInvalidModel,
         "tokenizer.json has {} tokens, but config.json says vocab_size {}; they do not belong together",
         tokenizer.vocab_size(), config.vocab_size);
}

ChatLiterals load_model_literals(const std::string& path) {
  const std::string config = path + "/config.json";
  if (!file_exists(config)) return load_chat_literals(path);
  const std::optional<Json> fields = parse_json(read_file(config, kMaxConfigBytes));
  const Json* const type = fields ? fields->find("model_type") : nullptr;
  return load_chat_literals(
      path, chat_dialect_of_model(type != nullptr && type->string() != nullptr ? *type->string() : ""));
}

std::unique_ptr<Session> open_session(const LoadedModel& loaded, const ModelOptions& options,
                                      int64_t max_tokens, int64_t snapshots) {
  const SequenceOptions sequence = sequence_options(options, max_tokens, snapshots);
  return std::make_unique<Session>(std::make_unique<ModelSequence>(loaded.model, *loaded.ops, sequence),
                                   options.speculate);
}

}  // namespace hadal
