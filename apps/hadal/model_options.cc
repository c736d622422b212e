#include "model_options.h"

#include <charconv>
#include <iostream>
#include <random>

#include "base/error.h"
#include "choice.h"
#include "tools/plan.h"

namespace hadal {
namespace {

// "ID=BIAS"
std::pair<int32_t, float> parse_bias(const std::string& text) {
  const char* const end = text.data() + text.size();
  int32_t id = 0;
  float bias = 0;
  const auto [equals, id_error] = std::from_chars(text.data(), end, id);
  if (id_error == std::errc() && equals != end && *equals == '=') {
    const auto [rest, error] = std::from_chars(equals + 1, end, bias);
    if (error == std::errc() && rest == end) return {id, bias};
  }
  fail(ErrorCode::kUsage, "--logit-bias {}: expected TOKEN_ID=NUMBER, for example 1=-5 or 1=-inf", text);
}

}  // namespace

void add_model_options(CLI::App& command, ModelOptions& options) {
  command.add_option("MODEL", options.dir, "the model's folder")->required();
  command.add_option("-t,--threads", options.threads, "threads (default: one for each CPU)")
      ->check(CLI::Range(1, 1024));
  add_choice(command, "--numerics", options.numerics,
             {{"native", Numerics::kNative},
              {"stored", Numerics::kStored},
              {"fp32", Numerics::kFp32},
              {"official", Numerics::kOfficial}},
             options.numerics == Numerics::kNative ? "arithmetic (default native)"
                                                   : "arithmetic: fp32 (default) or stored");
  add_choice(command, "--load", options.load, {{"mmap", LoadMode::kMmap}, {"read", LoadMode::kRead}},
             "mmap (default): weights are read when touched; read: at the start");
  add_engram_option(command, options.engram);
}

void add_engram_option(CLI::App& command, std::optional<EngramSource>& source) {
  add_choice<std::optional<EngramSource>>(
      command, "--engram", source,
      {{"mmap", EngramSource::kMmap}, {"ram", EngramSource::kRam}, {"disk", EngramSource::kDisk}},
      "where the rows of Engram's tables (V4.1) come from: mmap (default), ram: read at the start, disk: "
      "read "
      "for each token, past the page cache");
}

void add_adapter_option(CLI::App& command, ModelOptions& options) {
  command.add_option("--adapter", options.adapter, "run the model with an adapter of hadal finetune --lora")
      ->type_name("FILE");
}

void add_sequence_options(CLI::App& command, ModelOptions& options, bool& dry_run) {
  command.add_option("--ctx", options.ctx, "room for this many tokens, prompt and reply together")
      ->check(CLI::Range(int64_t{1}, kMaxTokens));
  command.add_option("--chunk", options.chunk, "tokens of a prompt that are computed at once (default 256)")
      ->check(CLI::Range(1, 65536));
  add_choice(command, "--speculate", options.speculate,
             {{"auto", Speculation::kAuto}, {"on", Speculation::kOn}, {"off", Speculation::kOff}},
             "draft tokens with the model's drafter (MTP, DSpark): auto (default: while it is faster), on or "
             "off; the "
             "tokens are the "
             "same");
  command.add_flag("--dry-run", dry_run, "print the plan, memory and expected speed, and load nothing");
}

bool plan_allows(const Checkpoint& checkpoint, const ModelOptions& options, int64_t max_tokens,
                 int64_t snapshots, bool dry_run, bool json) {
  const MemoryPlan memory = plan_memory(checkpoint, options, max_tokens, snapshots);
  if (dry_run) {
    const SpeedPlan speed = plan_speed(checkpoint, options, max_tokens);
    std::cout << (json ? dump_json(plan_json(memory, speed)) + "\n" : plan_text(memory, speed)) << std::flush;
  }
  require_fits(memory);
  return !dry_run;
}

void add_sampling_options(CLI::App& command, SamplingOptions& options) {
  constexpr const char* kGroup = "Sampling";
  const auto add = [&](const char* name, auto& value, const char* help) {
    return command.add_option(name, value, help)->group(kGroup);
  };
  add("--temp,--temperature", options.temperature,
      "0: always the most likely token (default: the model's, mostly 1)");
  add("--top-k", options.top_k, "draw among this many most likely tokens; 0: all");
  add("--top-p", options.top_p,
      "draw among the most likely tokens that have this probability together; 1: all");
  add("--min-p", options.params.min_p, "leave out tokens less likely than this share of the most likely one");
  add("--repeat-penalty", options.params.repetition_penalty,
      "make every token of the context less likely; 1: off, typical 1.1");
  add("--presence-penalty", options.params.presence_penalty,
      "subtracted from the logits of tokens in the reply");
  add("--frequency-penalty", options.params.frequency_penalty,
      "subtracted as often as the token is in the reply");
  add("--logit-bias", options.logit_bias, "add NUMBER to the logit of a token; may be given several times")
      ->type_name("TOKEN_ID=NUMBER");
  add("--seed", options.seed,
      "a run with the same seed gives the same tokens (default: a new seed each time)");
}

SamplingParams sampling_params(const SamplingOptions& options, const GenerationConfig& model,
                               int64_t vocab_size) {
  SamplingParams params = options.params;
  params.temperature = options.temperature.value_or(model.do_sample ? model.temperature : 0);
  params.top_k = options.top_k.value_or(model.top_k);
  params.top_p = options.top_p.value_or(model.top_p);
  for (const std::string& bias : options.logit_bias) params.logit_bias.push_back(parse_bias(bias));
  params.seed = options.seed ? *options.seed : std::random_device()();
  check_sampling_params(params, vocab_size);
  return params;
}

}  // namespace hadal
