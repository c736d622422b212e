// A client's connection as a stream of bytes, through TLS or not. For one thread; not more than one read and
// one write at a time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace hadal {

template <typename T = void>
using Task = boost::asio::awaitable<T>;

// Results as values: a client that goes away is nothing exceptional.
constexpr auto kAsTuple = boost::asio::experimental::as_tuple(boost::asio::use_awaitable);

class ClientStream {
 public:
  using executor_type = boost::beast::tcp_stream::executor_type;
  using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

  // `tls` null: without.
  ClientStream(boost::asio::ip::tcp::socket socket, TlsContext tls)
      : tcp_(std::move(socket)), context_(std::move(tls)) {
    if (context_) tls_.emplace(tcp_, *context_);
  }

  executor_type get_executor() { return tcp_.get_executor(); }
  // Times are for the operations that begin later.
  void expires_after(std::chrono::milliseconds time) { tcp_.expires_after(time); }
  void expires_never() { tcp_.expires_never(); }
  void cancel() { tcp_.cancel(); }
  void close() { tcp_.close(); }

  // Before anything else. False: the client speaks no TLS that is good enough, or went away.
  Task<bool> begin() {
    boost::system::error_code error;
    error = tcp_.socket().set_option(boost::asio::ip::tcp::no_delay(true), error);
    if (!tls_) co_return true;
    auto [failed] = co_await tls_->async_handshake(boost::asio::ssl::stream_base::server, kAsTuple);
    co_return !failed;
  }

  // Says that nothing more will be sent, and reads away what still comes, so that the client gets to see the
  // answer. `time` is for each of both.
  Task<> end(std::chrono::milliseconds time) {
    boost::system::error_code error;
    if (tls_ && tcp_.socket().is_open()) {
      expires_after(time);
      co_await tls_->async_shutdown(kAsTuple);
    }
    if (!tcp_.socket().is_open()) co_return;
    error = tcp_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, error);
    const auto until = std::chrono::steady_clock::now() + time;
    char trash[4096];
    for (size_t total = 0; total < (size_t{1} << 20) && std::chrono::steady_clock::now() < until;) {
      tcp_.expires_at(until);
      auto [failed, size] = co_await tcp_.async_read_some(boost::asio::buffer(trash), kAsTuple);
      if (failed) break;
      total += size;
    }
    close();
  }

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    if (tls_) return tls_->async_read_some(buffers, std::forward<Token>(token));
    return tcp_.async_read_some(buffers, std::forward<Token>(token));
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    if (tls_) return tls_->async_write_some(buffers, std::forward<Token>(token));
    return tcp_.async_write_some(buffers, std::forward<Token>(token));
  }

 private:
  boost::beast::tcp_stream tcp_;
  TlsContext context_;
  std::optional<boost::beast::ssl_stream<boost::beast::tcp_stream&>> tls_;
};

}  // namespace hadal
