// What an HttpServer serves: requests -> answers, without sockets. Called from the server's thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/reply.h"

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
  std::unique_ptr<ServedReply> reply;  // then there is no body yet
};

class HttpService {
 public:
  virtual ~HttpService() = default;

  // What can be said before the body is read; nothing: go on.
  virtual std::unique_ptr<ApiAnswer> check_head(const ApiRequest& request) const = 0;
  virtual ApiAnswer handle(const ApiRequest& request) = 0;
  // From now on nothing new is begun.
  virtual void set_draining() = 0;
  // From now on these keys are good and no others.
  virtual void set_keys(const std::vector<std::string>& keys) = 0;
  // A reply has ended, one way or another.
  virtual void count(const ServedReply& reply) = 0;
};

}  // namespace hadal
