#include "server/client_stream.h"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace hadal {

namespace asio = boost::asio;
using asio::ip::tcp;

ClientStream::ClientStream(tcp::socket socket, TlsContext tls)
    : tcp_(std::move(socket)), context_(std::move(tls)) {
  if (context_) tls_.emplace(tcp_, *context_);
}

Task<bool> ClientStream::begin() {
  boost::system::error_code error;
  error = tcp_.socket().set_option(tcp::no_delay(true), error);
  if (!tls_) co_return true;
  auto [failed] = co_await tls_->async_handshake(asio::ssl::stream_base::server, kAsTuple);
  co_return !failed;
}

Task<> ClientStream::end(std::chrono::milliseconds time) {
  boost::system::error_code error;
  if (tls_ && tcp_.socket().is_open()) {
    expires_after(time);
    co_await tls_->async_shutdown(kAsTuple);
  }
  if (!tcp_.socket().is_open()) co_return;
  error = tcp_.socket().shutdown(tcp::socket::shutdown_send, error);
  const auto until = std::chrono::steady_clock::now() + time;
  char trash[4096];
  for (size_t total = 0; total < (size_t{1} << 20) && std::chrono::steady_clock::now() < until;) {
    tcp_.expires_at(until);
    auto [failed, size] = co_await tcp_.async_read_some(asio::buffer(trash), kAsTuple);
    if (failed) break;
    total += size;
  }
  close();
}

// A handler of that kind knows its executor, but not well enough for Beast.
void ClientStream::read(asio::mutable_buffer buffer, Handler handler) {
  auto bound = asio::bind_executor(get_executor(), std::move(handler));
  if (tls_) return tls_->async_read_some(buffer, std::move(bound));
  tcp_.async_read_some(buffer, std::move(bound));
}

void ClientStream::write(const WriteBuffers& buffers, Handler handler) {
  auto bound = asio::bind_executor(get_executor(), std::move(handler));
  if (tls_) return tls_->async_write_some(buffers, std::move(bound));
  tcp_.async_write_some(buffers, std::move(bound));
}

}  // namespace hadal
