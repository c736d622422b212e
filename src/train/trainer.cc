#include "train/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "ops/device.h"
#include "tools/make_random.h"
#include "tools/memory.h"
#include "train/initial_values.h"
#include "train/scratch_folder.h"
#include "train/train_costs.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kMaxTextFile = uint64_t{64} << 20;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::vector<uint64_t> token_counts(const DataSet& data, int64_t vocab_size) {
  std::vector<uint64_t> counts(static_cast<size_t>(vocab_size));
  std::vector<int32_t> ids;
  std::vector<uint8_t> learned;
  for (uint64_t d = 0; d < data.documents(); ++d) {
    ids.resize(data.document_tokens(d));
    learned.resize(ids.size());
    data.read(d, 0, ids, learned);
    for (const int32_t id : ids) ++counts[static_cast<size_t>(id)];
  }
  return counts;
}

std::string optional_text(const std::string& path) {
  return file_exists(path) ? read_file(path, kMaxTextFile) : std::string();
}

std::string row_of(const StepReport& r) {
  return fmt::format(
      "{{\"step\": {}, \"tokens\": {}, \"loss\": {:.6f}, \"mtp_loss\": {:.6f}, \"index_kl\": {:.6f}, "
      "\"balance\": {:.6f}, \"gradient_norm\": {:.6f}, \"rate\": {:.8f}, \"largest_load\": {:.4f}, "
      "\"routing_entropy\": {:.4f}, \"streams\": [{:.4f}], \"seconds\": {:.3f}}}\n",
      r.step, r.tokens, r.loss, r.mtp_loss, r.index_kl, r.balance, r.gradient_norm, r.rate, r.largest_load,
      r.routing_entropy, fmt::join(r.streams, ", "), r.seconds);
}

}  // namespace

std::vector<HashTable> hash_tables(const Model& model) {
  std::vector<HashTable> tables;
  for (const Checkpoint::Place& place : model.checkpoint().tensors()) {
    const Tensor& tensor = place.tensor->tensor;
    if (tensor.dtype != DType::kI64) continue;
    HashTable table{place.tensor->name, tensor.shape,
                    std::vector<int64_t>(static_cast<size_t>(tensor.elements()))};
    for (size_t i = 0; i < table.ids.size(); ++i)
      table.ids[i] = load_as<int64_t>(tensor.bytes.data() + i * 8);
    tables.push_back(std::move(table));
  }
  return tables;
}

Trainer::Trainer(const TrainConfig& config, const TrainOptions& options)
    : config_(config),
      options_(options),
      folder_(config.out),
      lock_(folder_.lock(!options.resume)),
      data_(DataSet::open(config.data)),
      reader_(data_, {static_cast<uint64_t>(config.row_tokens), config.seed, config.curriculum}),
      pool_(config.threads) {
  const std::string latest = folder_.latest();
  if (options.resume && latest.empty()) {
    log_info("{}: the run stopped before its first checkpoint and begins anew", config.out);
  } else if (options.resume) {
    open_model(latest);
    const RunState saved = RunFolder::load(latest, *optimizer_);
    check_unchanged(saved);
    state_ = saved;
    state_.settings = config.settings();
    keep_metrics_to(state_.step);
    log_info("{}: goes on from step {}", config.out, state_.step);
    return;
  } else if (!latest.empty()) {
    fail(ErrorCode::kUsage,
         "{}: this run has checkpoints already; go on with --resume, or choose another run.out", config.out);
  }
  state_.settings = config.settings();
  state_.data_sha256 = data_.sha256();
  open_model(first_checkpoint());
  keep_metrics_to(0);
}

Trainer::~Trainer() = default;

