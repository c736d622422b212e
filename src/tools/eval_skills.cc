#include "tools/eval_skills.h"

#include <fmt/format.h>

#include <fstream>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"
#include "text/chat_format.h"
#include "tools/skill_checks.h"

namespace hadal {
namespace {

struct Answer {
  std::string text;  // control tokens and the end of text spelt out
  bool cut = false;  // it did not end
  int64_t tokens = 0;
  int64_t drafted = 0;
  int64_t accepted = 0;
};

struct Score {
  int64_t cases = 0, right = 0, well_formed = 0, repeats = 0, cut = 0, tokens = 0, drafted = 0, accepted = 0;
};

class SkillRun {
 public:
  explicit SkillRun(const EvalSkillsOptions& options)
      : options_(options),
        tokenizer_(Tokenizer::from_file(options.model.dir + "/tokenizer.json")),
        literals_(load_model_literals(options.model.dir)),
        loaded_(load_model(options.model)),
        session_(open_session(loaded_, options.model, room(), 0)) {
    check_belongs(tokenizer_, loaded_.model.config());
  }

  ChatDialect dialect() const { return literals_.dialect; }

  Answer answer(const SkillCase& one) {
    ChatOptions chat;
    chat.thinking_mode = one.thinking_mode;
    const RenderedPrompt prompt = render_chat(literals_, one.messages, chat);
    const ModelConfig& config = loaded_.model.config();
    GenerateRequest request;
    request.context = tokenizer_.encode_segments(prompt.text, prompt.special_ranges);
    request.max_new_tokens = options_.max_new_tokens;
    request.stop_tokens.assign(config.eos_token_ids.begin(), config.eos_token_ids.end());
    request.sampling.temperature = 0;
    Answer answer;
    GenerateHooks hooks;
    hooks.on_token = [&](const GeneratedToken& token) {
      if (tokenizer_.has_token(token.id)) answer.text += tokenizer_.token_bytes(token.id);
      return true;
    };
    const GenerateResult result = session_->generate(request, hooks);
    answer.cut = result.finish != FinishReason::kStopToken;
    answer.tokens = result.new_tokens;
    answer.drafted = result.drafted_tokens;
    answer.accepted = result.accepted_tokens;
    return answer;
  }

 private:
  int64_t room() const {
    constexpr int64_t kLongestPrompt = 4096;
    return options_.model.ctx > 0 ? options_.model.ctx : kLongestPrompt + options_.max_new_tokens;
  }

  const EvalSkillsOptions& options_;
  Tokenizer tokenizer_;
  ChatLiterals literals_;
  LoadedModel loaded_;
  std::unique_ptr<Session> session_;
};

Score& operator+=(Score& sum, const Score& one) {
  sum.cases += one.cases;
  sum.right += one.right;
  sum.well_formed += one.well_formed;
  sum.repeats += one.repeats;
  sum.cut += one.cut;
  sum.tokens += one.tokens;
  sum.drafted += one.drafted;
  sum.accepted += one.accepted;
  return sum;
}

JsonObject json_of(const Score& score) {
  const auto share = [&](int64_t count) {
    return static_cast<double>(count) / static_cast<double>(std::max<int64_t>(score.cases, 1));
  };
  JsonObject object;
  object.set("cases", score.cases);
  object.set("right", share(score.right));
  object.set("well_formed", share(score.well_formed));
  object.set("repeats", share(score.repeats));
  object.set("cut", share(score.cut));
  object.set("tokens", score.tokens);
  object.set("drafted", score.drafted);
  object.set("accepted", score.accepted);
  return object;
}

JsonObject reply_json(const SkillCase& one, const Answer& answer, const SkillVerdict& verdict, bool repeats) {
  JsonObject object;
  object.set("skill", one.skill);
  object.set("language", one.language);
  object.set("messages", one.messages);
  std::string reply;
  if (append_repaired_utf8(answer.text, reply) != answer.text.size()) reply += kReplacementCharacter;
  object.set("reply", std::move(reply));
  object.set("right", verdict.right);
  object.set("well_formed", verdict.well_formed);
  object.set("repeats", repeats);
  object.set("check", one.check);
  return object;
}

}  // namespace

std::vector<SkillCase> read_skill_cases(const std::string& path, int64_t limit) {
  constexpr uint64_t kLimitBytes = uint64_t{256} << 20;
  const std::string content = read_file(path, kLimitBytes);
  std::vector<SkillCase> cases;
  for (size_t at = 0, line = 1; at < content.size() && (limit == 0 || std::ssize(cases) < limit); ++line) {
    const size_t end = std::min(content.find('\n', at), content.size());
    // What is no JSON has no fields either.
    const Json value = parse_json(std::string_view(content).substr(at, end - at)).value_or(Json());
    at = end + 1;
    const auto text = [&](std::string_view key) {
      const Json* const found = value.find(key);
      if (found == nullptr || found->string() == nullptr)
        fail(ErrorCode::kInvalidModel, "{}:{}: no text \"{}\"; expected a case of data/make.py --held-out",
             path, line, key);
      return *found->string();
    };
    SkillCase one{text("skill"), text("language"), text("thinking_mode"), {}, {}};
    const Json* const messages = value.find("messages");
    const Json* const check = value.find("check");
    if (messages == nullptr || messages->array() == nullptr || check == nullptr)
      fail(ErrorCode::kInvalidModel, "{}:{}: no \"messages\" or no \"check\"", path, line);
    one.messages = *messages->array();
    one.check = *check;
    cases.push_back(std::move(one));
  }
  if (cases.empty()) fail(ErrorCode::kInvalidModel, "{}: no case in it", path);
  return cases;
}

std::string eval_skills(const EvalSkillsOptions& options) {
  SkillRun run(options);
  std::optional<FileReplacement> replies;
  if (!options.replies.empty()) replies.emplace(options.replies);
  JsonArray files;
  Score total;
  for (const std::string& file : options.files) {
    Score score;
    const std::vector<SkillCase> cases = read_skill_cases(file, options.limit);
    for (const SkillCase& one : cases) {
      const Answer answer = run.answer(one);
      const SkillVerdict verdict =
          judge_reply(one.check, answer.text, one.thinking_mode == "thinking", run.dialect());
      const bool repeats = repeats_itself(answer.text);
      score += {1,          verdict.right, verdict.well_formed, repeats,
                answer.cut, answer.tokens, answer.drafted,      answer.accepted};
      if (replies) replies->write(dump_json(reply_json(one, answer, verdict, repeats)) + "\n");
    }
    JsonObject entry = json_of(score);
    entry.set("skill", cases.front().skill);
    entry.set("language", cases.front().language);
    files.emplace_back(std::move(entry));
    total += score;
    log_info("{} ({}): {} of {} right, {} well formed, {} repeat themselves", cases.front().skill,
             cases.front().language, score.right, score.cases, score.well_formed, score.repeats);
  }
  JsonObject result;
  result.set("model", options.model.dir);
  result.set("files", std::move(files));
  result.set("all", json_of(total));
  std::string text = dump_json(std::move(result)) + "\n";
  if (!options.out.empty()) write_file_atomically(options.out, text);
  if (replies) replies->commit();
  return text;
}

}  // namespace hadal
