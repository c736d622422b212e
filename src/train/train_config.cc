#include "train/train_config.h"

#include <fmt/format.h>

#include <cmath>
#include <set>
#include <thread>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include "base/error.h"
#include "base/file.h"
#include "base/printable.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxConfigFile = uint64_t{1} << 20;

class Section {
 public:
  Section(const std::string& path, const toml::table& file, const char* name) : path_(path), name_(name) {
    if (const toml::node* const node = file.get(name)) {
      table_ = node->as_table();
      if (table_ == nullptr) fail(ErrorCode::kUsage, "{}: {} is not a table", path_, name_);
    }
  }
  // Every key must have been asked for.
  ~Section() noexcept(false) {
    if (table_ == nullptr || std::uncaught_exceptions() > 0) return;
    for (const auto& [key, value] : *table_) {
      if (!known_.contains(std::string(key.str())))
        fail(ErrorCode::kUsage, "{}: [{}] has no key {}", path_, name_, printable(key.str()));
    }
  }
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;

  void text(const char* key, std::string& value) { get<std::string>(key, value, "a string"); }
  void boolean(const char* key, bool& value) { get<bool>(key, value, "true or false"); }
  template <typename Int>
  void integer(const char* key, Int& value, int64_t low, int64_t high) {
    auto number = static_cast<int64_t>(value);
    get<int64_t>(key, number, "an integer");
    if (number < low || number > high)
      fail(ErrorCode::kUsage, "{}: {}.{} is {}; expected {} to {}", path_, name_, key, number, low, high);
    value = static_cast<Int>(number);
  }
  void number(const char* key, double& value, double low, double high) {
    get<double>(key, value, "a number");
    if (!(value >= low && value <= high))
      fail(ErrorCode::kUsage, "{}: {}.{} is {}; expected {} to {}", path_, name_, key, value, low, high);
  }
  template <typename Enum>
  void choice(const char* key, Enum& value, std::initializer_list<std::pair<const char*, Enum>> choices) {
    std::string chosen, names;
    text(key, chosen);
    for (const auto& [name, of_name] : choices) {
      if (chosen == name) value = of_name;
      if (chosen == name || chosen.empty()) return;
      names += fmt::format(" {}", name);
    }
    fail(ErrorCode::kUsage, "{}: {}.{} is {}; expected one of:{}", path_, name_, key, printable(chosen),
         names);
  }
  // All keys but those asked for, as KEY=VALUE in TOML's spelling.
  std::vector<std::string> others() {
    std::vector<std::string> sets;
    if (table_ == nullptr) return sets;
    for (const auto& [key, value] : *table_) {
      const std::string name(key.str());
      if (!known_.insert(name).second) continue;
      std::ostringstream text;
      text << toml::json_formatter{toml::array{value}};
      std::string json = text.str();  // "[ value ]"
      json = json.substr(json.find('[') + 1);
      json = json.substr(0, json.rfind(']'));
      sets.push_back(fmt::format("{}={}", name, json));
    }
    return sets;
  }

 private:
  template <typename T>
  void get(const char* key, T& value, const char* expected) {
    known_.insert(key);
    const toml::node* const node = table_ == nullptr ? nullptr : table_->get(key);
    if (node == nullptr) return;
    if (const auto read = node->value<T>()) {
      value = *read;
    } else {
      fail(ErrorCode::kUsage, "{}: {}.{} is not {}", path_, name_, key, expected);
    }
  }

  const std::string& path_;
  const char* name_;
  const toml::table* table_ = nullptr;
  std::set<std::string> known_;
};

