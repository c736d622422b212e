// Whole runs of a tiny model: learning, resuming in the same bits wherever a run was killed, what a run
// refuses, export.
#include "train/trainer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "formats/temporary.h"
#include "train/carry.h"
#include "train/html_report.h"
#include "train/tiny_model.h"

namespace hadal {
namespace {

constexpr int64_t kVocab = 64;

// Documents of random tokens, each repeating itself after a few.
std::string random_data(const TemporaryFolder& folder, const char* name, uint32_t seed, int64_t documents) {
  const std::string path = folder.path() + "/" + name;
  DataWriter writer(path, std::string(64, 'a'), kVocab, 1 << 20);
  for (int64_t d = 0; d < documents; ++d) {
    std::vector<int32_t> ids;
    seed = seed * 1664525u + 1013904223u;
    const uint32_t length = 10 + (seed >> 8) % 60;
    const uint32_t period = 3 + (seed >> 20) % 5;
    for (uint32_t i = 0; i < length; ++i) {
      seed = seed * 1664525u + 1013904223u;
      ids.push_back(i < period ? static_cast<int32_t>((seed >> 8) % kVocab) : ids[i - period]);
    }
    writer.add(ids, std::vector<uint8_t>(ids.size(), 1));
  }
  writer.finish();
  return path;
}

TrainConfig tiny_run(const TemporaryFolder& folder, const char* name, const std::string& data) {
  TrainConfig config;
  config.out = folder.path() + "/" + name;
  config.data = data;
  config.sets = tiny_model_with({"vocab_size=64", "swiglu_limit=10.0", "hidden_size=32", "q_lora_rank=32",
                                 "o_lora_rank=32", "o_groups=2", "num_nextn_predict_layers=1"});
  config.row_tokens = 128;
  config.rows = 2;
  config.steps = 8;
  config.warmup = 2;
  config.checkpoint_every = 1;
  config.log_every = 1 << 20;
  config.quantise = Quantise::kAll;
  return config;
}

std::string whole(const std::string& path) { return read_file(path, uint64_t{1} << 30); }

std::vector<std::string> result_of(const TrainConfig& config) {
  const std::string dir = RunFolder(config.out).latest();
  return {dir, whole(dir + "/model.safetensors"), whole(dir + "/optimizer.safetensors"),
          whole(dir + "/state.json")};
}

// The message of the Error that fn throws.
std::string refusal(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was refused";
}

TEST(Trainer, KilledAnywhereItGoesOnToTheSameBits) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  const std::string data = random_data(folder, "data", 1, 40);
  TrainConfig straight = tiny_run(folder, "straight", data);
  Trainer(straight, {}).run();
  const std::vector<std::string> expected = result_of(straight);

  // Runs until twenty were killed; each one that comes to its end must have the bits of the straight one, and
  // a new run begins. The last is not disturbed any more.
  TrainConfig killed = tiny_run(folder, "killed", data);
  std::mt19937 random(7);
  int kills = 0;
  int ends = 0;
  for (int round = 0; kills < 20 || ends == 0; ++round) {
    ASSERT_LT(round, 400);
    killed.threads = 1 + round % 2;
    const bool resume = !RunFolder(killed.out).latest().empty();
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        Trainer(killed, {.resume = resume, .stop_after = 0}).run();
        _exit(0);
      } catch (...) {
        _exit(1);
      }
    }
    if (kills < 20) {
      usleep(std::uniform_int_distribution<useconds_t>(
          1000, 60000 + 5000 * static_cast<useconds_t>(round))(random));
      kill(child, SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
      ++kills;
      continue;
    }
    ASSERT_EQ(WEXITSTATUS(status), 0);
    ++ends;
    const std::vector<std::string> got = result_of(killed);
    for (size_t i = 1; i < expected.size(); ++i) EXPECT_TRUE(got[i] == expected[i]) << i;
    std::istringstream lines(whole(RunFolder(killed.out).metrics()));
    std::string line;
    int64_t steps = 0;
    while (std::getline(lines, line))
      EXPECT_NE(line.find("\"step\": " + std::to_string(++steps) + ","), std::string::npos);
    EXPECT_EQ(steps, 8);
    if (kills < 20) {
      std::filesystem::remove_all(killed.out);
      ends = 0;
    }
  }
  std::printf("%d kills\n", kills);
}

