#include "tools/run.h"

#include <fmt/format.h>

#include <ostream>

#include "base/error.h"
#include "base/json.h"
#include "text/stop_strings.h"
#include "tools/progress_line.h"

namespace hadal {
namespace {

void write(std::ostream& out, std::string_view text) {
  out << text;
  out.flush();
  if (!out) fail(ErrorCode::kIo, "standard output: write failed");
}

Json json_of(const Logprobs& logprobs) {
  JsonArray top;
  for (const TokenLogprob& one : logprobs.top) {
    JsonObject entry;
    entry.set("id", one.id);
    entry.set("logprob", one.logprob);
    top.emplace_back(std::move(entry));
  }
  JsonObject object;
  object.set("logprob", logprobs.chosen);
  object.set("top", std::move(top));
  return object;
}

std::string_view finish_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStopToken:
    case FinishReason::kEnough:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContextFull:
      return "context";
    default:
      return "cancelled";
  }
}

// What is collected for the JSON.
struct Collected {
  std::string text;
  JsonArray ids;
  JsonArray logprobs;
};

std::string result_json(const GenerateResult& result, Collected collected, const RunOptions& options) {
  JsonObject timings;
  timings.set("prompt_s", result.prompt_seconds);
  timings.set("generate_s", result.generate_seconds);
  JsonObject object;
  object.set("text", std::move(collected.text));
  object.set("finish", finish_name(result.finish));
  object.set("prompt_tokens", result.context_tokens);
  object.set("ids", std::move(collected.ids));
  if (options.top_logprobs) object.set("logprobs", std::move(collected.logprobs));
  object.set("seed", options.sampling.seed);
  object.set("drafted", result.drafted_tokens);
  object.set("accepted", result.accepted_tokens);
  object.set("timings", std::move(timings));
  return dump_json(object) + "\n";
}

std::string rate(int64_t tokens, double seconds) {
  return seconds > 0 ? fmt::format(" in {:.2f} s ({:.1f}/s)", seconds, static_cast<double>(tokens) / seconds)
                     : "";
}

}  // namespace

std::vector<int32_t> prompt_tokens(const Tokenizer& tokenizer, const ModelConfig& config,
                                   std::string_view text, bool markup, bool bos) {
  std::vector<int32_t> ids = markup ? tokenizer.encode(text) : tokenizer.encode_content(text);
  const auto first = static_cast<int32_t>(config.bos_token_id);
  if (bos && (ids.empty() || ids.front() != first)) ids.insert(ids.begin(), first);
  if (ids.empty()) fail(ErrorCode::kUsage, "the prompt is empty; give one with -p, -f or on standard input");
  return ids;
}

GenerateResult run_text(Session& session, const Tokenizer& tokenizer, const ModelConfig& config,
                        std::vector<int32_t> prompt, const RunOptions& options, std::ostream& out) {
  StreamDecoder decoder(tokenizer);
  StopStrings stops(options.stop_strings);
  ProgressLine progress;
  Collected collected;
  const auto give = [&](const std::string& text) {
    if (options.json) {
      collected.text += text;
    } else if (!text.empty()) {
      progress.clear();
      write(out, text);
    }
  };

  GenerateRequest request{.context = std::move(prompt),
                          .max_new_tokens = options.max_new_tokens,
                          .stop_tokens = {},
                          .sampling = options.sampling,
                          .top_logprobs = options.top_logprobs};
  if (!options.ignore_eos)
    request.stop_tokens.assign(config.eos_token_ids.begin(), config.eos_token_ids.end());
  GenerateHooks hooks;
  hooks.on_prompt = [&](int64_t done, int64_t total) { progress.update(done, total); };
  hooks.on_token = [&](const GeneratedToken& token) {
    if (options.json) collected.ids.emplace_back(token.id);
    if (token.logprobs) collected.logprobs.push_back(json_of(*token.logprobs));
    if (!token.stops) give(stops.feed(decoder.feed(token.id)));
    return !stops.found();
  };
  const GenerateResult result = session.generate(request, hooks);
  give(stops.feed(decoder.flush()));
  give(stops.flush());
  write(out, options.json ? result_json(result, std::move(collected), options) : "\n");
  return result;
}

std::string describe(const GenerateResult& result) {
  const int64_t read = result.context_tokens - result.reused_tokens;
  std::string text = fmt::format("{} tokens read{}", read, rate(read, result.prompt_seconds));
  if (result.reused_tokens > 0) text += fmt::format(" and {} known", result.reused_tokens);
  // The first one came with the prompt.
  text +=
      fmt::format(", {} written{}", result.new_tokens, rate(result.new_tokens - 1, result.generate_seconds));
  if (result.drafted_tokens > 0)
    text += fmt::format(", {} of {} drafts accepted", result.accepted_tokens, result.drafted_tokens);
  return text;
}

}  // namespace hadal
