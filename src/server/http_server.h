// HTTP/1.1 for an HttpService: one thread of coroutines, a connection each. Limits on headers, bodies and
// time are here; what requests mean is not.
//
// A client that goes away cancels its reply; one that reads slowly makes its own generation wait, and is
// dropped when it takes nothing for kWriteSeconds. SIGTERM and SIGINT drain: nothing new is taken, what runs
// may end; the second one is for now.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/generator.h"
#include "server/service.h"

namespace hadal {

struct HttpOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;  // 0: any that is free
  std::chrono::seconds drain{30};
  size_t max_connections = 4096;
};

class HttpServer {
 public:
  // Binds. Error(kIo) when it cannot.
  explicit HttpServer(HttpOptions options);
  ~HttpServer();

  uint16_t port() const;
  // Serves until a signal, stop() or abort(), and returns when all has ended. `service` answers until
  // serve_with() says otherwise. `on_hangup` is called for SIGHUP, in this thread.
  void run(HttpService& service, const std::function<void(HttpService&)>& on_hangup);
  // From any thread: from now on `service`, which asks `generator`. Both, and the first one, must outlive the
  // server.
  void serve_with(HttpService& service, Generator& generator);
  // As SIGTERM; from any thread.
  void stop();
  // Drops everything; from any thread.
  void abort();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
