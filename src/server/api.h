// Requests of HTTP -> answers, without sockets: who may ask, what is asked, and what it is answered with.
//
// Every answer but /health's and /ready's needs a key, where there are keys, and that is looked at before the
// path is. Bad input is never a 500. Called from one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/generator.h"
#include "server/conversations.h"
#include "server/request_readers.h"
#include "server/service.h"
#include "text/grammar/grammar.h"
#include "text/literals.h"
#include "text/tokenizer.h"

namespace hadal {

struct ApiConfig {
  std::string model_id = "hadal";
  RequestPolicy policy;
  std::vector<std::string> keys;   // none: everybody may ask
  std::vector<std::string> hosts;  // what Host and Origin may name, beside this machine's own names
  // Takes the headers x-hadal-options and x-hadal-limits: settings that come from the configuration
  // otherwise.
  bool takes_case_headers = false;
  // What constraints on output are made from; null: they are not enforced.
  CompiledGrammar::Vocabulary vocabulary;
  // The conversations of the web page; null: they are not kept.
  ConversationStore* conversations = nullptr;
  std::string version;
  std::optional<std::chrono::seconds> deadline;        // of each request, from its arrival
  std::optional<std::chrono::seconds> queue_deadline;  // of its start
};

class Api final : public HttpService {
 public:
  // The generator, the tokenizer and the literals must outlive it.
  Api(ApiConfig config, Generator& generator, const Tokenizer& tokenizer, const ChatLiterals& literals);
  ~Api() override;

  std::unique_ptr<ApiAnswer> check_head(const ApiRequest& request) const override;
  ApiAnswer handle(const ApiRequest& request) override;
  void set_draining() override;
  void set_keys(const std::vector<std::string>& keys) override;
  void count(const ServedReply& reply) override;

  // The most bytes that the body of such a request may have.
  static uint64_t body_limit(std::string_view target);
  // An error in the words of the protocol that the target belongs to.
  static ApiAnswer error_answer(std::string_view target, int status, const std::string& message);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
