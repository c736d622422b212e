// Adapters from training to merging, on tiny models: what the trainer saw is what runs, and strangers are
// refused.
#include "train/finetune.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "formats/temporary.h"
#include "model/adapter.h"
#include "tools/make_random.h"
#include "train/initial_values.h"
#include "train/tiny_model.h"
#include "train/train_pass.h"

namespace hadal {
namespace {

std::string tiny_model(const TemporaryFolder& folder, const char* name, RandomFormat format,
                       uint64_t seed = 1) {
  MakeRandomOptions options;
  options.sets = tiny_model_with({"vocab_size=300", "hidden_size=64", "q_lora_rank=32", "o_lora_rank=32",
                                  "o_groups=2", "num_nextn_predict_layers=1"});
  options.format = format;
  options.seed = seed;
  if (format == RandomFormat::kFp8Fp4) options.shard_bytes = 1 << 18;
  make_random(folder.path(name), options);
  return folder.path(name);
}

// Conversations that repeat themselves.
std::string conversations(const TemporaryFolder& folder, const char* name, int first) {
  std::string lines;
  for (int i = first; i < first + 24; ++i)
    lines += R"({"messages":[{"role":"user","content":")" + std::to_string(i % 5) +
             R"( times?"},{"role":"assistant","content":"la la la la la la la )" + std::to_string(i % 5) +
             "\"}]}\n";
  folder.write(name, lines);
  return folder.path(name);
}

FinetuneOptions short_run(const TemporaryFolder& folder, const std::string& model) {
  FinetuneOptions options;
  options.model = model;
  options.data = {conversations(folder, "train.jsonl", 0)};
  options.out = folder.path("run");
  options.lora_rank = 4;
  options.steps = 20;
  options.rows = 2;
  options.row_tokens = 128;
  options.rate = 1e-2;
  return options;
}

double loss_of_line(const std::string& text, size_t at) {
  return std::stod(text.substr(text.find("\"loss\": ", at) + 8));
}

// Of the first and of the last step.
std::pair<double, double> losses(const std::string& run) {
  std::string text = read_file(run + "/metrics.jsonl", 1 << 24);
  text.pop_back();
  return {loss_of_line(text, 0), loss_of_line(text, text.rfind('\n'))};
}

std::vector<float> logits_of(const Model& model, Ops& ops, int64_t chunk) {
  std::vector<int32_t> ids(150);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 7 % 290);
  SequenceState state(model.config(), ops.entry_format(), 150, 0);
  Workspace workspace(model, 150, 150);
  std::vector<float> all;
  for (int64_t at = 0; at < 150; at += chunk) {
    const int64_t count = std::min<int64_t>(chunk, 150 - at);
    const Slice slice{&state, std::span(ids).subspan(static_cast<size_t>(at), static_cast<size_t>(count)),
                      count};
    const ConstMat logits = forward(model, {&slice, 1}, workspace, ops).logits;
    for (int64_t t = 0; t < logits.rows; ++t)
      all.insert(all.end(), logits.row(t), logits.row(t) + logits.cols);
  }
  return all;
}

class Finetune : public ::testing::Test {
 protected:
  void SetUp() override { set_log_verbosity(-1); }
  TemporaryFolder folder_;
};

