// config.json and generation_config.json: all published keys are known, each illegal size is refused with
// words.
#include "formats/config.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <sstream>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "formats/config_text.h"
#include "formats/temporary.h"
#include "golden/golden.h"

namespace hadal {
namespace {

// What is logged while this lives.
class CapturedLog {
 public:
  CapturedLog() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_st>(text_)));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

ModelConfig parse_changed(std::string_view from, std::string_view to) {
  return parse_config(changed(kConfigText, from, to), "dir/config.json");
}

void expect_refused(std::string_view from, std::string_view to, std::string_view words) {
  const std::string message = message_of(ErrorCode::kInvalidModel, [&] { parse_changed(from, to); });
  EXPECT_EQ(message.rfind("dir/config.json: ", 0), 0U) << message;
  EXPECT_NE(message.find(words), std::string::npos) << message;
}

TEST(Config, EveryPublishedKeyIsKnown) {
  const CapturedLog log;
  const ModelConfig config = parse_config(kConfigText, "config.json");
  EXPECT_EQ(log.text(), "");
  EXPECT_EQ(config.hidden_size, 130);
  EXPECT_EQ(config.head_dim, 192);
  EXPECT_EQ(config.compress_ratios, (std::vector<int64_t>{0, 4, 128, 0}));
  EXPECT_EQ(config.rope_scaling.value_or(RopeScaling{.factor = 0}).factor, 16);
  EXPECT_EQ(config.rms_norm_eps, 1e-20);
  EXPECT_EQ(config.swiglu_limit, 10);
  EXPECT_EQ(config.eos_token_ids, std::vector<int64_t>{1});
  EXPECT_EQ(config.expert_dtype, "fp4");
  EXPECT_EQ(config.dspark_target_layer_ids, (std::vector<int64_t>{40, 41, 42}));
  EXPECT_TRUE(config.has_compressed_layers());
}

TEST(Config, UnknownKeysWarn) {
  const CapturedLog log;
  parse_changed("\"hc_mult\"", "\"novelty\": [1], \"hc_mult\"");
  EXPECT_NE(log.text().find("novelty"), std::string::npos) << log.text();
}

TEST(Config, NumbersMayBeSpelledEitherWay) {
  EXPECT_EQ(parse_changed("\"rope_theta\": 10000,", "\"rope_theta\": 10000.5,").rope_theta, 10000.5);
  EXPECT_EQ(parse_changed("\"hidden_size\": 130", "\"hidden_size\": 130.0").hidden_size, 130);
  EXPECT_EQ(parse_changed("\"swiglu_limit\": 10.0", "\"swiglu_limit\": 2").swiglu_limit, 2);
  EXPECT_EQ(parse_changed("\"eos_token_id\": 1", "\"eos_token_id\": [1, 7]").eos_token_ids,
            (std::vector<int64_t>{1, 7}));
  EXPECT_FALSE(
      parse_config(
          changed(
              kConfigText,
              R"({"type": "yarn", "factor": 16, "original_max_position_embeddings": 65536, "beta_fast": 32,
    "beta_slow": 1})",
              "null"),
          "config.json")
          .rope_scaling);
}

TEST(Config, KeysThatMayBeMissing) {
  EXPECT_EQ(parse_changed("\"expert_dtype\": \"fp4\",", "").expert_dtype, "");
  EXPECT_EQ(parse_changed("\"hc_mult\": 4,", "").hc_mult, 4);
  EXPECT_EQ(parse_changed("\"dspark_block_size\": 5,", "").dspark_block_size, 0);
}

