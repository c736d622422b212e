#include "server/http_server.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <list>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "server/http_connection.h"
#include "server/tls.h"

namespace hadal {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kOtherFiles = 256;  // that the program may have open beside its connections

// As many files as the system lets this process have, and how many of them can be connections.
size_t connections_allowed(size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t needed = wanted + kOtherFiles;
  if (limit.rlim_cur < needed) {
    limit.rlim_cur = std::min<rlim_t>(needed, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  }
  const rlim_t others = std::min<rlim_t>(limit.rlim_cur / 2, kOtherFiles);
  return std::clamp<rlim_t>(limit.rlim_cur - others, 1, wanted);
}

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(HttpOptions options) : options_(std::move(options)), signals_(context_), acceptor_(context_) {
    error_code error;
    const asio::ip::address address = asio::ip::make_address(options_.address, error);
    if (error) fail(ErrorCode::kUsage, "--host {}: not an IP address", options_.address);
    const tcp::endpoint endpoint(address, options_.port);
    error = acceptor_.open(endpoint.protocol(), error);
    if (!error) error = acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) error = acceptor_.bind(endpoint, error);
    if (!error) error = acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error)
      fail(ErrorCode::kIo, "cannot listen on {} port {}: {}", options_.address, options_.port,
           error.message());
    port_ = acceptor_.local_endpoint().port();
    reload_tls();
    max_connections_ = connections_allowed(options_.max_connections);
  }

  uint16_t port() const { return port_; }

  void run(HttpService& service, const std::function<void(HttpService&)>& on_hangup) {
    if (serving_.service == nullptr) serving_.service = &service;
    on_hangup_ = on_hangup;
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) signals_.add(number);
    asio::co_spawn(context_, wait_for_signal(), asio::detached);
    asio::co_spawn(context_, accept(), asio::detached);
    context_.run();
    if (drainer_.joinable()) drainer_.join();
  }

  void serve_with(HttpService& service, Generator& generator) {
    asio::post(context_, [this, serving = Serving{&service, &generator}] {
      serving_ = serving;
      if (is_ending_) serving_.service->set_draining();
    });
  }

  void stop() {
    asio::post(context_, [this] { begin_to_end(); });
  }

  void abort() { context_.stop(); }

  void reload_tls() {
    if (!options_.tls_certificate.empty()) tls_ = open_tls(options_.tls_certificate, options_.tls_key);
  }

 private:
  Task<> wait_for_signal() {
    for (;;) {
      auto [error, number] = co_await signals_.async_wait(kAsTuple);
      if (error) co_return;
      if (number == SIGHUP) {
        on_hangup_(*serving_.service);
      } else {
        begin_to_end();
      }
    }
  }

  // The first time: no new connections, no new work; what runs has its time. The second time: now.
  void begin_to_end() {
    if (std::exchange(is_ending_, true)) {
      if (serving_.generator != nullptr) serving_.generator->stop();
      return;
    }
    log_info("stopping: {} connections", connections_.size());
    serving_.service->set_draining();
    error_code ignored;
    ignored = acceptor_.close(ignored);
    for (HttpConnection* const connection : connections_) connection->close_if_waiting();
    // Draining waits, so it has a thread of its own.
    drainer_ = std::thread([this, generator = serving_.generator] {
      if (generator != nullptr) generator->drain(options_.drain);
      if (generator != nullptr) generator->stop();
      asio::post(context_, [this] {
        drained_ = true;
        leave_when_done();
      });
    });
    leave_when_done();
  }

  void leave_when_done() {
    if (is_ending_ && drained_ && connections_.empty()) signals_.cancel();
  }

  Task<> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kAsTuple);
      if (is_ending_) co_return;
      if (error) {
        // Out of descriptors, most likely: it does not help to ask again at once.
        asio::steady_timer pause(context_, std::chrono::milliseconds(50));
        co_await pause.async_wait(kAsTuple);
        continue;
      }
      if (connections_.size() >= max_connections_ && !make_room()) continue;
      asio::co_spawn(context_, serve(make_http_connection(std::move(socket), tls_, serving_, options_.times)),
                     asio::detached);
    }
  }

  bool make_room() {
    const auto oldest =
        std::ranges::find_if(connections_, [](const HttpConnection* one) { return one->is_waiting(); });
    if (oldest == connections_.end()) return false;
    (*oldest)->drop();
    return true;
  }

  Task<> serve(std::shared_ptr<HttpConnection> connection) {
    const auto place = connections_.insert(connections_.end(), connection.get());
    try {
      co_await connection->serve();
    } catch (const std::exception& error) {
      log_warning("a connection ended: {}", error.what());
    }
    connections_.erase(place);
    connection.reset();
    leave_when_done();
  }

  HttpOptions options_;
  Serving serving_;
  std::function<void(HttpService&)> on_hangup_;
  asio::io_context context_{1};
  asio::signal_set signals_;
  tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  ClientStream::TlsContext tls_;
  size_t max_connections_ = 0;
  std::list<HttpConnection*> connections_;  // the oldest first
  bool is_ending_ = false;
  bool drained_ = false;
  std::thread drainer_;
};

HttpServer::HttpServer(HttpOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpServer::~HttpServer() = default;

uint16_t HttpServer::port() const { return impl_->port(); }
void HttpServer::run(HttpService& service, const std::function<void(HttpService&)>& on_hangup) {
  impl_->run(service, on_hangup);
}
void HttpServer::serve_with(HttpService& service, Generator& generator) {
  impl_->serve_with(service, generator);
}
void HttpServer::reload_tls() { impl_->reload_tls(); }
void HttpServer::stop() { impl_->stop(); }
void HttpServer::abort() { impl_->abort(); }

}  // namespace hadal
