#include "server/generations.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <utility>

#include "server/apply_template.h"
#include "server/grammar_constraint.h"
#include "server/reader_parts.h"
#include "server/secrets.h"
#include "text/control_tokens.h"

namespace hadal {
namespace {

constexpr size_t kMemoryBytes = size_t{64} << 20;  // some hundred long conversations
constexpr size_t kCallMemoryBytes = size_t{16} << 20;

// Whom a prefix of a prompt belongs to.
std::string cache_namespace_of(const ChatRequest& request, const RequestContext& context) {
  return context.key_name + "/" + request.user;
}

std::vector<TextRange> ends_of_turns(const RenderedPrompt& prompt) {
  std::vector<TextRange> ends;
  for (const TextRange& range : prompt.special_ranges) {
    const auto size = static_cast<size_t>(range.end - range.begin);
    if (std::string_view(prompt.text).substr(static_cast<size_t>(range.begin), size) == kEosToken)
      ends.push_back(range);
  }
  return ends;
}

ChatRequest read_conversation(Protocol protocol, const Json& body, const RequestPolicy& policy) {
  switch (protocol) {
    case Protocol::kResponses:
      return read_responses_request(body, policy);
    case Protocol::kMessages:
      return read_messages_request(body, policy);
    default:
      return read_chat_request(body, policy);
  }
}

const char* id_prefix(Protocol protocol) {
  switch (protocol) {
    case Protocol::kCompletions:
      return "cmpl-";
    case Protocol::kResponses:
      return "resp_";
    case Protocol::kMessages:
      return "msg_";
    default:
      return "chatcmpl-";
  }
}

ApiAnswer refused(Protocol protocol, const Refusal& refusal) {
  int status = 503;
  std::string kind;
  switch (refusal.reason) {
    case Refusal::Reason::kInvalid:
      status = 400;
      break;
    case Refusal::Reason::kTooLong:
      status = 400;
      kind = "context_length_exceeded";
      break;
    case Refusal::Reason::kQueueFull:
      status = 429;
      break;
    case Refusal::Reason::kStopping:
      break;
  }
  const std::string message = refusal.message.empty() ? "too many requests are waiting" : refusal.message;
  ApiAnswer answer;
  answer.status = status;
  answer.body = dump_json(error_body(protocol, status, message, "", kind));
  if (status != 400) {
    const double seconds = std::clamp(std::ceil(refusal.retry_after_seconds), 1.0, 3600.0);
    answer.headers.emplace_back("Retry-After", std::to_string(static_cast<int64_t>(seconds)));
  }
  return answer;
}

}  // namespace

// What the parts of a reply point to.
struct Generations::Work {
  RequestPolicy policy;
  Protocol protocol = Protocol::kChat;
  ChatRequest chat;
  CompletionRequest completion;
  std::vector<PromptPlan> plans;  // one, or one for each prompt of a completion

