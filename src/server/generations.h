// A request's body -> generations under way: read, planned, submitted.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "server/api.h"
#include "server/call_memory.h"
#include "server/reply_memory.h"
#include "text/grammar/grammar.h"

namespace hadal {

// What a request's headers may set in place of the configuration, and who asks.
struct RequestContext {
  RequestPolicy policy;
  std::optional<uint64_t> context_limit;
  std::optional<uint64_t> prompt_tokens;  // instead of the prompt's own, for what depends on it
  std::string key_name;
  GenerationRequest::Time deadline = GenerationRequest::Time::max();
  GenerationRequest::Time queue_deadline = GenerationRequest::Time::max();
};

class Generations {
 public:
  // `vocabulary` null: constraints are described, but not enforced (a script is what it is).
  Generations(Generator& generator, const Tokenizer& tokenizer, const ChatLiterals& literals,
              std::string fingerprint, CompiledGrammar::Vocabulary vocabulary);

  // RequestError for what the protocol does not allow; refusals of the generator are answers.
  ApiAnswer begin(Protocol protocol, const Json& body, const RequestContext& context);
  // What begin() would have done.
  Json describe(Protocol protocol, const Json& body, const RequestContext& context);
  uint64_t count_tokens(Protocol protocol, const Json& body, const RequestContext& context);

 private:
  struct Work;

  std::shared_ptr<Work> plan(Protocol protocol, const Json& body, const RequestContext& context);
  GenerationRequest generation_of(const Work& work, const PromptPlan& plan, const RequestContext& context,
                                  uint64_t seed) const;
  uint64_t max_tokens_of(const Work& work, const PromptPlan& plan, const RequestContext& context) const;
  void keep(const Work& work, WholeReply reply, const std::string& cache_namespace);
  void remember(const PromptPlan& asked, const PromptPlan& next, std::vector<int32_t> drawn,
                const std::string& cache_namespace);
  void read_ahead(std::vector<int32_t> ids, const std::string& cache_namespace);
  void recall(PromptPlan& plan, const std::string& cache_namespace);
  std::unique_ptr<ReplyShaper> shaper_of(const Work& work, const PromptPlan& plan,
                                         const ReplyIdentity& identity, int64_t index) const;

  Generator& generator_;
  const Tokenizer& tokenizer_;
  const ChatLiterals& literals_;
  std::string fingerprint_;
  CompiledGrammar::Vocabulary vocabulary_;
  ReplyMemory memory_;
  CallMemory calls_;
};

}  // namespace hadal
