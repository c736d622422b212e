// HTTP/1.1 for an Api: one thread of coroutines, a connection each. Limits on headers, bodies and time are
// here; what requests mean is not.
//
// A client that goes away cancels its reply; one that reads slowly makes its own generation wait, and is
// dropped when it takes nothing for kWriteSeconds. SIGTERM and SIGINT drain: nothing new is taken, what runs
// may end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "engine/generator.h"
#include "server/api.h"

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
  HttpServer(HttpOptions options, Api& api, Generator& generator);
  ~HttpServer();

  uint16_t port() const;
  // Serves until a signal, or stop(), and returns when all has ended.
  void run();
  // As SIGTERM; from any thread.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
