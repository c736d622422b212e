// HTTP/1.1 for an HttpService, through TLS or not: one thread of coroutines, a connection each. Limits on
// headers, bodies and time are here and in http_connection; what requests mean is not.
//
// A client that goes away cancels its reply; one that reads slowly makes its own generation wait, and is
// dropped when it takes nothing for a while. Where there are too many connections, a new one takes the place
// of the oldest that has asked for nothing yet: who only holds connections open keeps nobody out. SIGTERM and
// SIGINT drain: nothing new is taken, what runs may end; the second one is for now.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "engine/generator.h"
#include "server/service.h"

namespace hadal {

// How long a client may take.
struct HttpTimes {
  std::chrono::milliseconds header{10'000};      // for all of a request's head; for the beginning of TLS
  std::chrono::milliseconds idle{60'000};        // between requests
  std::chrono::milliseconds body{60'000};        // for all of a body; a long one has more
  std::chrono::milliseconds write{30'000};       // to take something of what is sent
  std::chrono::milliseconds keep_alive{15'000};  // after which a stream without news sends a comment
};

struct HttpOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;  // 0: any that is free
  std::chrono::seconds drain{30};
  size_t max_connections = 16384;    // fewer where the system allows less
  std::string tls_certificate = {};  // files (server/tls.h); empty: without TLS
  std::string tls_key = {};
  HttpTimes times = {};
};

class HttpServer {
 public:
  // Binds. Error(kIo) when it cannot, and what open_tls() throws.
  explicit HttpServer(HttpOptions options);
  ~HttpServer();

  uint16_t port() const;
  // Serves until a signal, stop() or abort(), and returns when all has ended. `service` answers until
  // serve_with() says otherwise. `on_hangup` is called for SIGHUP, in this thread.
  void run(HttpService& service, const std::function<void(HttpService&)>& on_hangup);
  // From any thread: from now on `service`, which asks `generator`. Both, and the first one, must outlive the
  // server.
  void serve_with(HttpService& service, Generator& generator);
  // Reads certificate and key again, for connections to come. In the server's thread (on_hangup). Throws as
  // open_tls(), and then all stays as it was.
  void reload_tls();
  // As SIGTERM; from any thread.
  void stop();
  // Drops everything; from any thread.
  void abort();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
