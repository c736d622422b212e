#include "tools/run.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "engine/scripted_sequence.h"

namespace hadal {
namespace {

class RunTest : public testing::Test {
 protected:
  RunTest() {
    config_.bos_token_id = 0;
    config_.eos_token_ids = {1};
    auto owned = std::make_unique<ScriptedSequence>(200, 16, static_cast<int64_t>(tokenizer_.vocab_size()));
    sequence_ = owned.get();
    session_ = std::make_unique<Session>(std::move(owned), Speculation::kOff);
  }

  // After any prompt the model writes this and ends.
  void will_write(const std::vector<int32_t>& reply, size_t prompt_size) {
    sequence_->next = [reply, prompt_size](const std::vector<int32_t>& tokens) {
      const size_t at = tokens.size() - prompt_size;
      return at < reply.size() ? reply[at] : 1;
    };
  }
  std::string run(const RunOptions& options, const std::string& prompt = "Hello") {
    std::ostringstream out;
    result_ = run_text(*session_, tokenizer_, config_,
                       prompt_tokens(tokenizer_, config_, prompt, false, true), options, out);
    return out.str();
  }
  size_t prompt_size(const std::string& prompt = "Hello") {
    return prompt_tokens(tokenizer_, config_, prompt, false, true).size();
  }

  Tokenizer tokenizer_ = Tokenizer::from_file(HADAL_SOURCE_DIR "/tests/data/tokenizer/tokenizer.json");
  ModelConfig config_;
  ScriptedSequence* sequence_ = nullptr;
  std::unique_ptr<Session> session_;
  GenerateResult result_;
};

TEST_F(RunTest, PromptTokens) {
  const auto ids = [&](std::string_view text, bool markup, bool bos) {
    return prompt_tokens(tokenizer_, config_, text, markup, bos);
  };
  const std::string spelled = "<｜begin▁of▁sentence｜>a<｜User｜>";
  EXPECT_EQ(ids(spelled, true, true), tokenizer_.encode(spelled));  // not twice
  EXPECT_EQ(ids(spelled, true, true).front(), 0);
  for (const int32_t id : ids(spelled, false, false)) EXPECT_FALSE(tokenizer_.is_added(id));
  EXPECT_EQ(ids("", false, true), std::vector<int32_t>{0});
  EXPECT_THROW(ids("", false, false), Error);
}

TEST_F(RunTest, WritesWholeCharactersAndEndsAtTheEnd) {
  const std::string text = "wide: 汉字 👩‍👧 é";
  will_write(tokenizer_.encode_content(text), prompt_size());
  EXPECT_EQ(run({}), text + "\n");
  EXPECT_EQ(result_.finish, FinishReason::kStopToken);
}

TEST_F(RunTest, RepairsWhatIsNoCharacter) {
  std::vector<int32_t> bytes;
  for (const char c : {'\xe6', '\xb1'}) bytes.push_back(tokenizer_.encode_content(std::string(1, c))[0]);
  will_write(bytes, prompt_size());
  EXPECT_EQ(run({}), "\xEF\xBF\xBD\n");
}

TEST_F(RunTest, StopsBeforeAStopString) {
  will_write(tokenizer_.encode_content("one two three four five"), prompt_size());
  EXPECT_EQ(run({.stop_strings = {"ee fo"}}), "one two thr\n");
  EXPECT_EQ(result_.finish, FinishReason::kEnough);
  EXPECT_LT(result_.new_tokens,
            static_cast<int64_t>(tokenizer_.encode_content("one two three four five").size()));
  // What was held back comes out at the end.
  will_write(tokenizer_.encode_content("one two th"), prompt_size());
  EXPECT_EQ(run({.stop_strings = {"three"}}), "one two th\n");
  EXPECT_EQ(run({.max_new_tokens = 1, .stop_strings = {"one two three"}}),
            std::string(tokenizer_.token_bytes(sequence_->next(std::vector<int32_t>(prompt_size())))) + "\n");
}

TEST_F(RunTest, IgnoresTheEndWhereAsked) {
  std::vector<int32_t> reply = tokenizer_.encode_content("a");
  reply.push_back(1);
  reply.push_back(reply[0]);
  will_write(reply, prompt_size());
  EXPECT_EQ(run({}), "a\n");
  EXPECT_EQ(run({.max_new_tokens = 3, .ignore_eos = true}), "a<｜end▁of▁sentence｜>a\n");
}

TEST_F(RunTest, Json) {
  will_write(tokenizer_.encode_content("say \"x\"\n"), prompt_size());
  const std::string text =
      run({.sampling = {.seed = 18446744073709551615u}, .top_logprobs = 2, .json = true});
  const auto json = parse_json(text.substr(0, text.size() - 1));
  ASSERT_TRUE(json) << text;
  EXPECT_EQ(*json->find("text")->string(), "say \"x\"\n");
  EXPECT_EQ(*json->find("finish")->string(), "stop");
  EXPECT_EQ(json->find("seed")->integer()->text, "18446744073709551615");
  EXPECT_EQ(json->find("prompt_tokens")->integer()->text, std::to_string(prompt_size()));
  const auto& ids = *json->find("ids")->array();
  EXPECT_EQ(std::ssize(ids), result_.new_tokens);
  EXPECT_EQ(ids.back().integer()->text, "1");
  const auto& logprobs = *json->find("logprobs")->array();
  ASSERT_EQ(logprobs.size(), ids.size());
  EXPECT_EQ(logprobs[0].find("top")->array()->size(), 2u);
  EXPECT_EQ(*logprobs[0].find("logprob")->real(), 0.0);
  EXPECT_NE(json->find("timings")->find("prompt_s"), nullptr);
}

TEST_F(RunTest, SaysWhenItCannotWrite) {
  will_write(tokenizer_.encode_content("abc"), prompt_size());
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_THROW(run_text(*session_, tokenizer_, config_, {0}, {}, out), Error);
}

TEST(RunDescribe, CountsWhatWasDone) {
  EXPECT_EQ(
      describe({.context_tokens = 12,
                .reused_tokens = 2,
                .new_tokens = 5,
                .drafted_tokens = 4,
                .accepted_tokens = 3,
                .prompt_seconds = 2,
                .generate_seconds = 2}),
      "10 tokens read in 2.00 s (5.0/s) and 2 known, 5 written in 2.00 s (2.0/s), 3 of 4 drafts accepted");
}

}  // namespace
}  // namespace hadal
