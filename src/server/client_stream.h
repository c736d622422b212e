// A client's connection as a stream of bytes, through TLS or not. For one thread; not more than one read and
// one write at a time.
//
// What waits for a read or a write is behind one type, so that the operations of HTTP are compiled once and
// not for both kinds of connection, nor those of TLS for each of HTTP's.
#pragma once

#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
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
  ClientStream(boost::asio::ip::tcp::socket socket, TlsContext tls);

  executor_type get_executor() { return tcp_.get_executor(); }
  // Times are for the operations that begin later.
  void expires_after(std::chrono::milliseconds time) { tcp_.expires_after(time); }
  void expires_never() { tcp_.expires_never(); }
  void cancel() { tcp_.cancel(); }
  void close() { tcp_.close(); }

  // Before anything else. False: the client speaks no TLS that is good enough, or went away.
  Task<bool> begin();
  // Says that nothing more will be sent, and reads away what still comes, so that the client gets to see the
  // answer. `time` is for each of both.
  Task<> end(std::chrono::milliseconds time);

  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    const boost::asio::mutable_buffer first = *boost::asio::buffer_sequence_begin(buffers);
    return boost::asio::async_initiate<Token, Signature>(
        [this, first](auto handler) { read(first, Handler(std::move(handler))); }, token);
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    WriteBuffers some;
    size_t count = 0;
    for (auto next = boost::asio::buffer_sequence_begin(buffers);
         count < some.size() && next != boost::asio::buffer_sequence_end(buffers); ++next)
      if (boost::asio::const_buffer(*next).size() > 0) some[count++] = *next;
    return boost::asio::async_initiate<Token, Signature>(
        [this, some](auto handler) { write(some, Handler(std::move(handler))); }, token);
  }

 private:
  using Signature = void(boost::system::error_code, size_t);
  using Handler = boost::asio::any_completion_handler<Signature>;
  using WriteBuffers =
      std::array<boost::asio::const_buffer, 8>;  // a head, a chunk's size, text; others are empty

  void read(boost::asio::mutable_buffer buffer, Handler handler);
  void write(const WriteBuffers& buffers, Handler handler);

  boost::beast::tcp_stream tcp_;
  TlsContext context_;
  std::optional<boost::beast::ssl_stream<boost::beast::tcp_stream&>> tls_;
};

}  // namespace hadal