// What a kill leaves before the first checkpoint has its place: both commands begin the run then.
TEST(Trainer, AFolderWithoutACheckpointBeginsAnew) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  const std::string data = random_data(folder, "data", 1, 20);
  TrainConfig straight = tiny_run(folder, "straight", data);
  straight.steps = 1;
  Trainer(straight, {}).run();
  const std::vector<std::string> expected = result_of(straight);
  for (const bool resume : {false, true}) {
    TrainConfig config = tiny_run(folder, resume ? "resumed" : "again", data);
    config.steps = 1;
    for (const char* const left :
         {"/first.tmp", "/checkpoints/step-00000000.tmp", "/checkpoints/step-00000000"}) {
      std::filesystem::create_directories(config.out + left);
      write_file_atomically(config.out + left + "/config.json", "{}");
      write_file_atomically(config.out + left + "/model.safetensors", "half of");
    }
    write_file_atomically(config.out + "/latest.tmp", "step");
    Trainer(config, {.resume = resume, .stop_after = 0}).run();
    const std::vector<std::string> got = result_of(config);
    for (size_t i = 1; i < expected.size(); ++i) EXPECT_TRUE(got[i] == expected[i]) << i;
    EXPECT_FALSE(std::filesystem::exists(config.out + "/first.tmp"));
  }
}

TEST(Trainer, OneProcessAtATimeTrainsInAFolder) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  TrainConfig config = tiny_run(folder, "run", random_data(folder, "data", 1, 20));
  config.steps = 1;
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const Trainer holds(config, {});
    [[maybe_unused]] const ssize_t told = write(ready[1], "x", 1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  for (const bool resume : {false, true})
    EXPECT_NE(refusal([&] {
                Trainer(config, {.resume = resume, .stop_after = 0});
              }).find("another process trains in this folder"),
              std::string::npos);
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  Trainer(config, {.resume = true, .stop_after = 0}).run();  // nothing stale is in the way
  close(ready[0]);
  close(ready[1]);
}

TEST(Trainer, RefusesChangedSettingsAndDataByName) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  TrainConfig config = tiny_run(folder, "run", random_data(folder, "data", 1, 20));
  config.steps = 1;
  Trainer(config, {}).run();
  EXPECT_NE(refusal([&] { Trainer(config, {}); }).find("--resume"), std::string::npos);
  TrainConfig faster = config;
  faster.rate = 5e-3;
  EXPECT_NE(refusal([&] {
              Trainer(faster, {.resume = true, .stop_after = 0});
            }).find("train.rate is 0.005 now and was 0.002"),
            std::string::npos);
  TrainConfig other = config;
  other.data = random_data(folder, "other", 2, 20);
  EXPECT_NE(
      refusal([&] { Trainer(other, {.resume = true, .stop_after = 0}); }).find("the data are not those"),
      std::string::npos);
  TrainConfig nowhere = config;
  nowhere.out += "-2";
  EXPECT_NE(refusal([&] { Trainer(nowhere, {.resume = true, .stop_after = 0}); }).find("no such run"),
            std::string::npos);
}

TEST(Trainer, MayEndElsewhereUntilTheRateFalls) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  const std::string data = random_data(folder, "data", 1, 20);
  TrainConfig shorter = tiny_run(folder, "shorter", data);
  shorter.steps = 4;
  shorter.decay = 0.5;
  Trainer(shorter, {}).run();
  TrainConfig config = shorter;
  config.out = folder.path() + "/run";
  config.steps = 8;
  Trainer(config, {.resume = false, .stop_after = 2}).run();
  config.steps = 4;  // the rate falls from step 3 on
  Trainer(config, {.resume = true, .stop_after = 0}).run();
  const std::vector<std::string> expected = result_of(shorter);
  const std::vector<std::string> got = result_of(config);
  for (size_t i = 1; i < expected.size(); ++i) EXPECT_TRUE(got[i] == expected[i]) << i;
  config.steps = 100;
  EXPECT_NE(refusal([&] { Trainer(config, {.resume = true, .stop_after = 0}); }).find("train.steps is 100"),
            std::string::npos);
}

