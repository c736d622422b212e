#include "serve_backend.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/model_batch.h"
#include "engine/model_fingerprint.h"
#include "formats/checkpoint.h"
#include "server/scripted_generator.h"
#include "text/chat_format.h"
#include "text/control_tokens.h"
#include "text/python_source.h"
#include "tools/plan.h"
#include "tools/readable.h"
#include "tools/tokenize.h"

namespace hadal {
namespace {

constexpr int64_t kDefaultContext = 32768;
constexpr int64_t kScriptedContext = 1048576;

// The texts of the chat format: those that were given, the model's own, or hadal's.
ChatLiterals read_literals(const ServeOptions& options) {
  const ChatDialect wanted = chat_dialect(options.family).value_or(ChatDialect::kV40731);
  if (options.literals.empty() && !options.scripted.empty()) return own_chat_literals(wanted);
  const std::string& path = options.literals.empty() ? options.model.dir : options.literals;
  ChatLiterals literals = load_model_literals(path);
  if (!options.family.empty() && literals.dialect != wanted)
    fail(ErrorCode::kUsage, "{} has the texts of another format than --family {}", path, options.family);
  return literals;
}

// Texts that the published API layer adds; a file of literals may have them.
void read_api_texts(const ServeOptions& options, RequestPolicy& policy) {
  policy.json_object_text = "## Answer format\n\nThe answer is one JSON object and nothing else.";
  if (options.literals.empty() || is_directory(options.literals)) return;
  const std::string source = read_file(options.literals, kMaxPythonSourceBytes);
  for (const PythonAssignment& assignment : read_python_assignments(source, options.literals)) {
    if (assignment.kind != PythonAssignment::Kind::kString) continue;
    if (assignment.name == "JSON_OBJECT_TEMPLATE") policy.json_object_text = assignment.string;
    if (assignment.name == "APPLY_PATCH_TEMPLATE") policy.apply_patch_text = assignment.string;
  }
}

// The name of the published service's model with this format.
std::string_view published_name(const RequestPolicy& policy) {
  switch (policy.format) {
    case ChatDialect::kV41:
      return "DeepSeek-V4.1-Flash";
    case ChatDialect::kV32:
      return "DeepSeek-V3.2";
    default:
      return "DeepSeek-V4-Pro";
  }
}

RequestPolicy policy_of(const ServeOptions& options, const ChatLiterals& literals) {
  RequestPolicy policy;
  policy.format = literals.dialect;
  policy.dialect = options.dialect;
  if (policy.is_deepseek()) policy.model_names = {std::string(published_name(policy))};
  policy.model_names.insert(policy.model_names.end(), options.aliases.begin(), options.aliases.end());
  read_api_texts(options, policy);
  return policy;
}

std::unique_ptr<Backend> open_script(const ServeOptions& options) {
  const std::string& path = options.model.dir;
  auto backend = std::make_unique<Backend>(
      Backend{Tokenizer::from_file(is_directory(path) ? path + "/tokenizer.json" : path),
              read_literals(options), nullptr, nullptr, "hadal-scripted"});
  backend->generator = make_scripted_generator(options.scripted, backend->tokenizer,
                                               options.model.ctx > 0 ? options.model.ctx : kScriptedContext);
  return backend;
}

void require_room(const Checkpoint& checkpoint, const ServeOptions& options, const BatchOptions& batch) {
  const MemoryPlan plan = plan_batch(checkpoint, options.model, batch, options.cache_mib << 20);
  log_info(
      "memory: {} for the weights, {} for {} conversations of {} tokens, {} for passes, {} for the cache of "
      "prompts",
      readable_bytes(plan.weights), readable_bytes(plan.sequences * plan.state.total()), batch.slots,
      batch.max_tokens, readable_bytes(plan.scratch), readable_bytes(plan.cache));
  require_fits(plan);
}

EngineOptions engine_options(const ServeOptions& options, const LoadedModel& loaded) {
  EngineOptions engine;
  engine.prefix_cache_bytes = options.cache_mib << 20;
  engine.speculation = options.model.speculate;
  if (options.cache_dir.empty()) return engine;
  engine.disk.dir = options.cache_dir;
  engine.disk.fingerprint = model_fingerprint(loaded.model, options.model.numerics,
                                              loaded.adapter ? loaded.adapter->fingerprint() : "");
  engine.disk.budget_bytes = options.disk_cache_mib << 20;
  engine.disk.write_bytes_per_hour = options.disk_writes_mib << 20;
  return engine;
}

std::unique_ptr<Backend> open_model_backend(const ServeOptions& options, LoadProgress& progress) {
  const Checkpoint checkpoint = Checkpoint::open(options.model.dir, LoadMode::kMmap);
  const ModelConfig& config = checkpoint.config();
  BatchOptions batch;
  batch.slots = options.slots;
  batch.max_tokens = options.model.ctx > 0
                         ? options.model.ctx
                         : std::min(kDefaultContext, std::max<int64_t>(config.max_position_embeddings, 1));
  batch.max_rows = std::min(options.model.chunk, batch.max_tokens);
  batch.drafts = options.model.speculate != Speculation::kOff;
  require_room(checkpoint, options, batch);
  auto backend = std::make_unique<Backend>(
      Backend{load_tokenizer(options.model.dir), read_literals(options), nullptr, nullptr,
              std::filesystem::path(options.model.dir).lexically_normal().filename().string()});
  check_belongs(backend->tokenizer, config);
  progress.begin(checkpoint.tensor_bytes());
  {
    const ReadWatch watch([&progress](uint64_t bytes) { progress.add(bytes); });
    backend->loaded = std::make_unique<LoadedModel>(load_model(options.model));
  }
  backend->generator = std::make_unique<Engine>(
      std::make_unique<ModelBatch>(backend->loaded->model, *backend->loaded->ops, batch),
      engine_options(options, *backend->loaded));
  return backend;
}

}  // namespace

void LoadProgress::add(uint64_t bytes) {
  done_ += bytes;
  if (!stopping_) return;
  stopped_ = true;
  fail(ErrorCode::kInterrupted, "the loading of the model was stopped");
}

double LoadProgress::part() const {
  const uint64_t all = all_;
  return all == 0 ? 0 : std::min(1.0, static_cast<double>(done_) / static_cast<double>(all));
}

std::unique_ptr<Backend> open_backend(const ServeOptions& options, LoadProgress& progress) {
  std::unique_ptr<Backend> backend =
      options.scripted.empty() ? open_model_backend(options, progress) : open_script(options);
  check_markers(backend->tokenizer, backend->literals.dialect);
  return backend;
}

std::vector<std::string> known_hosts(const ServeOptions& options) {
  std::vector<std::string> hosts = options.hosts;
  if (!is_loopback(options.http.address)) hosts.push_back(options.http.address);
  return hosts;
}

ApiConfig api_config(const ServeOptions& options, const Backend& backend, std::vector<std::string> keys) {
  ApiConfig config;
  config.policy = policy_of(options, backend.literals);
  config.model_id = config.policy.is_deepseek() ? std::string(published_name(config.policy)) : backend.name;
  config.keys = std::move(keys);
  config.hosts = known_hosts(options);
  if (options.deadline_seconds > 0) config.deadline = std::chrono::seconds(options.deadline_seconds);
  if (options.queue_seconds > 0) config.queue_deadline = std::chrono::seconds(options.queue_seconds);
  config.takes_case_headers = !options.scripted.empty();
  config.version = HADAL_VERSION;
  if (!options.scripted.empty()) return config;
  const GenerationConfig generation = Checkpoint::open(options.model.dir, LoadMode::kMmap).generation();
  config.policy.default_temperature = generation.do_sample ? generation.temperature : 0;
  config.policy.default_top_p = generation.top_p;
  config.policy.default_top_k = static_cast<uint64_t>(generation.top_k);
  std::vector<int32_t> stop;
  if (const std::optional<int32_t> eos = backend.tokenizer.find_added(kEosToken)) stop = {*eos};
  config.vocabulary = GrammarVocabulary::from_tokenizer(backend.tokenizer, stop,
                                                        static_cast<size_t>(backend.generator->vocab_size()));
  return config;
}

}  // namespace hadal
