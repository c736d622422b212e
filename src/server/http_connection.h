// A client's connection: its requests one after the other, each with its limits, answered by a service.
#pragma once

#include <chrono>
#include <memory>

#include "server/client_stream.h"
#include "server/http_server.h"

namespace hadal {

// Who answers, and who is to be drained.
struct Serving {
  HttpService* service = nullptr;
  Generator* generator = nullptr;
};

class HttpConnection {
 public:
  virtual ~HttpConnection() = default;

  // Returns when the connection has ended.
  virtual Task<> serve() = 0;
  // Nothing of a request's meaning has come yet: it may be closed without loss.
  virtual bool is_waiting() const = 0;
  // Ends what waits; what is being answered ends with its answer.
  virtual void close_if_waiting() = 0;
  // Ends it now.
  virtual void drop() = 0;
};

// `serving` and `times` must outlive it.
std::shared_ptr<HttpConnection> make_http_connection(boost::asio::ip::tcp::socket socket,
                                                     ClientStream::TlsContext tls, const Serving& serving,
                                                     const HttpTimes& times);

}  // namespace hadal
