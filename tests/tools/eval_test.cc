#include "tools/eval.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "formats/safetensors.h"
#include "formats/temporary.h"
#include "tools/make_random.h"

namespace hadal {
namespace {

TEST(TokenIds, AreNumbersOfTheVocabulary) {
  EXPECT_EQ(parse_token_ids("0 1\n299\t\r\n 7", 300, "f"), (std::vector<int32_t>{0, 1, 299, 7}));
  const auto refusal = [](std::string_view text) {
    return message_of(ErrorCode::kUsage, [&] { parse_token_ids(text, 300, "ids.txt"); });
  };
  EXPECT_NE(refusal("1 300").find("ids.txt: token id number 2 is 300"), std::string::npos);
  EXPECT_NE(refusal("-1").find("number 1 is -1"), std::string::npos);
  EXPECT_NE(refusal("99999999999999999999").find("99999999999999999999"), std::string::npos);
  EXPECT_NE(refusal("1 two 3").find("word 2 is \"two\""), std::string::npos);
  EXPECT_NE(refusal("1.5").find("1.5"), std::string::npos);
  EXPECT_NE(refusal(" \n").find("no token ids"), std::string::npos);
}

class EvalLogits : public testing::Test {
 protected:
  EvalLogits() {
    MakeRandomOptions random;
    random.sets = {
        "vocab_size=300", "hidden_size=64",     "num_hidden_layers=4",   "sliding_window=16",
        "index_topk=2",   "n_routed_experts=4", "num_experts_per_tok=2", "moe_intermediate_size=32"};
    make_random(folder_.path("model"), random);
    folder_.write("ids", "0 5 17 3 299 8 1 44 2 9 12");
    options_.model.dir = folder_.path("model");
    options_.model.threads = 1;
    options_.model.chunk = 4;
    options_.ids = folder_.path("ids");
    options_.out = folder_.path("out");
  }

  TemporaryFolder folder_;
  EvalOptions options_;
};

TEST_F(EvalLogits, WritesWhatWasAskedFor) {
  eval_logits(options_);
  const Safetensors plain = Safetensors::open(options_.out, LoadMode::kRead);
  ASSERT_EQ(plain.tensors().size(), 1u);
  EXPECT_EQ(plain.find("logits")->shape, (std::vector<int64_t>{11, 300}));

  options_.mtp = options_.trace = true;
  options_.decode_from = 6;
  eval_logits(options_);
  const Safetensors full = Safetensors::open(options_.out, LoadMode::kRead);
  EXPECT_EQ(full.find("mtp_logits")->shape, (std::vector<int64_t>{10, 300}));
  EXPECT_EQ(full.find("layers.3.out")->shape, (std::vector<int64_t>{11, 4, 64}));
  EXPECT_EQ(full.find("layers.2.index_topk")->shape, (std::vector<int64_t>{11, 2}));
  EXPECT_EQ(full.find("layers.3.index_topk"), nullptr);
  EXPECT_EQ(full.find("layers.0.experts")->shape, (std::vector<int64_t>{11, 2}));
  EXPECT_TRUE(std::ranges::equal(full.find("logits")->bytes, plain.find("logits")->bytes));
}

TEST_F(EvalLogits, RefusesWhatCannotBe) {
  options_.ids = folder_.path("absent");
  message_of(ErrorCode::kIo, [&] { eval_logits(options_); });
  options_.ids = folder_.path("ids");
  options_.teacher = folder_.path("model/model.safetensors");
  EXPECT_NE(
      message_of(ErrorCode::kInvalidModel, [&] { eval_logits(options_); }).find("layers.0.out.official"),
      std::string::npos);
  options_.mtp = true;
  message_of(ErrorCode::kUsage, [&] { eval_logits(options_); });
  EXPECT_FALSE(file_exists(options_.out));
}

}  // namespace
}  // namespace hadal