void read_sections(const std::string& path, const toml::table& file, TrainConfig& config) {
  constexpr int64_t kMany = int64_t{1} << 40;
  {
    Section s(path, file, "model");
    s.text("init", config.init);
    s.text("preset", config.preset);
    config.sets = s.others();
  }
  {
    Section s(path, file, "data");
    s.text("folder", config.data);
    s.text("tokenizer", config.tokenizer);
    s.integer("row_tokens", config.row_tokens, 2, 1 << 20);
    s.boolean("curriculum", config.curriculum);
    s.integer("seed", config.seed, 0, INT64_MAX);
  }
  {
    Section s(path, file, "train");
    s.integer("steps", config.steps, 1, kMany);
    s.integer("rows", config.rows, 1, 1 << 16);
    s.integer("accumulate", config.accumulate, 1, 1 << 16);
    s.integer("warmup", config.warmup, 0, kMany);
    s.choice("schedule", config.schedule, {{"wsd", Schedule::kWsd}, {"cosine", Schedule::kCosine}});
    s.number("decay", config.decay, 0, 1);
    s.number("rate", config.rate, 0, 10);
    config.adam_rate = config.rate;
    s.number("adam_rate", config.adam_rate, 0, 10);
    s.number("final_rate", config.final_rate, 0, 1);
    s.choice("quantise", config.quantise,
             {{"none", Quantise::kNone}, {"state", Quantise::kState}, {"all", Quantise::kAll}});
    s.number("beta1", config.optimizer.beta1, 0, 0.9999);
    s.number("beta2", config.optimizer.beta2, 0, 0.99999);
    s.number("weight_decay", config.optimizer.weight_decay, 0, 10);
    s.number("muon_momentum", config.optimizer.muon_momentum, 0, 0.9999);
    s.integer("muon_steps", config.optimizer.muon_steps, 2, 100);
    s.number("clip", config.optimizer.clip, 0, 1e9);
  }
  {
    Section s(path, file, "loss");
    s.number("mtp", config.mtp, 0, 100);
    s.number("mtp_late", config.mtp_late, 0, 100);
    s.number("index", config.index, 0, 100);
    s.number("balance", config.balance, 0, 100);
    s.number("bias_speed", config.bias_speed, 0, 100);
  }
  {
    Section s(path, file, "ablation");
    s.choice(
        "residual", config.residual,
        {{"mhc", Residual::kMhc}, {"unconstrained", Residual::kUnconstrained}, {"plain", Residual::kPlain}});
  }
  {
    Section s(path, file, "run");
    s.text("out", config.out);
    s.integer("threads", config.threads, 1, 1024);
    s.integer("checkpoint_every", config.checkpoint_every, 1, kMany);
    s.integer("keep", config.keep, 1, kMany);
    s.integer("log_every", config.log_every, 1, kMany);
  }
  const std::set<std::string_view> sections{"model", "data", "train", "loss", "ablation", "run"};
  for (const auto& [key, value] : file) {
    if (!sections.contains(key.str()))
      fail(ErrorCode::kUsage, "{}: there is no section {}", path, printable(key.str()));
  }
  if (config.out.empty()) fail(ErrorCode::kUsage, "{}: run.out is missing: the folder of the run", path);
  if (config.data.empty())
    fail(ErrorCode::kUsage, "{}: data.folder is missing: a folder made by hadal data prepare", path);
}

}  // namespace

TrainConfig read_train_config(const std::string& path) {
  TrainConfig config;
  config.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const std::string text = read_file(path, kMaxConfigFile);
  try {
    read_sections(path, toml::parse(text), config);
  } catch (const toml::parse_error& e) {
    fail(ErrorCode::kUsage, "{}:{}: {}", path, e.source().begin.line, printable(e.description()));
  }
  return config;
}

bool TrainConfig::decaying(int64_t step) const {
  return static_cast<double>(step) > static_cast<double>(steps) * (1 - decay);
}

double TrainConfig::rate_at(int64_t step) const {
  const auto s = static_cast<double>(step);
  if (step <= warmup) return s / static_cast<double>(warmup);
  const double begin =
      schedule == Schedule::kCosine ? static_cast<double>(warmup) : static_cast<double>(steps) * (1 - decay);
  if (s <= begin) return 1;
  const double part = (s - begin) / (static_cast<double>(steps) - begin);
  const double shape =
      schedule == Schedule::kCosine ? 0.5 * (1 + std::cos(3.14159265358979 * part)) : 1 - part;
  return final_rate + (1 - final_rate) * shape;
}

std::vector<std::pair<std::string, std::string>> TrainConfig::settings() const {
  std::vector<std::pair<std::string, std::string>> all;
  const auto add = [&](const char* key, const auto& value) {
    all.emplace_back(key, fmt::format("{}", value));
  };
  add("model.preset", preset);
  std::string joined;
  for (const std::string& set : sets) joined += set + ";";
  add("model", joined);
  add("data.row_tokens", row_tokens);
  add("data.curriculum", curriculum);
  add("data.seed", seed);
  add("train.steps", steps);
  add("train.rows", rows);
  add("train.accumulate", accumulate);
  add("train.warmup", warmup);
  add("train.schedule", schedule == Schedule::kWsd ? "wsd" : "cosine");
  add("train.decay", decay);
  add("train.rate", rate);
  add("train.adam_rate", adam_rate);
  add("train.final_rate", final_rate);
  add("train.quantise", static_cast<int>(quantise));
  add("train.beta1", optimizer.beta1);
  add("train.beta2", optimizer.beta2);
  add("train.weight_decay", optimizer.weight_decay);
  add("train.muon_momentum", optimizer.muon_momentum);
  add("train.muon_steps", optimizer.muon_steps);
  add("train.clip", optimizer.clip);
  add("loss.mtp", mtp);
  add("loss.mtp_late", mtp_late);
  add("loss.index", index);
  add("loss.balance", balance);
  add("loss.bias_speed", bias_speed);
  if (residual != Residual::kMhc) add("ablation.residual", static_cast<int>(residual));
  if (lora_rank > 0) {
    add("lora.rank", lora_rank);
    add("lora.alpha", lora_alpha);
  }
  return all;
}

}  // namespace hadal