// The first weights as a checkpoint folder of step 0, which a run then starts from like any other.
std::string Trainer::first_checkpoint() {
  std::error_code error;
  fs::create_directories(config_.out, error);
  if (error) fail(ErrorCode::kIo, "{}: {}", config_.out, error.message());
  const ScratchFolder scratch(config_.out + "/first.tmp");
  std::string source = config_.init;
  if (source.empty()) {
    source = scratch.path();
    MakeRandomOptions options;
    options.preset = config_.preset;
    options.sets = config_.sets;
    options.seed = config_.seed;
    make_random(source, options);
  } else if (!config_.sets.empty()) {
    fail(ErrorCode::kUsage, "[model] has init and {}; a checkpoint's sizes cannot be changed",
         config_.sets.front());
  }
  Model model = Model::load(source, LoadMode::kRead);
  std::vector<HashTable> tables = hash_tables(model);
  const Parameters parameters(model);
  if (config_.init.empty()) {
    initialise(parameters, model.config().num_hidden_layers, config_.seed);
    const int64_t top_k = model.config().num_experts_per_tok;
    const auto counts = token_counts(data_, model.config().vocab_size);
    for (size_t i = 0; i < tables.size(); ++i)
      tables[i].ids = balanced_hash_table(counts, model.config().n_routed_experts, top_k, config_.seed + i);
  }
  const Optimizer optimizer(parameters, config_.optimizer);
  const std::string tokenizer = config_.tokenizer.empty() ? source + "/tokenizer.json" : config_.tokenizer;
  folder_.save(state_, read_file(source + "/config.json", kMaxTextFile), optional_text(tokenizer), parameters,
               tables, optimizer, config_.keep);
  return folder_.latest();
}

void Trainer::open_model(const std::string& checkpoint) {
  model_ = std::make_unique<Model>(Model::load(checkpoint, LoadMode::kRead));
  const ModelConfig& c = model_->config();
  if (static_cast<int64_t>(data_.manifest().vocab_size) > c.vocab_size)
    fail(ErrorCode::kUsage, "{}: its tokenizer has {} tokens, the model's vocab_size is {}", config_.data,
         data_.manifest().vocab_size, c.vocab_size);
  config_json_ = read_file(checkpoint + "/config.json", kMaxTextFile);
  tokenizer_json_ = optional_text(checkpoint + "/tokenizer.json");
  tables_ = hash_tables(*model_);
  parameters_ = std::make_unique<Parameters>(*model_);
  if (config_.quantise == Quantise::kAll) require_storable(*parameters_, StoreMode::kFp8Fp4);
  optimizer_ = std::make_unique<Optimizer>(*parameters_, config_.optimizer);
  pass_ = std::make_unique<TrainPass>(*model_, *parameters_,
                                      DeviceOptions{Numerics::kFp32, chosen_isa(), config_.threads},
                                      config_.rows * config_.row_tokens, config_.row_tokens,
                                      TrainPassOptions{config_.quantise != Quantise::kNone, config_.mtp > 0});
  refresh_values();
}

void Trainer::check_unchanged(const RunState& saved) const {
  if (saved.data_sha256 != data_.sha256())
    fail(ErrorCode::kUsage, "{}: the data are not those that the run began with (manifest {}, then {})",
         config_.data, data_.sha256().substr(0, 12), saved.data_sha256.substr(0, 12));
  const auto now = config_.settings();
  std::map<std::string, std::string> before(saved.settings.begin(), saved.settings.end());
  for (const auto& [key, value] : now) {
    const auto at = before.find(key);
    if (key == "train.steps" && at != before.end() && may_end_elsewhere(saved.step, at->second)) continue;
    if (at == before.end() || at->second != value)
      fail(ErrorCode::kUsage, "{}: {} is {} now and was {} when the run began", config_.out, key, value,
           at == before.end() ? "not set" : at->second);
  }
}

// With a rate that stays, a run has not seen yet when it ends until the rate falls.
bool Trainer::may_end_elsewhere(int64_t step, const std::string& steps_before) const {
  TrainConfig before = config_;
  const char* const end = steps_before.data() + steps_before.size();
  if (std::from_chars(steps_before.data(), end, before.steps).ptr != end) return false;
  return config_.schedule == Schedule::kWsd && !before.decaying(step) && !config_.decaying(step) &&
         step < config_.steps;
}

// What the pass reads: masters as they will be exported.
void Trainer::refresh_values() {
  const StoreMode mode = config_.quantise == Quantise::kAll ? StoreMode::kFp8Fp4 : StoreMode::kBf16;
  round_values(*parameters_, mode, pool_);
}

