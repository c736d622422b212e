// Ways to ask an Engine and to collect what it says.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "engine/engine.h"

namespace hadal {

struct WholeReply {
  std::vector<int32_t> ids;
  std::vector<int64_t> positions;
  std::vector<double> logprobs;  // chosen ones and, added to their ids, the best ones
  std::vector<PromptToken> prompt;
  Finished finished;

  // What must not depend on anything but the request.
  bool same_as(const WholeReply& other) const {
    return ids == other.ids && positions == other.positions && logprobs == other.logprobs &&
           finished.reason == other.finished.reason;
  }
};

// Reads a stream to its end.
inline WholeReply read_all(TokenStream& stream) {
  WholeReply reply;
  for (;;) {
    const std::optional<StreamEvent> event = stream.wait_next(std::chrono::seconds(60));
    if (!event) {
      ADD_FAILURE() << "the stream says nothing";
      return reply;
    }
    if (const auto* token = std::get_if<GeneratedToken>(&*event)) {
      reply.ids.push_back(token->id);
      reply.positions.push_back(token->position);
      if (token->logprobs) {
        reply.logprobs.push_back(token->logprobs->chosen);
        for (const TokenLogprob& top : token->logprobs->top) reply.logprobs.push_back(top.logprob + top.id);
      }
    } else if (const auto* prompt = std::get_if<PromptToken>(&*event)) {
      reply.prompt.push_back(*prompt);
    } else if (const auto* finished = std::get_if<Finished>(&*event)) {
      reply.finished = *finished;
      return reply;
    }
  }
}

inline std::shared_ptr<TokenStream> submit(Engine& engine, GenerationRequest request) {
  Submission submission = engine.submit(std::move(request));
  if (auto* stream = std::get_if<std::shared_ptr<TokenStream>>(&submission)) return *stream;
  ADD_FAILURE() << std::get<Refusal>(submission).message;
  return nullptr;
}

inline WholeReply ask(Engine& engine, GenerationRequest request) {
  return read_all(*submit(engine, std::move(request)));
}

inline GenerationRequest request_for(std::vector<int32_t> prompt, int64_t count, uint64_t seed = 5) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.max_new_tokens = count;
  request.sampling.temperature = 0.8;
  request.sampling.top_p = 0.9;
  request.sampling.presence_penalty = 0.5;
  request.sampling.frequency_penalty = 0.3;
  request.sampling.seed = seed;
  request.top_logprobs = 2;
  return request;
}

inline std::vector<int32_t> some_tokens(int64_t count, int64_t vocab, uint32_t salt = 0) {
  std::vector<int32_t> ids;
  uint32_t random = salt * 2654435761u + 12345u;
  for (int64_t i = 0; i < count; ++i) {
    random = random * 1664525u + 1013904223u;
    ids.push_back(static_cast<int32_t>((random >> 8) % static_cast<uint32_t>(vocab)));
  }
  return ids;
}

inline std::vector<int32_t> joined(std::vector<int32_t> a, const std::vector<int32_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace hadal