TEST_F(Finetune, AnAdapterLearnsRunsAndIsMerged) {
  const std::string base = tiny_model(folder_, "base", RandomFormat::kFp8Fp4);
  const FinetuneOptions options = short_run(folder_, base);
  const std::string path = finetune(options);
  const auto [first, last] = losses(options.out);
  std::printf("loss %.3f -> %.3f\n", first, last);
  EXPECT_LT(last, 0.7 * first);

  // In every instruction set, number of threads and chunk, and in the trainer's own pass: the same bits.
  const Model model = Model::load(base, LoadMode::kMmap);
  const Adapter adapter = Adapter::open(path, model);
  for (const Numerics numerics : {Numerics::kFp32, Numerics::kStored, Numerics::kNative}) {
    const auto reference = make_ops({numerics, Isa::kReference, 1}, adapter.low_ranks());
    const std::vector<float> expected = logits_of(model, *reference, 150);
    EXPECT_NE(expected, logits_of(model, *make_ops({numerics, chosen_isa(), 1}), 150));
    for (const Isa isa : available_isas()) {
      if (isa == Isa::kReference) continue;
      for (const int threads : {1, 2})
        EXPECT_EQ(expected, logits_of(model, *make_ops({numerics, isa, threads}, adapter.low_ranks()), 29));
    }
  }
  LoraModel trained(base, RunFolder(options.out).latest());
  ThreadPool pool(1);
  trained.refresh(pool);
  const auto ops = make_ops({Numerics::kFp32, chosen_isa(), 1}, adapter.low_ranks());
  EXPECT_EQ(
      logits_of(model, *ops, 150),
      logits_of(trained.model(), *make_ops({Numerics::kFp32, chosen_isa(), 1}, *trained.adapters()), 150));

  const MergeReport report =
      merge_adapter({base, {conversations(folder_, "held.jsonl", 100)}, path, folder_.path("merged"), 1});
  std::printf("KL %.5f, loss %.3f %.3f %.3f over %ld tokens\n", report.kl, report.loss_base,
              report.loss_adapter, report.loss_merged, static_cast<long>(report.tokens));
  EXPECT_GT(report.tokens, 100);
  EXPECT_LT(report.loss_adapter, 0.7 * report.loss_base);
  EXPECT_GT(report.kl, 0);
  EXPECT_LT(report.kl, 0.3 * (report.loss_base - report.loss_adapter));
  EXPECT_FALSE(file_exists(folder_.path("merged") + "/held-out.tmp"));
  EXPECT_NE(message_of(ErrorCode::kUsage,
                       [&] { merge_adapter({base, options.data, path, folder_.path("merged"), 1}); })
                .find("already"),
            std::string::npos);
}

TEST_F(Finetune, MergingIntoBf16ChangesLittle) {
  const std::string base = tiny_model(folder_, "base", RandomFormat::kBf16);
  FinetuneOptions options = short_run(folder_, base);
  options.steps = 6;
  const std::string path = finetune(options);
  const MergeReport report = merge_adapter({base, options.data, path, folder_.path("merged"), 1});
  // What BF16 takes from the merged weights is little beside what the adapter changed.
  EXPECT_LT(report.kl, 0.01 * (report.loss_base - report.loss_adapter));
}