TEST(Config, RefusalsSayWhatIsWrong) {
  expect_refused("\"deepseek_v4\"", "\"deepseek_v2\"", "model_type is \"deepseek_v2\"");
  expect_refused("\"model_type\": \"deepseek_v4\",", "", "model_type is missing");
  expect_refused("\"hidden_size\": 130", "\"hidden_size\": \"130\"", "hidden_size is \"130\"");
  expect_refused("\"hidden_size\": 130", "\"hidden_size\": 130.5", "hidden_size is 130.5");
  expect_refused("\"hidden_size\": 130", "\"hidden_size\": 0", "hidden_size is 0");
  expect_refused("\"hidden_size\": 130", "\"hidden_size\": 99999999999999999999", "not valid JSON");
  expect_refused("\"hidden_size\": 130,", "", "hidden_size is missing");
  expect_refused("\"hidden_size\": 130,", "\"hidden_size\": 130, \"hidden_size\": 131,",
                 "\"hidden_size\" twice");
  expect_refused("\"qk_rope_head_dim\": 64", "\"qk_rope_head_dim\": 32", "only 64");
  expect_refused("\"head_dim\": 192", "\"head_dim\": 64", "head_dim is 64");
  expect_refused("\"head_dim\": 192", "\"head_dim\": 200", "multiple of 64");
  expect_refused("\"index_head_dim\": 128", "\"index_head_dim\": 64", "index_head_dim is 64");
  expect_refused("\"o_groups\": 2", "\"o_groups\": 3", "o_groups (3)");
  expect_refused("\"num_experts_per_tok\": 3", "\"num_experts_per_tok\": 9",
                 "more than n_routed_experts (8)");
  expect_refused("[0, 4, 128, 0]", "[0, 4]", "compress_ratios has 2 entries, fewer than the 3");
  expect_refused("[0, 4, 128, 0]", "[0, 4, 64, 0]", "compress_ratios[2] is 64");
  expect_refused("[0, 4, 128, 0]", "[0, 4, 128, -4]", "compress_ratios[3] is -4");
  expect_refused("\"index_topk\": 8,", "", "index_topk is missing");
  expect_refused("\"num_key_value_heads\": 1", "\"num_key_value_heads\": 2", "num_key_value_heads is 2");
  expect_refused("\"hc_mult\": 4", "\"hc_mult\": 2", "hc_mult is 2");
  expect_refused("\"silu\"", "\"gelu\"", "hidden_act is \"gelu\"");
  expect_refused("\"norm_topk_prob\": true", "\"norm_topk_prob\": false", "norm_topk_prob is false");
  expect_refused("\"type\": \"yarn\"", "\"type\": \"linear\"", "rope_scaling.type is \"linear\"");
  expect_refused("\"type\": \"yarn\", ", "", "rope_scaling.type is missing");
}

TEST(Config, TextThatIsNoConfig) {
  for (const char* const text : {"", "[]", "null", "{", "{}", "{\"model_type\": 4}"})
    message_of(ErrorCode::kInvalidModel, [&] { parse_config(text, "config.json"); });
}

TEST(Config, GoldenFiles) {
  HADAL_NEED_SHARED("golden/v4");
  for (const char* const name : {"tiny-bf16", "tiny-fp8"}) {
    const CapturedLog log;
    const std::string path = shared_path(std::string("golden/v4/") + name + "/config.json");
    EXPECT_EQ(parse_config(read_file(path, kMaxConfigBytes), path).sliding_window, 16);
    EXPECT_EQ(log.text(), "");
  }
}

TEST(GenerationConfig, PublishedFile) {
  const CapturedLog log;
  const GenerationConfig config = parse_generation_config(
      R"({"_from_model_config": true, "bos_token_id": 0, "eos_token_id": 1, "do_sample": true, "temperature": 1.0,
          "top_p": 0.95, "transformers_version": "4.46.3"})",
      "generation_config.json");
  EXPECT_EQ(log.text(), "");
  EXPECT_EQ(config.top_p, 0.95);
  EXPECT_EQ(config.top_k, 0);
  EXPECT_EQ(config.eos_token_ids, std::vector<int64_t>{1});
}

TEST(GenerationConfig, Refusals) {
  const auto refused = [](const char* text) {
    return message_of(ErrorCode::kInvalidModel, [&] { parse_generation_config(text, "g.json"); });
  };
  EXPECT_EQ(refused(R"({"temperature": -1})"), "g.json: temperature is -1; expected a number from 0 on");
  EXPECT_NE(refused(R"({"top_p": 1.5})").find("top_p is 1.5"), std::string::npos);
  EXPECT_NE(refused(R"({"eos_token_id": [1, "2"]})").find("eos_token_id[1] is \"2\""), std::string::npos);
  EXPECT_NE(refused(R"({"do_sample": 1})").find("do_sample is 1"), std::string::npos);
}

}  // namespace
}  // namespace hadal