  const ChatRequest& request() const { return protocol == Protocol::kCompletions ? completion.common : chat; }
};

Generations::Generations(Generator& generator, const Tokenizer& tokenizer, const ChatLiterals& literals,
                         std::string fingerprint, CompiledGrammar::Vocabulary vocabulary)
    : generator_(generator),
      tokenizer_(tokenizer),
      literals_(literals),
      fingerprint_(std::move(fingerprint)),
      vocabulary_(std::move(vocabulary)),
      memory_(kMemoryBytes),
      calls_(kCallMemoryBytes) {}

std::shared_ptr<Generations::Work> Generations::plan(Protocol protocol, const Json& body,
                                                     const RequestContext& context) {
  auto work = std::make_shared<Work>();
  work->policy = context.policy;
  work->protocol = protocol;
  if (protocol == Protocol::kCompletions) {
    work->completion = read_completion_request(body, work->policy);
    for (const CompletionRequest::Prompt& prompt : work->completion.prompts)
      work->plans.push_back(plan_completion(work->completion, prompt, work->policy, tokenizer_));
  } else {
    work->chat = read_conversation(protocol, body, work->policy);
    const std::string cache_namespace = cache_namespace_of(work->chat, context);
    calls_.restore(cache_namespace, work->chat);
    work->plans.push_back(plan_chat(work->chat, work->policy, literals_, tokenizer_));
    recall(work->plans.back(), cache_namespace);
  }
  return work;
}

uint64_t Generations::max_tokens_of(const Work& work, const PromptPlan& plan,
                                    const RequestContext& context) const {
  const uint64_t limit = context.context_limit.value_or(static_cast<uint64_t>(generator_.max_context()));
  return resolve_max_tokens(plan.max_tokens, work.request(),
                            context.prompt_tokens.value_or(plan.token_ids.size()), limit);
}

GenerationRequest Generations::generation_of(const Work& work, const PromptPlan& plan,
                                             const RequestContext& context, uint64_t seed) const {
  const ChatRequest& request = work.request();
  const SamplingWish& wish = request.sampling;
  GenerationRequest generation;
  generation.prompt = plan.token_ids;
  generation.max_new_tokens = static_cast<int64_t>(max_tokens_of(work, plan, context));
  if (const std::optional<int32_t> eos = tokenizer_.find_added(kEosToken)) generation.stop_tokens = {*eos};
  generation.sampling.temperature = static_cast<double>(plan.temperature);
  generation.sampling.top_p = static_cast<double>(plan.top_p);
  generation.sampling.top_k = static_cast<int64_t>(wish.top_k.value_or(context.policy.default_top_k));
  generation.sampling.min_p = wish.min_p.value_or(0);
  generation.sampling.repetition_penalty = wish.repetition_penalty.value_or(1);
  generation.sampling.presence_penalty = wish.presence_penalty;
  generation.sampling.frequency_penalty = wish.frequency_penalty;
  generation.sampling.logit_bias = wish.logit_bias;
  generation.sampling.seed = seed;
  check_sampling_params(generation.sampling, generator_.vocab_size());
  if (wish.logprobs) {
    generation.top_logprobs = static_cast<int64_t>(wish.top_logprobs.value_or(0));
    if (work.protocol == Protocol::kCompletions && work.completion.echo)
      generation.prompt_logprobs = generation.top_logprobs;
  }
  if (vocabulary_) {
    PlannedConstraint planned = plan_constraint(request, plan, tokenizer_, vocabulary_);
    generation.constraint = std::move(planned.constraint);
    generation.constrained_after = planned.after;
  }
  generation.deadline = context.deadline;
  generation.queue_deadline = context.queue_deadline;
  generation.cache_namespace = cache_namespace_of(request, context);
  generation.fairness_key = context.key_name.empty() ? request.user : context.key_name;
  return generation;
}

// What is done for the next turn when an answer has ended.
void Generations::keep(const Work& work, WholeReply reply, const std::string& cache_namespace) {
  calls_.remember(cache_namespace, work.chat.tools, reply.calls);
  for (size_t i = 0; i < reply.calls.size(); ++i) reply.calls[i].id = std::to_string(i);
  std::optional<std::string> reasoning;
  if (work.chat.thinking) reasoning = std::move(reply.reasoning);
  ChatRequest next = work.chat;
  next.messages.push_back(assistant_message(reply.content, reasoning, reply.calls));
  for (const HistoryCall& call : reply.calls) next.messages.push_back(tool_message(call.id, ""));
  if (reply.calls.empty()) next.messages.push_back(text_message("user", ""));
  PromptPlan plan = plan_chat(next, work.policy, literals_, tokenizer_);
  const PromptPlan& asked = work.plans.front();
  if (plan.prompt.text.starts_with(asked.prompt.text)) {
    if (!reply.cut) remember(asked, plan, std::move(reply.ids), cache_namespace);
  } else {
    read_ahead(std::move(plan.token_ids), cache_namespace);
  }
}

// The next turn goes on where this one ended: its tokens stay.
void Generations::remember(const PromptPlan& asked, const PromptPlan& next, std::vector<int32_t> drawn,
                           const std::string& cache_namespace) {
  const std::optional<int32_t> eos = tokenizer_.find_added(kEosToken);
  const std::vector<TextRange> ends = ends_of_turns(next.prompt);
  if (!eos || drawn.empty() || ends.empty()) return;
  std::vector<int32_t> ids = asked.token_ids;
  ids.insert(ids.end(), drawn.begin(), drawn.end());
  if (ids.back() != *eos) ids.push_back(*eos);
  const auto length = static_cast<size_t>(ends.back().end);
  memory_.remember(cache_namespace, std::string_view(next.prompt.text).substr(0, length), std::move(ids));
}

// The next turn leaves out the reasoning of this one, so its prompt is another one from there on. What is
// known of it already is read while there is nothing else to do.
void Generations::read_ahead(std::vector<int32_t> ids, const std::string& cache_namespace) {
  const std::optional<int32_t> user = tokenizer_.find_added(kUserToken);
  while (!ids.empty() && ids.back() != user) ids.pop_back();
  if (!ids.empty()) generator_.prefill_in_background(std::move(ids), cache_namespace);
}

void Generations::recall(PromptPlan& plan, const std::string& cache_namespace) {
  ReplyMemory::Found found = memory_.find(cache_namespace, plan.prompt.text, ends_of_turns(plan.prompt));
  if (found.length == 0) return;
  std::vector<TextRange> later;
  for (const TextRange& range : plan.prompt.special_ranges) {
    const auto length = static_cast<int64_t>(found.length);
    if (range.begin >= length) later.push_back({range.begin - length, range.end - length});
  }
  const std::vector<int32_t> rest =
      tokenizer_.encode_segments(std::string_view(plan.prompt.text).substr(found.length), later);
  plan.token_ids = std::move(found.ids);
  plan.token_ids.insert(plan.token_ids.end(), rest.begin(), rest.end());
}

std::unique_ptr<ReplyShaper> Generations::shaper_of(const Work& work, const PromptPlan& plan,
                                                    const ReplyIdentity& identity, int64_t index) const {
  switch (work.protocol) {
    case Protocol::kCompletions: {
      // Echoed without the token that only opens it.
      std::string prompt = plan.prompt.text;
      if (!plan.prompt.special_ranges.empty()) prompt.erase(0, kBosToken.size());
      return make_completion_shaper(work.completion, std::move(prompt), work.policy, tokenizer_, identity,
                                    index);
    }
    case Protocol::kResponses:
      return make_responses_shaper(work.chat, tokenizer_, identity);
    case Protocol::kMessages:
      return make_messages_shaper(work.chat, identity);
    case Protocol::kChat:
      break;
  }
  return make_chat_shaper(work.chat, plan, work.policy, tokenizer_, identity, index);
}

ApiAnswer Generations::begin(Protocol protocol, const Json& body, const RequestContext& context) {
  const std::shared_ptr<Work> work = plan(protocol, body, context);
  const ChatRequest& request = work->request();
  const ReplyIdentity identity{id_prefix(protocol) + random_name(16), request.model,
                               static_cast<int64_t>(std::time(nullptr)), fingerprint_,
                               [] { return random_name(12); }};
  const uint64_t seed = request.sampling.seed ? *request.sampling.seed : random_seed();
  std::vector<ReplyPart> parts;
  for (const PromptPlan& plan : work->plans) {
    for (uint64_t i = 0; i < request.n; ++i) {
      GenerationRequest generation = generation_of(*work, plan, context, seed + i);
      const std::string cache_namespace = generation.cache_namespace;
      Submission submission = generator_.submit(std::move(generation));
      if (const auto* const refusal = std::get_if<Refusal>(&submission)) {
        // Those that run already are of no use without it.
        for (const ReplyPart& part : parts) part.stream->cancel();
        return refused(protocol, *refusal);
      }
      ReplyPart part;
      part.stream = std::get<std::shared_ptr<TokenStream>>(std::move(submission));
      part.reading = plan.reading;
      part.shaper = shaper_of(*work, plan, identity, std::ssize(parts));
      part.prompt_size = std::ssize(plan.token_ids);
      part.counts_prompt = i == 0;
      if (protocol != Protocol::kCompletions && !request.continuation)
        part.on_end = [this, work = work.get(), cache_namespace](WholeReply reply) {
          keep(*work, std::move(reply), cache_namespace);
        };
      parts.push_back(std::move(part));
    }
  }
  ApiAnswer answer;
  if (request.stream) {
    answer.content_type = "text/event-stream";
    answer.headers.emplace_back("Cache-Control", "no-cache");
    answer.headers.emplace_back("X-Accel-Buffering", "no");
  }
  answer.reply = std::make_unique<ServedReply>(protocol, request.stream, std::move(parts), tokenizer_, work);
  return answer;
}

Json Generations::describe(Protocol protocol, const Json& body, const RequestContext& context) {
  const std::shared_ptr<Work> work = plan(protocol, body, context);
  PromptPlan& plan = work->plans.front();
  if (context.context_limit) plan.max_tokens = max_tokens_of(*work, plan, context);
  return describe_plan(work->request(), plan, work->policy);
}

uint64_t Generations::count_tokens(Protocol protocol, const Json& body, const RequestContext& context) {
  return plan(protocol, body, context)->plans.front().token_ids.size();
}

}  // namespace hadal