TrainRows Trainer::next_rows() {
  TrainRows rows;
  for (int64_t i = 0; i < config_.rows; ++i) {
    while (state_.position.row >= reader_.rows(state_.position.epoch))
      state_.position = {state_.position.epoch + 1, 0};
    const PackedRow row = reader_.read(state_.position);
    const auto first = static_cast<int64_t>(rows.ids.size());
    rows.ids.insert(rows.ids.end(), row.ids.begin(), row.ids.end());
    rows.is_target.insert(rows.is_target.end(), row.is_target.begin(), row.is_target.end());
    for (size_t part = 1; part < row.parts.size(); ++part)
      rows.document_ends.push_back(first + row.parts[part]);
    rows.row_ends.push_back(static_cast<int64_t>(rows.ids.size()));
  }
  return rows;
}

// The rule of auxiliary-loss-free balance: experts with less than their share become likelier, others less
// so.
void Trainer::move_biases(const std::vector<RouteRecord>& routes) {
  std::map<const std::byte*, std::vector<int64_t>> loads;
  for (const RouteRecord& route : routes) {
    if (route.bias == nullptr) continue;
    std::vector<int64_t>& load = loads[route.bias];
    load.resize(route.load.size());
    for (size_t e = 0; e < load.size(); ++e) load[e] += route.load[e];
  }
  for (const auto& [bias, load] : loads) {
    const Parameter* const p = parameters_->find(bias);
    CHECK(p != nullptr);
    int64_t all = 0;
    for (const int64_t of_expert : load) all += of_expert;
    for (size_t e = 0; e < load.size(); ++e) {
      const int64_t above = load[e] * static_cast<int64_t>(load.size()) - all;
      const double change = above < 0 ? config_.bias_speed : above > 0 ? -config_.bias_speed : 0;
      parameters_->masters()[p->offset + static_cast<int64_t>(e)] += static_cast<float>(change);
    }
  }
}

StepReport Trainer::step() {
  const auto start = std::chrono::steady_clock::now();
  StepReport report;
  report.step = state_.step + 1;
  std::vector<TrainRows> passes;
  int64_t main_targets = 0, mtp_targets = 0, tokens = 0;
  for (int64_t i = 0; i < config_.accumulate; ++i) {
    passes.push_back(next_rows());
    main_targets += passes.back().main_targets();
    mtp_targets += passes.back().mtp_targets();
    tokens += static_cast<int64_t>(passes.back().ids.size());
  }
  const double mtp = config_.decaying(report.step) ? config_.mtp_late : config_.mtp;
  const auto per = [](double weight, int64_t count) {
    return count == 0 ? 0.0f : static_cast<float>(weight / static_cast<double>(count));
  };
  const LossWeights weights{per(1, main_targets), per(mtp, mtp_targets), per(config_.index, tokens),
                            per(config_.balance, config_.rows * config_.accumulate)};
  std::vector<RouteRecord> routes;
  for (const TrainRows& rows : passes) {
    const PassLosses losses = pass_->run(rows, weights);
    report.loss += losses.main;
    report.mtp_loss += losses.mtp;
    report.index_kl += losses.index_kl;
    report.balance += losses.balance;
    report.streams = losses.stream_rms;
    routes.insert(routes.end(), losses.routes.begin(), losses.routes.end());
  }
  report.loss /= static_cast<double>(std::max<int64_t>(main_targets, 1));
  report.mtp_loss /= static_cast<double>(std::max<int64_t>(mtp_targets, 1));
  report.index_kl /= static_cast<double>(tokens);
  report.balance /= static_cast<double>(config_.rows * config_.accumulate);
  double scored = 0;
  for (const RouteRecord& route : routes) {
    if (route.bias != nullptr) {
      scored += static_cast<double>(route.tokens);
      report.routing_entropy += route.entropy / std::log(static_cast<double>(route.load.size()));
    }
    const auto mean = static_cast<double>(route.tokens) *
                      static_cast<double>(model_->config().num_experts_per_tok) /
                      static_cast<double>(route.load.size());
    report.largest_load =
        std::max(report.largest_load,
                 static_cast<double>(*std::max_element(route.load.begin(), route.load.end())) / mean);
  }
  if (scored > 0) report.routing_entropy /= scored;
  const double factor = config_.rate_at(report.step);
  report.rate = config_.rate * factor;
  const StepResult moved =
      optimizer_->step(report.step, report.rate, config_.adam_rate * factor, pass_->backward(), pool_);
  if (!std::isfinite(report.loss)) fail(ErrorCode::kFailure, "step {}: the loss is not finite", report.step);
  report.gradient_norm = moved.gradient_norm;
  move_biases(routes);
  refresh_values();
  state_.step = report.step;
  state_.tokens += tokens;
  report.tokens = state_.tokens;
  report.seconds = seconds_since(start);
  return report;
}