// The gradients of an adapter against those of the merged weights: dB = s dW A^T, dA = s B^T dW.
TEST_F(Finetune, GradientsAreThoseOfTheMergedWeights) {
  const std::string base = tiny_model(folder_, "base", RandomFormat::kBf16);
  LoraModel lora(base, 4, 8, 3);
  const std::vector<Parameter>& list = lora.parameters().list();
  for (size_t i = 1; i < list.size(); i += 2)
    fill_normal(lora.parameters().masters() + list[i].offset, list[i].size, 0.02f, 5, i);
  ThreadPool pool(1);
  lora.refresh(pool);
  WholeModel whole(base, StoreMode::kF32);
  const auto values = [&](const Parameter& p) { return lora.parameters().values() + p.offset; };
  for (const Parameter& p : whole.parameters().list()) {
    for (size_t i = 0; i < list.size(); i += 2) {
      if (list[i].name != p.name.substr(0, p.name.size() - 6) + "lora_A.weight") continue;
      float* const w = whole.parameters().values() + p.offset;
      for (int64_t o = 0; o < p.shape[0]; ++o)
        for (int64_t r = 0; r < 4; ++r)
          for (int64_t c = 0; c < p.shape[1]; ++c)
            w[o * p.shape[1] + c] += 2 * values(list[i + 1])[o * 4 + r] * values(list[i])[r * p.shape[1] + c];
    }
  }
  TrainRows rows;
  for (int32_t i = 0; i < 150; ++i) rows.ids.push_back(i * 11 % 290);
  rows.document_ends = rows.row_ends = {150};
  rows.is_target.assign(150, 1);
  const DeviceOptions device{Numerics::kFp32, chosen_isa(), 1};
  const LossWeights weights{1.0f / 149, 0.3f / 148, 0, 0};
  TrainPass lora_pass(lora.model(), lora.views(), device, 150, 150, {.adapters = lora.adapters()});
  TrainPass whole_pass(whole.model(), whole.parameters(), device, 150, 150, {});
  EXPECT_NEAR(lora_pass.run(rows, weights).main, whole_pass.run(rows, weights).main, 1e-3);
  int compared = 0;
  for (const Parameter& p : whole.parameters().list()) {
    for (size_t i = 0; i < list.size(); i += 2) {
      if (list[i].name != p.name.substr(0, p.name.size() - 6) + "lora_A.weight") continue;
      const float* const d_w = whole.parameters().gradient(p);
      const int64_t in = p.shape[1];
      double squares = 0, wrong = 0;
      const auto compare = [&](double expected, float got) {
        squares += expected * expected;
        wrong += (expected - got) * (expected - got);
      };
      for (int64_t r = 0; r < 4; ++r) {
        for (int64_t o = 0; o < p.shape[0]; ++o) {
          double d_b = 0;
          for (int64_t c = 0; c < in; ++c) d_b += 2.0 * d_w[o * in + c] * values(list[i])[r * in + c];
          compare(d_b, lora.parameters().gradient(list[i + 1])[o * 4 + r]);
        }
        for (int64_t c = 0; c < in; ++c) {
          double d_a = 0;
          for (int64_t o = 0; o < p.shape[0]; ++o)
            d_a += 2.0 * d_w[o * in + c] * values(list[i + 1])[o * 4 + r];
          compare(d_a, lora.parameters().gradient(list[i])[r * in + c]);
        }
      }
      // fp32 sums of a few hundred terms: 2^-24 times their number, and the loss's own difference.
      EXPECT_LE(std::sqrt(wrong), 2e-4 * std::sqrt(squares) + 1e-9) << p.name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, static_cast<int>(list.size() / 2));
}

TEST_F(Finetune, GoesOnToTheSameBits) {
  const std::string base = tiny_model(folder_, "base", RandomFormat::kFp8Fp4);
  FinetuneOptions options = short_run(folder_, base);
  options.steps = 6;
  const std::string straight = read_file(finetune(options), 1 << 24);
  options.out = folder_.path("again");
  options.checkpoint_every = 2;
  options.train.stop_after = 2;
  finetune(options);
  options.train = {.resume = true, .stop_after = 0};
  options.threads = 2;
  EXPECT_EQ(read_file(finetune(options), 1 << 24), straight);
}

TEST_F(Finetune, AWholeModelLearnsInItsOwnForm) {
  const std::string base = tiny_model(folder_, "base", RandomFormat::kFp8Fp4);
  FinetuneOptions options = short_run(folder_, base);
  options.lora_rank = 0;
  options.rate = 5e-3;
  const std::string out = finetune(options);
  const auto [first, last] = losses(options.out);
  EXPECT_LT(last, 0.8 * first);
  const Checkpoint tuned = Checkpoint::open(out, LoadMode::kMmap);
  const Checkpoint before = Checkpoint::open(base, LoadMode::kMmap);
  for (const Checkpoint::Place& place : before.tensors()) {
    const Tensor* const same = tuned.find(place.tensor->name);
    ASSERT_NE(same, nullptr) << place.tensor->name;
    EXPECT_EQ(same->dtype, place.tensor->tensor.dtype) << place.tensor->name;
  }
  EXPECT_TRUE(file_exists(out + "/generation_config.json"));
  ASSERT_TRUE(file_exists(base + "/model.safetensors.index.json"));  // the base's shards are not the result's
  Model::load(out, LoadMode::kMmap);
}

TEST_F(Finetune, AStrangersAdapterAndDamagedFilesAreRefused) {
  const std::string base = tiny_model(folder_, "base", RandomFormat::kBf16);
  const std::string other = tiny_model(folder_, "other", RandomFormat::kBf16, 2);
  LoraModel(base, 4, 8, 1).write(folder_.path());
  const std::string path = folder_.path("adapter.safetensors");
  const Model model = Model::load(base, LoadMode::kMmap);
  Adapter::open(path, model);
  const Model stranger = Model::load(other, LoadMode::kMmap);
  EXPECT_NE(
      message_of(ErrorCode::kInvalidModel, [&] { Adapter::open(path, stranger); }).find("another model"),
      std::string::npos);
  EXPECT_NE(message_of(ErrorCode::kInvalidModel, [&] { Adapter::open(base + "/model.safetensors", model); })
                .find("format"),
            std::string::npos);

  // Each damage and what the message must name.
  const Safetensors file = Safetensors::open(path, LoadMode::kRead);
  using Metadata = std::vector<std::pair<std::string, std::string>>;
  const auto refused =
      [&](const std::function<void(std::vector<SafetensorsWriter::Entry>&, Metadata&)>& damage,
          bool nan = false) {
        std::vector<SafetensorsWriter::Entry> entries;
        for (const NamedTensor& t : file.tensors())
          entries.push_back({t.name, t.tensor.dtype, t.tensor.shape});
        Metadata metadata = file.metadata();
        damage(entries, metadata);
        const std::string damaged = folder_.path("damaged.safetensors");
        SafetensorsWriter writer(damaged, entries, metadata);
        for (const SafetensorsWriter::Entry& e : entries) {
          int64_t count = static_cast<int64_t>(dtype_bytes(e.dtype));
          for (const int64_t n : e.shape) count *= n;
          writer.append(
              std::vector<std::byte>(static_cast<size_t>(count), std::byte{nan ? uint8_t{255} : uint8_t{0}}));
        }
        writer.finish();
        return message_of(ErrorCode::kInvalidModel, [&] { Adapter::open(damaged, model); });
      };
  using Entries = std::vector<SafetensorsWriter::Entry>;
  EXPECT_NE(refused([](Entries& e, Metadata&) { e[0].shape[0] = 3; }).find("shape"), std::string::npos);
  EXPECT_NE(refused([](Entries& e, Metadata&) { e[0].dtype = DType::kI32; }).find("BF16 or F32"),
            std::string::npos);
  EXPECT_NE(refused([](Entries& e, Metadata&) { e.pop_back(); }).find("without the other"),
            std::string::npos);
  EXPECT_NE(refused([](Entries& e, Metadata&) {
              e[0].name = "layers.9.attn.wq_a.lora_A.weight";
            }).find("does not have"),
            std::string::npos);
  EXPECT_NE(refused([](Entries& e, Metadata&) { e[0].name = "x"; }).find("no part"), std::string::npos);
  EXPECT_NE(refused([](Entries& e, Metadata&) { e.clear(); }).find("no tensors"), std::string::npos);
  EXPECT_NE(refused([](Entries&, Metadata&) {}, true).find("not finite"), std::string::npos);
  for (const char* const rank : {"0", "-1", "4x", "99999999999999999999", "5"})
    refused([&](Entries&, Metadata& m) {
      for (auto& [key, value] : m)
        if (key == "rank") value = rank;
    });
  folder_.write("damaged.safetensors", "no such file");
  message_of(ErrorCode::kInvalidModel, [&] { Adapter::open(folder_.path("damaged.safetensors"), model); });
}

}  // namespace
}  // namespace hadal
