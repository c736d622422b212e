// The gradient of the whole model, through the forward pass itself, against finite differences in fp64.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "formats/temporary.h"
#include "model/workspace.h"
#include "tools/make_random.h"
#include "train/fp64_ops.h"
#include "train/train_pass.h"

namespace hadal {
namespace {

MakeRandomOptions tiny() {
  MakeRandomOptions options;
  options.seed = 5;
  options.sets = {"vocab_size=40",
                  "num_hidden_layers=4",
                  "compress_ratios=[0,4,128,4,0]",
                  "num_hash_layers=1",
                  "sliding_window=8",
                  "index_topk=4",
                  "index_n_heads=2",
                  "n_routed_experts=4",
                  "num_experts_per_tok=2",
                  "swiglu_limit=2.0",
                  "hidden_size=24",
                  "q_lora_rank=20",
                  "o_lora_rank=12",
                  "o_groups=2",
                  "moe_intermediate_size=16",
                  "num_attention_heads=2",
                  "num_nextn_predict_layers=1"};
  return options;
}

// Two packed rows: one whole document that is long enough for an HCA entry, and three short ones.
TrainRows two_rows() {
  TrainRows rows;
  uint32_t seed = 3;
  for (int64_t i = 0; i < 180; ++i) {
    seed = seed * 1664525u + 1013904223u;
    rows.ids.push_back(static_cast<int32_t>((seed >> 8) % 40));
  }
  rows.document_ends = {140, 161, 162, 180};
  rows.row_ends = {140, 180};
  rows.is_target.assign(180, 1);
  for (int64_t i = 150; i < 154; ++i) rows.is_target[i] = 0;
  return rows;
}

// The loss of the rows in fp64, as TrainPass weights it, without the parts that are there for gradients
// alone.
class Judge {
 public:
  Judge(const Model& model, const Parameters& parameters, const TrainRows& rows, const LossWeights& weights)
      : rows_(rows), weights_(weights), model_(model), workspace_(model, 180, 180) {
    const StateBytes& memory = workspace_.impl().memory;
    ops_.cover(reinterpret_cast<const float*>(memory.data()), memory.size() / 4);
    ops_.cover(parameters.values(), parameters.size());
    for (size_t i = 0; i < rows_.document_ends.size(); ++i)
      states_.push_back(std::make_unique<SequenceState>(model_.config(), EntryFormat::kF32, 180, 1));
  }
  // With every value of p moved by step * direction.
  double loss(const Parameters& parameters, const Parameter& p, double step,
              const std::vector<float>& direction) {
    ops_.load();
    for (int64_t i = 0; i < p.size; ++i)
      *ops_.at(parameters.values() + p.offset + i) += step * direction[static_cast<size_t>(i)];
    std::vector<SequenceState*> fresh;
    for (const auto& state : states_) {
      state->truncate(0);
      fresh.push_back(state.get());
    }
    double loss = 0;
    const auto add = [&](ConstMat logits, int64_t distance, float weight) {
      const std::vector<float> weight_of_row(rows_.ids.size(), weight);
      loss += ops_.cross_entropy(logits, next_targets(rows_, distance), weight_of_row);
    };
    forward_rows(
        {model_, workspace_, ops_, fresh, [](ConstMat) {}}, rows_,
        [&](ConstMat logits) { add(logits, 1, weights_.main); },
        [&](ConstMat logits) { add(logits, 2, weights_.mtp); });
    return loss;
  }
  std::vector<int64_t> selections() const {
    std::vector<int64_t> all = ops_.picked();
    all.insert(all.end(), ops_.chosen().begin(), ops_.chosen().end());
    return all;
  }

 private:
  const TrainRows& rows_;
  LossWeights weights_;
  const Model& model_;
  Workspace workspace_;
  Fp64Ops ops_;
  std::vector<std::unique_ptr<SequenceState>> states_;
};

double squares(const float* values, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]) * values[i];
  return sum;
}

// The length of the gradient of a tensor; an mHC site's three tensors, whose gradients are sums of the same
// terms that cancel to different degrees, are measured together.
double length_of(const Parameters& parameters, const Parameter& p) {
  const auto site = [](const std::string& name) {
    return name.find("hc_") == std::string::npos ? name : name.substr(0, name.rfind('_'));
  };
  double sum = 0;
  for (const Parameter& other : parameters.list())
    if (site(other.name) == site(p.name)) sum += squares(parameters.gradient(other), other.size);
  return std::sqrt(sum);
}

TEST(ModelGradients, EveryTensorAgainstFiniteDifferences) {
  TemporaryFolder folder;
  make_random(folder.path(), tiny());
  Model model = Model::load(folder.path(), LoadMode::kMmap);
  const Parameters parameters(model);
  const TrainRows rows = two_rows();
  const LossWeights weights{1.0f / static_cast<float>(rows.main_targets()),
                            0.3f / static_cast<float>(rows.mtp_targets()), 0, 0};
  TrainPass pass(model, parameters, {Numerics::kFp32, Isa::kReference, 1}, 180, 180, {});
  const PassLosses losses = pass.run(rows, weights);

  Judge judge(model, parameters, rows, weights);
  const std::vector<float> nothing(1);
  Parameter none;
  const double loss = judge.loss(parameters, none, 0, nothing);
  EXPECT_NEAR(losses.main * weights.main + losses.mtp * weights.mtp, loss, 1e-5);
  const std::vector<int64_t> selections = judge.selections();

  // Along a random direction of signs the slope is the sum of the gradient with these signs. fp32 errs by one
  // rounding at each of the steps behind one another on the way through 5 blocks and back (sums of up to 180
  // terms, 40 Sinkhorn passes: about 6,000 steps in all); like independent errors they add up to sqrt(6000) =
  // 77 roundings of the gradient's length. Eight times that is allowed.
  const double tolerance = 8 * 77 * 0x1p-24;
  uint32_t seed = 17;
  double worst = 0;
  int64_t checked = 0;
  for (const Parameter& p : parameters.list()) {
    const float* const gradient = parameters.gradient(p);
    std::vector<float> direction(static_cast<size_t>(p.size));
    double slope = 0;
    for (int64_t i = 0; i < p.size; ++i) {
      seed = seed * 1664525u + 1013904223u;
      direction[i] = (seed >> 31) != 0 ? 1.0f : -1.0f;
      slope += static_cast<double>(gradient[i]) * direction[i];
    }
    const double length = length_of(parameters, p);
    const bool learns = p.role != ParameterRole::kBias && p.name.find(".indexer.") == std::string::npos;
    EXPECT_EQ(squares(gradient, p.size) > 0, learns) << p.name;
    if (!learns) continue;
    // Of the experts of a layer one stands for all.
    if (p.name.find(".experts.") != std::string::npos && p.name.find(".experts.1.") == std::string::npos)
      continue;
    constexpr double kStep = 2e-6;
    const double above = judge.loss(parameters, p, kStep, direction);
    ASSERT_EQ(judge.selections(), selections) << p.name << ": choose another seed, a selection changes";
    const double below = judge.loss(parameters, p, -kStep, direction);
    ASSERT_EQ(judge.selections(), selections) << p.name << ": choose another seed, a selection changes";
    const double expected = (above - below) / (2 * kStep);
    // The difference of two losses of about 5 in fp64 is good to 1e-9 with this step.
    EXPECT_NEAR(slope, expected, tolerance * length + 2e-9) << p.name;
    worst = std::max(worst, std::fabs(slope - expected) / length);
    ++checked;
  }
  std::printf("%ld tensors, worst difference %.2e of the gradient's length\n", checked, worst);
}

}  // namespace
}  // namespace hadal