TEST(Trainer, OverfitsOneBatch) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  TrainConfig config = tiny_run(folder, "run", random_data(folder, "data", 3, 4));
  config.quantise = Quantise::kNone;
  config.steps = 220;
  config.warmup = 10;
  config.rate = 1e-2;
  config.checkpoint_every = 1000;
  config.optimizer.weight_decay = 0;
  Trainer(config, {}).run();
  std::string text = whole(RunFolder(config.out).metrics());
  text.pop_back();
  const std::string last = text.substr(text.rfind('\n') + 1);
  const double loss = std::stod(last.substr(last.find("\"loss\": ") + 8));
  std::printf("%s\n", last.c_str());
  EXPECT_LT(loss, 0.01);
  const double entropy = std::stod(last.substr(last.find("\"routing_entropy\": ") + 19));
  EXPECT_GT(entropy, 0.5);
  EXPECT_LE(entropy, 1.0);
  const std::string streams = last.substr(last.find("\"streams\": ["));
  EXPECT_EQ(std::count(streams.begin(), streams.begin() + static_cast<int64_t>(streams.find(']')), ','), 2);
}

// The last line of metrics.jsonl.
StepReport last_step(const TrainConfig& config) {
  std::string text = whole(RunFolder(config.out).metrics());
  text.pop_back();
  return parse_metrics_line(text.substr(text.rfind('\n') + 1)).value();
}

TEST(Trainer, TheArmsOfAnAblationAreTrainedAndToldApart) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  const std::string data = random_data(folder, "data", 1, 40);
  TrainConfig config = tiny_run(folder, "mhc", data);
  config.rate = config.adam_rate = 1e-2;
  Trainer(config, {}).run();
  for (const double gain : last_step(config).gains) EXPECT_NEAR(gain, 1, 0.1);
  for (const auto& [arm, name] :
       {std::pair(Residual::kPlain, "plain"), std::pair(Residual::kUnconstrained, "free")}) {
    config.out = folder.path() + "/" + name;
    config.residual = arm;
    Trainer(config, {.stop_after = 4}).run();
    const double loss = last_step(config).loss;
    Trainer(config, {.resume = true}).run();
    EXPECT_LT(last_step(config).loss, loss);
    const double gain = last_step(config).gains.back();
    if (arm == Residual::kPlain) {
      EXPECT_EQ(gain, 1);
    } else {
      EXPECT_GT(gain, 1.001);
    }
    config.residual = Residual::kMhc;
    EXPECT_NE(refusal([&] { Trainer(config, {.resume = true}); }), "nothing was refused");
  }
}

TEST(Trainer, StopsAtALossThatIsNotFiniteAndKeepsTheLastCheckpoint) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  TrainConfig config = tiny_run(folder, "run", random_data(folder, "data", 1, 20));
  config.quantise = Quantise::kNone;
  config.rate = 1e30;
  config.adam_rate = 1e30;
  config.optimizer.clip = 0;
  const std::string message = refusal([&] { Trainer(config, {}).run(); });
  EXPECT_EQ(message.find("step "), 0U) << message;
  EXPECT_NE(message.find(": the gradient of "), std::string::npos) << message;
  EXPECT_NE(message.find(" is not finite"), std::string::npos) << message;
  const std::string kept = RunFolder(config.out).latest();
  ASSERT_FALSE(kept.empty());
  Model::load(kept, LoadMode::kRead);
}

