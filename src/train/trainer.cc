#include "train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "ops/device.h"
#include "tools/make_random.h"
#include "tools/memory.h"
#include "train/carry.h"
#include "train/html_report.h"
#include "train/scratch_folder.h"
#include "train/side_files.h"
#include "train/train_costs.h"

namespace hadal {
namespace {

// Momentum forgets in about twenty.
constexpr int64_t kRewarmSteps = 100;
constexpr double kReportSeconds = 20;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Trainer::Trainer(const TrainConfig& config, const TrainOptions& options)
    : config_(config),
      options_(options),
      folder_(config.out),
      lock_(folder_.lock(!options.resume)),
      data_(DataSet::open(config.data)),
      reader_(data_, {static_cast<uint64_t>(config.row_tokens), config.seed, config.curriculum}),
      pool_(config.threads) {
  const std::string latest = folder_.latest();
  if (options.resume && !options.carry.empty())
    fail(ErrorCode::kUsage, "--carry begins a run in a new folder, --resume goes on with one; leave out one");
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

// The first weights as a checkpoint folder, which a run then starts from like any other.
std::string Trainer::first_checkpoint() {
  const ScratchFolder scratch(config_.out + "/first.tmp");
  const std::unique_ptr<RunWeights> weights = first_weights(scratch.path());
  const Optimizer optimizer(weights->parameters(), config_.optimizer);
  folder_.save(state_, *weights, optimizer, config_.keep);
  return folder_.latest();
}

std::unique_ptr<RunWeights> Trainer::first_weights(const std::string& scratch) {
  if (config_.lora_rank > 0)
    return std::make_unique<LoraModel>(config_.init, config_.lora_rank, config_.lora_alpha, config_.seed);
  std::string source = config_.init;
  const bool is_new = source.empty() && options_.carry.empty();
  if (!options_.carry.empty()) {
    source = scratch;
    RunState carried = unpack_carry(options_.carry, source);
    check_unchanged(carried);
    carried.settings = state_.settings;
    carried.restart = carried.step;
    state_ = carried;
    log_info("{}: goes on from step {} without momentum; the rate rises again over {} steps", config_.out,
             state_.step, kRewarmSteps);
  } else if (is_new) {
    source = scratch;
    MakeRandomOptions options;
    options.preset = config_.preset;
    options.sets = config_.sets;
    options.seed = config_.seed;
    make_random(source, options);
  } else if (!config_.sets.empty()) {
    fail(ErrorCode::kUsage, "[model] has init and {}; a checkpoint's sizes cannot be changed",
         config_.sets.front());
  }
  auto weights = std::make_unique<WholeModel>(source, StoreMode::kF32);
  if (is_new) weights->begin(data_, config_.seed, config_.residual);
  if (!config_.tokenizer.empty()) weights->set_tokenizer(optional_text(config_.tokenizer));
  return weights;
}

void Trainer::open_model(const std::string& checkpoint) {
  if (config_.lora_rank > 0) {
    weights_ = std::make_unique<LoraModel>(config_.init, checkpoint);
  } else {
    const bool all = config_.quantise == Quantise::kAll;
    weights_ = std::make_unique<WholeModel>(checkpoint, all ? StoreMode::kFp8Fp4 : StoreMode::kBf16);
  }
  const ModelConfig& c = weights_->model().config();
  if (static_cast<int64_t>(data_.manifest().vocab_size) > c.vocab_size)
    fail(ErrorCode::kUsage, "{}: its tokenizer has {} tokens, the model's vocab_size is {}", config_.data,
         data_.manifest().vocab_size, c.vocab_size);
  optimizer_ = std::make_unique<Optimizer>(weights_->parameters(), config_.optimizer);
  pass_ = std::make_unique<TrainPass>(weights_->model(), weights_->views(),
                                      DeviceOptions{Numerics::kFp32, chosen_isa(), config_.threads},
                                      config_.rows * config_.row_tokens, config_.row_tokens,
                                      TrainPassOptions{.quantise_state = config_.quantise != Quantise::kNone,
                                                       .with_mtp = config_.mtp > 0,
                                                       .adapters = weights_->adapters(),
                                                       .residual = config_.residual});
  weights_->refresh(pool_);
}

void Trainer::check_unchanged(const RunState& saved) const {
  if (saved.data_sha256 != data_.sha256())
    fail(ErrorCode::kUsage, "{}: the data are not those that the run began with (manifest {}, then {})",
         config_.data, data_.sha256().substr(0, 12), saved.data_sha256.substr(0, 12));
  using Settings = std::map<std::string, std::string>;
  const auto of = [](const auto& settings) { return Settings(settings.begin(), settings.end()); };
  const auto at = [](const Settings& settings, const std::string& key) {
    const auto found = settings.find(key);
    return found == settings.end() ? "not set" : found->second;
  };
  const Settings now = of(config_.settings()), before = of(saved.settings);
  Settings all = now;
  all.insert(before.begin(), before.end());
  for (const auto& [key, value] : all) {
    const std::string is = at(now, key), was = at(before, key);
    if (is == was || (key == "train.steps" && may_end_elsewhere(saved.step, was))) continue;
    fail(ErrorCode::kUsage, "{}: {} is {} now and was {} when the run began", config_.out, key, is, was);
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

// Momentum that was lost comes back while the rate rises.
double Trainer::rate_at(int64_t step) const {
  const double rate = config_.rate_at(step);
  if (state_.restart == 0) return rate;
  const auto since = static_cast<double>(step - state_.restart);
  return rate * std::min(1.0, since / static_cast<double>(kRewarmSteps));
}

TrainRows Trainer::next_rows() {
  TrainRows rows;
  for (int64_t i = 0; i < config_.rows; ++i) {
    while (state_.position.row >= reader_.rows(state_.position.epoch))
      state_.position = {state_.position.epoch + 1, 0};
    rows.append(reader_.read(state_.position));
  }
  return rows;
}

// The rule of auxiliary-loss-free balance: experts with less than their share become likelier, others less
// so.
void Trainer::move_biases(const std::vector<RouteRecord>& routes) {
  if (config_.bias_speed == 0) return;
  const Parameters& parameters = weights_->parameters();
  std::map<const std::byte*, std::vector<int64_t>> loads;
  for (const RouteRecord& route : routes) {
    if (route.bias == nullptr) continue;
    std::vector<int64_t>& load = loads[route.bias];
    load.resize(route.load.size());
    for (size_t e = 0; e < load.size(); ++e) load[e] += route.load[e];
  }
  for (const auto& [bias, load] : loads) {
    const Parameter* const p = parameters.find(bias);
    CHECK(p != nullptr);
    int64_t all = 0;
    for (const int64_t of_expert : load) all += of_expert;
    for (size_t e = 0; e < load.size(); ++e) {
      const int64_t above = load[e] * static_cast<int64_t>(load.size()) - all;
      const double change = above < 0 ? config_.bias_speed : above > 0 ? -config_.bias_speed : 0;
      parameters.masters()[p->offset + static_cast<int64_t>(e)] += static_cast<float>(change);
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
    report.gains = losses.stream_gains;
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
                      static_cast<double>(weights_->model().config().num_experts_per_tok) /
                      static_cast<double>(route.load.size());
    report.largest_load =
        std::max(report.largest_load,
                 static_cast<double>(*std::max_element(route.load.begin(), route.load.end())) / mean);
  }
  if (scored > 0) report.routing_entropy /= scored;
  const double factor = rate_at(report.step);
  report.rate = config_.rate * factor;
  const StepResult moved =
      optimizer_->step(report.step, report.rate, config_.adam_rate * factor, pass_->backward(), pool_);
  if (!std::isfinite(report.loss)) fail(ErrorCode::kFailure, "step {}: the loss is not finite", report.step);
  report.gradient_norm = moved.gradient_norm;
  move_biases(routes);
  weights_->refresh(pool_);
  state_.step = report.step;
  state_.tokens += tokens;
  report.tokens = state_.tokens;
  report.seconds = seconds_since(start);
  return report;
}

void Trainer::save() const { folder_.save(state_, *weights_, *optimizer_, config_.keep); }

void Trainer::keep_metrics_to(int64_t step) {
  std::string kept;
  if (file_exists(folder_.metrics())) {
    std::ifstream file(folder_.metrics());
    for (std::string line; std::getline(file, line);) {
      std::optional<StepReport> report = parse_metrics_line(line);
      if (!report || report->step > step) break;
      kept += line + "\n";
      steps_.push_back(*std::move(report));
    }
  }
  write_file_atomically(folder_.metrics(), kept);
}

void Trainer::write_report() {
  reported_ = std::chrono::steady_clock::now();
  const ReportFacts facts{config_.out, config_.steps, config_.rows * config_.accumulate * config_.row_tokens,
                          state_.restart};
  write_file_atomically(folder_.report(), html_report(facts, steps_));
}

void Trainer::report(const StepReport& r) {
  std::ofstream(folder_.metrics(), std::ios::app) << metrics_line(r);
  steps_.push_back(r);
  if (steps_.size() == 1 || seconds_since(reported_) > kReportSeconds) write_report();
  if (r.step % config_.log_every != 0 && r.step != config_.steps) return;
  const double left = static_cast<double>(config_.steps - r.step) * r.seconds;
  log_info(
      "step {}/{}  loss {:.4f}  mtp {:.4f}  kl {:.4f}  |g| {:.3f}  rate {:.2e}  load {:.2f}  gain {:.3g}  "
      "{:.0f} "
      "tokens/s  {:.1f} h left",
      r.step, config_.steps, r.loss, r.mtp_loss, r.index_kl, r.gradient_norm, r.rate, r.largest_load,
      r.gains.empty() ? 1.0 : r.gains.back(),
      static_cast<double>(config_.rows * config_.accumulate * config_.row_tokens) / r.seconds, left / 3600);
}

void Trainer::run() {
  const int64_t last =
      options_.stop_after == 0 ? config_.steps : std::min(config_.steps, state_.step + options_.stop_after);
  while (state_.step < last) {
    report(step());
    if (state_.step % config_.checkpoint_every == 0 || state_.step == config_.steps) save();
  }
  write_report();
}

TrainPlan Trainer::plan() {
  TrainPlan plan;
  for (const Parameter& p : weights_->parameters().list()) plan.parameters += p.size;
  plan.active_matrix_parameters =
      active_matrix_parameters(weights_->model(), weights_->parameters(), config_.mtp > 0);
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
  const WholeModel whole(checkpoint, mode);
  make_folder(out);
  if (file_exists(out + "/model.safetensors"))
    fail(ErrorCode::kUsage, "{}: there is a model already; choose another folder", out);
  whole.write_as(out, mode);
}

}  // namespace hadal
