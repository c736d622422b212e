// Requests of HTTP -> answers, without sockets: who may ask, what is asked, and what it is answered with.
//
// Every answer but /health's and /ready's needs a key, where there are keys, and that is looked at before the
// path is. Bad input is never a 500. Called from one thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/generator.h"
#include "server/conversations.h"
#include "server/reply.h"
#include "server/request_readers.h"
#include "text/grammar/grammar.h"
#include "text/literals.h"
#include "text/tokenizer.h"

namespace hadal {

struct ApiRequest {
  std::string method;
  std::string target;                                        // path and query
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;

  // Empty when it is not there.
  std::string_view header(std::string_view name) const;
};

struct ApiAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::unique_ptr<Reply> reply;  // then there is no body yet
};

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
};

class Api {
 public:
  // The generator, the tokenizer and the literals must outlive it.
  Api(ApiConfig config, Generator& generator, const Tokenizer& tokenizer, const ChatLiterals& literals);
  ~Api();

  // What can be said before the body is read; nothing: go on.
  std::unique_ptr<ApiAnswer> check_head(const ApiRequest& request) const;
  ApiAnswer handle(const ApiRequest& request);
  // The most bytes that the body of such a request may have.
  static uint64_t body_limit(std::string_view target);
  // An error in the words of the protocol that the target belongs to.
  static ApiAnswer error_answer(std::string_view target, int status, const std::string& message);

  // From now on nothing new is begun.
  void set_draining();
  // A reply has ended, one way or another.
  void count(const Reply& reply);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