TEST(Trainer, AFullDiskLeavesTheCheckpointBefore) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  TrainConfig config = tiny_run(folder, "run", random_data(folder, "data", 1, 20));
  config.steps = 1;
  Trainer(config, {}).run();
  const std::vector<std::string> before = result_of(config);
  config.steps = 2;
  // Steps are a setting, so the state's own is changed back: this process stands for one that had two to
  // make.
  std::string state = whole(before[0] + "/state.json");
  state.replace(state.find("\"train.steps\": \"1\""), 18, "\"train.steps\": \"2\"");
  write_file_atomically(before[0] + "/state.json", state);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit little{100000, 100000};
    setrlimit(RLIMIT_FSIZE, &little);
    try {
      Trainer(config, {.resume = true, .stop_after = 0}).run();
    } catch (const Error& e) {
      _exit(e.code() == ErrorCode::kIo ? 5 : 1);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 5);
  EXPECT_EQ(RunFolder(config.out).latest(), before[0]);
  EXPECT_EQ(result_of(config)[1], before[1]);
  Trainer(config, {.resume = true, .stop_after = 0}).run();
  EXPECT_NE(RunFolder(config.out).latest(), before[0]);
}

// The other machine has the weights in BF16 and the place in the data, a low rate at first, and its own
// checkpoints resume in the same bits.
TEST(Trainer, GoesOnElsewhereFromACarryFile) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  const TrainConfig config = tiny_run(folder, "run", random_data(folder, "data", 1, 40));
  Trainer(config, {.resume = false, .stop_after = 5}).run();
  const std::string carry = folder.path("carry.safetensors");
  write_carry(RunFolder(config.out).latest(), carry);
  EXPECT_LT(std::filesystem::file_size(carry),
            std::filesystem::file_size(RunFolder(config.out).latest() + "/model.safetensors") * 6 / 10);

  TrainConfig there = config;
  there.out = folder.path("there");
  Trainer(there, {.resume = false, .stop_after = 0, .carry = carry}).run();
  std::istringstream lines(whole(RunFolder(there.out).metrics()));
  std::string line;
  std::vector<StepReport> steps;
  while (std::getline(lines, line)) {
    const std::optional<StepReport> report = parse_metrics_line(line);
    ASSERT_TRUE(report.has_value()) << line;
    if (report) steps.push_back(*report);
  }
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[0].step, 6);
  const RunState before = RunFolder::read_state(RunFolder(config.out).latest());
  EXPECT_GT(steps[0].tokens, before.tokens);
  EXPECT_NEAR(steps[1].rate, config.rate * config.rate_at(7) * 0.02, 1e-7);
  EXPECT_EQ(RunFolder::read_state(RunFolder(there.out).latest()).restart, 5);

  TrainConfig again = there;
  again.out = folder.path("again");
  Trainer(again, {.resume = false, .stop_after = 1, .carry = carry}).run();
  Trainer(again, {.resume = true, .stop_after = 0}).run();
  const std::vector<std::string> expected = result_of(there);
  const std::vector<std::string> got = result_of(again);
  for (size_t i = 1; i < expected.size(); ++i) EXPECT_TRUE(got[i] == expected[i]) << i;

  TrainConfig faster = config;
  faster.out = folder.path("faster");
  faster.rate = 5e-3;
  EXPECT_NE(refusal([&] {
              Trainer(faster, {.resume = false, .stop_after = 0, .carry = carry});
            }).find("train.rate is 0.005 now"),
            std::string::npos);
  faster.rate = config.rate;
  message_of(ErrorCode::kInvalidModel, [&] {
    Trainer(
        faster,
        {.resume = false, .stop_after = 0, .carry = RunFolder(config.out).latest() + "/model.safetensors"});
  });
  message_of(ErrorCode::kUsage, [&] { Trainer(again, {.resume = true, .stop_after = 0, .carry = carry}); });
}