void Trainer::save() const {
  folder_.save(state_, config_json_, tokenizer_json_, *parameters_, tables_, *optimizer_, config_.keep);
}

// Steps after a checkpoint are made again, so their lines go.
void Trainer::keep_metrics_to(int64_t step) const {
  std::string kept;
  if (file_exists(folder_.metrics())) {
    std::ifstream file(folder_.metrics());
    std::string line;
    for (int64_t lines = 0; lines < step && std::getline(file, line); ++lines) kept += line + "\n";
  }
  write_file_atomically(folder_.metrics(), kept);
}

void Trainer::report(const StepReport& r) const {
  std::ofstream(folder_.metrics(), std::ios::app) << row_of(r);
  if (r.step % config_.log_every != 0 && r.step != config_.steps) return;
  const double left = static_cast<double>(config_.steps - r.step) * r.seconds;
  log_info(
      "step {}/{}  loss {:.4f}  mtp {:.4f}  kl {:.4f}  |g| {:.3f}  rate {:.2e}  load {:.2f}  {:.0f} tokens/s "
      " {:.1f} h left",
      r.step, config_.steps, r.loss, r.mtp_loss, r.index_kl, r.gradient_norm, r.rate, r.largest_load,
      static_cast<double>(config_.rows * config_.accumulate * config_.row_tokens) / r.seconds, left / 3600);
}

void Trainer::run() {
  const int64_t last =
      options_.stop_after == 0 ? config_.steps : std::min(config_.steps, state_.step + options_.stop_after);
  while (state_.step < last) {
    report(step());
    if (state_.step % config_.checkpoint_every == 0 || state_.step == config_.steps) save();
  }
}

TrainPlan Trainer::plan() {
  TrainPlan plan;
  for (const Parameter& p : parameters_->list()) plan.parameters += p.size;
  plan.active_matrix_parameters = active_matrix_parameters(*model_, *parameters_, config_.mtp > 0);
  plan.flops_per_token = 6 * static_cast<double>(plan.active_matrix_parameters);
  step();  // makes room for all that a step keeps
  const StepReport timed = step();
  const auto tokens = static_cast<double>(config_.rows * config_.accumulate * config_.row_tokens);
  plan.tokens_s = tokens / timed.seconds;
  plan.seconds = timed.seconds * static_cast<double>(config_.steps);
  plan.bytes = peak_resident_bytes();
  return plan;
}

void export_model(const std::string& checkpoint, const std::string& out, StoreMode mode) {
  Model model = Model::load(checkpoint, LoadMode::kRead);
  const std::vector<HashTable> tables = hash_tables(model);
  const Parameters parameters(model);
  require_storable(parameters, mode);
  std::error_code error;
  fs::create_directories(out, error);
  if (error) fail(ErrorCode::kIo, "{}: {}", out, error.message());
  if (file_exists(out + "/model.safetensors"))
    fail(ErrorCode::kUsage, "{}: there is a model already; choose another folder", out);
  write_model(out, read_file(checkpoint + "/config.json", kMaxTextFile), parameters, parameters.masters(),
              tables, mode);
  const std::string tokenizer = optional_text(checkpoint + "/tokenizer.json");
  if (!tokenizer.empty()) write_file_atomically(out + "/tokenizer.json", tokenizer);
}

}  // namespace hadal
