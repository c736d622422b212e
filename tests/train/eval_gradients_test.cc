#include "train/eval_gradients.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/error.h"
#include "formats/safetensors.h"
#include "formats/temporary.h"
#include "tools/make_random.h"

namespace hadal {
namespace {

class EvalGradients : public testing::Test {
 protected:
  EvalGradients() {
    MakeRandomOptions make;
    make.sets = {"hidden_size=40", "num_hidden_layers=2",   "compress_ratios=[0,4,0]", "n_routed_experts=4",
                 "vocab_size=300", "num_experts_per_tok=2", "moe_intermediate_size=24"};
    make_random(folder_.path("model"), make);
    options_.model.dir = folder_.path("model");
    options_.model.numerics = Numerics::kFp32;
    options_.model.threads = 1;
    options_.ids = folder_.path("ids");
    options_.out = folder_.path("out.safetensors");
  }
  void write_ids(const std::string& text) { folder_.write("ids", text); }
  std::string refusal() {
    return message_of(ErrorCode::kUsage, [&] { eval_gradients(options_); });
  }

  TemporaryFolder folder_;
  EvalGradientsOptions options_;
};

TEST_F(EvalGradients, EveryTensorHasOneUnderItsOwnName) {
  write_ids("1 2 3 4 5 6 7 8 9 10 11 12\n");
  options_.mtp_weight = 0.3f;
  options_.index_weight = 1;
  eval_gradients(options_);
  const Safetensors model = Safetensors::open(options_.model.dir + "/model.safetensors", LoadMode::kMmap);
  const Safetensors out = Safetensors::open(options_.out, LoadMode::kMmap);
  size_t compared = 0;
  for (const NamedTensor& named : model.tensors()) {
    if (named.name.find("tid2eid") != std::string::npos) continue;
    const Tensor* const gradient = out.find(named.name);
    ASSERT_NE(gradient, nullptr) << named.name;
    EXPECT_EQ(gradient->shape, named.tensor.shape) << named.name;
    EXPECT_EQ(gradient->dtype, DType::kF32);
    ++compared;
  }
  EXPECT_EQ(out.tensors().size(), compared + 3);  // and the losses
  const auto* const loss = reinterpret_cast<const float*>(out.find("loss.main")->bytes.data());
  EXPECT_GT(*loss, std::log(300.0f) - 2);
  EXPECT_LT(*loss, std::log(300.0f) + 4);
}

TEST_F(EvalGradients, RefusesWhatHasNoGradients) {
  write_ids("1 2");
  EXPECT_NE(refusal().find("at least three"), std::string::npos) << refusal();
  write_ids("1 2 300");
  EXPECT_NE(refusal().find("300"), std::string::npos) << refusal();
  write_ids("1 2 3");
  options_.model.numerics = Numerics::kNative;
  EXPECT_NE(refusal().find("fp32 or stored"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace hadal