TEST(Trainer, ThePageOfARunHasItsCurvesAndNothingFromOutside) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  TrainConfig config = tiny_run(folder, "run", random_data(folder, "data", 1, 20));
  Trainer(config, {.resume = false, .stop_after = 3}).run();
  const std::string page = whole(RunFolder(config.out).report());
  for (const char* const part :
       {"3 of 8", "<h2>Loss</h2>", "<h2>Learning rate</h2>", "<h2>Gradient norm</h2>",
        "<h2>Expert balance</h2>", "<h2>Routing entropy</h2>", "<h2>Streams by depth</h2>",
        "<h2>Gain of the streams' mixing</h2>", "http-equiv=\"refresh\"", "</html>"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  for (const char* const part : {"<script", "src=", "href=", "http:", "https:", "nan", "inf,"})
    EXPECT_EQ(page.find(part), std::string::npos) << part;
  Trainer(config, {.resume = true, .stop_after = 0}).run();
  const std::string last = whole(RunFolder(config.out).report());
  EXPECT_NE(last.find("8 of 8"), std::string::npos);
  EXPECT_EQ(last.find("http-equiv"), std::string::npos);
  // All steps are there, those before the pause too.
  const size_t first = last.find("points=\"");
  EXPECT_EQ(std::count(last.begin() + static_cast<int64_t>(first),
                       last.begin() + static_cast<int64_t>(last.find('/', first)), ','),
            8);
}

// A long run, and figures that are not numbers.
TEST(Report, StaysSmallAndEscapesNames) {
  std::vector<StepReport> steps(20000);
  for (size_t i = 0; i < steps.size(); ++i) {
    steps[i].step = static_cast<int64_t>(i) + 1;
    steps[i].loss = i == 7 ? std::nan("") : 5 - static_cast<double>(i) * 1e-4;
    steps[i].streams.assign(8, 1.0 + static_cast<double>(i % 3));
  }
  const std::string page = html_report({"<a&b>", 30000, 2048, 100}, steps);
  EXPECT_LT(page.size(), 300000U);
  EXPECT_NE(page.find("<title>&lt;a&amp;b>"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
  EXPECT_NE(page.find("after step 100, without momentum"), std::string::npos);
  EXPECT_NE(html_report({"run", 5, 2048, 0}, {}).find("No step"), std::string::npos);
}

// What is exported is what a pass with quantise = all has seen, to the bit.
TEST(Trainer, ExportsTheRoundedWeightsAsALoadableModel) {
  TemporaryFolder folder;
  set_log_verbosity(-1);
  TrainConfig config = tiny_run(folder, "run", random_data(folder, "data", 1, 20));
  config.steps = 2;
  Trainer(config, {}).run();
  const std::string from = RunFolder(config.out).latest();
  std::vector<int32_t> ids(40);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 7 % 64);
  const auto logits_of = [&](const Model& model) {
    const auto ops = make_ops({Numerics::kFp32, Isa::kReference, 1});
    SequenceState state(model.config(), EntryFormat::kF32, 64, false);
    Workspace workspace(model, 40, 40);
    const Slice slice{&state, ids, 40};
    const ConstMat logits = forward(model, {&slice, 1}, workspace, *ops).logits;
    return std::vector<float>(logits.data, logits.data + logits.rows * logits.cols);
  };
  for (const StoreMode mode : {StoreMode::kBf16, StoreMode::kFp8Fp4}) {
    const std::string out = folder.path() + (mode == StoreMode::kBf16 ? "/bf16" : "/fp8fp4");
    export_model(from, out, mode);
    Model rounded = Model::load(from, LoadMode::kRead);
    const Parameters parameters(rounded);
    for (const Parameter& p : parameters.list())
      round_as_stored(p, parameters.masters() + p.offset, mode, parameters.values() + p.offset);
    const Model exported = Model::load(out, LoadMode::kRead);
    EXPECT_TRUE(logits_of(exported) == logits_of(rounded));
    EXPECT_NE(refusal([&] { export_model(from, out, mode); }).find("already"), std::string::npos);
  }
}

}  // namespace
}  // namespace hadal
