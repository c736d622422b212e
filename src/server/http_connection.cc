#include "server/http_connection.h"

#include <fmt/format.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <utility>

#include "server/api.h"
#include "server/secrets.h"

namespace hadal {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr uint64_t kBodyBytesPerSecond = 64 << 10;  // a long body has more time
constexpr uint32_t kMaxHeaderBytes = 16 << 10;
constexpr size_t kMaxTargetBytes = 8 << 10;
constexpr size_t kMaxBufferBytes = 64 << 10;
constexpr size_t kMaxReadAhead = 32 << 10;

using Parser = http::request_parser<http::string_body>;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

int status_of(const error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == http::error::body_limit) return 413;
  return 400;
}

class Connection final : public HttpConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(asio::ip::tcp::socket socket, ClientStream::TlsContext tls, const Serving& serving,
             const HttpTimes& times)
      : stream_(std::move(socket), std::move(tls)),
        wake_(stream_.get_executor()),
        serving_(serving),
        times_(times) {
    wake_.expires_at(asio::steady_timer::time_point::max());
  }

  Task<> serve() override {
    stream_.expires_after(times_.header);
    bool goes_on = co_await stream_.begin();
    bool is_first = true;
    while (goes_on) {
      goes_on = co_await one_request(is_first);
      is_first = false;
    }
    is_waiting_ = true;
    co_await stream_.end(std::chrono::seconds(1));
  }

  bool is_waiting() const override { return is_waiting_ && !is_dropped_; }

  void close_if_waiting() override {
    closing_ = true;
    if (is_waiting_) stream_.cancel();
  }

  void drop() override {
    is_dropped_ = true;
    stream_.close();
  }

 private:
  // False: the connection ends.
  Task<bool> one_request(bool is_first) {
    Parser parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(boost::none);
    is_waiting_ = true;
    if (!co_await await_request(is_first)) co_return false;
    stream_.expires_after(times_.header);
    auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, kAsTuple);
    is_waiting_ = false;
    if (error) {
      if (error != http::error::end_of_stream && error != asio::error::operation_aborted)
        co_await send_error("", status_of(error), "the request cannot be read: " + error.message());
      co_return false;
    }
    request_ = head_of(parser);
    keep_alive_ = parser.get().keep_alive() && !closing_;
    is_head_ = parser.get().method() == http::verb::head;
    if (const std::optional<ApiAnswer> refusal = check_head(parser)) {
      keep_alive_ = false;
      co_await send(*refusal);
      co_return false;
    }
    if (!co_await read_body(parser)) co_return false;
    request_.body = std::move(parser.get().body());
    ApiAnswer answer = serving_.service->handle(request_);
    request_.body = {};
    co_return co_await give(std::move(answer));
  }

  // The first byte of a request.
  Task<bool> await_request(bool is_first) {
    if (buffer_.size() > 0) co_return true;
    if (closing_) co_return false;
    stream_.expires_after(is_first ? times_.header : times_.idle);
    auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(4096), kAsTuple);
    if (error) co_return false;
    buffer_.commit(size);
    co_return true;
  }

  static ApiRequest head_of(const Parser& parser) {
    const auto& message = parser.get();
    ApiRequest request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    for (const auto& field : message)
      request.headers.emplace_back(lower(field.name_string()), std::string(field.value()));
    return request;
  }

  // What can be refused before the body is read.
  std::optional<ApiAnswer> check_head(const Parser& parser) const {
    const auto refuse_with = [this](int status, const char* message) {
      return Api::error_answer(request_.target.substr(0, 200), status, message);
    };
    if (request_.target.size() > kMaxTargetBytes) return refuse_with(414, "the path is too long");
    if (!request_.target.starts_with('/')) return refuse_with(400, "the target is no path");
    size_t hosts = 0;
    for (const auto& [name, value] : request_.headers) hosts += name == "host" ? 1 : 0;
    if (hosts > 1) return refuse_with(400, "the header Host comes twice");
    if (std::unique_ptr<ApiAnswer> refusal = serving_.service->check_head(request_))
      return std::move(*refusal);
    const uint64_t limit = Api::body_limit(request_.target);
    const auto length = parser.content_length();
    if (length && *length > limit) return refuse_with(413, "the body is too large");
    if (const std::string_view encoding = request_.header("content-encoding");
        !encoding.empty() && encoding != "identity")
      return refuse_with(415, "the body is encoded: send it as it is");
    const std::string_view expected = request_.header("expect");
    if (!expected.empty() && lower(expected) != "100-continue")
      return refuse_with(417, "the header Expect asks for what is unknown here");
    return std::nullopt;
  }

  Task<bool> read_body(Parser& parser) {
    using namespace asio::experimental::awaitable_operators;
    const uint64_t limit = Api::body_limit(request_.target);
    const auto length = parser.content_length();
    parser.body_limit(limit);
    if (!request_.header("expect").empty()) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      auto [error, size] = co_await http::async_write(stream_, go_on, kAsTuple);
      if (error) co_return false;
    }
    // A clock of its own: that of the stream would close it, and the client shall see why.
    stream_.expires_never();
    asio::steady_timer clock(stream_.get_executor());
    clock.expires_after(times_.body + std::chrono::seconds(length ? *length / kBodyBytesPerSecond : 0));
    const auto done =
        co_await (http::async_read(stream_, buffer_, parser, kAsTuple) || clock.async_wait(kAsTuple));
    if (done.index() == 1) {
      co_await send_error(request_.target, 408, "the body takes too long to come");
      co_return false;
    }
    const error_code error = std::get<0>(std::get<0>(done));
    if (!error) co_return true;
    co_await send_error(request_.target, status_of(error), "the body cannot be read: " + error.message());
    co_return false;
  }

  Task<bool> give(ApiAnswer answer) {
    if (!answer.reply) co_return co_await send(answer);
    using namespace asio::experimental::awaitable_operators;
    reply_ = std::move(answer.reply);
    listen();
    stream_.expires_never();
    // What comes first: the end of the answer, or that of the client.
    const auto result = co_await (follow(answer) || watch());
    reply_->on_ready({});
    serving_.service->count(*reply_);
    reply_.reset();
    co_return result.index() == 0 && std::get<0>(result);
  }

  // The reply's news come from the generator's thread.
  void listen() {
    const std::weak_ptr<Connection> weak = weak_from_this();
    const auto executor = stream_.get_executor();
    reply_->on_ready([weak, executor] {
      asio::post(executor, [weak] {
        const std::shared_ptr<Connection> self = weak.lock();
        if (!self) return;
        self->has_news_ = true;
        self->wake_.cancel();
      });
    });
  }

  // Waits until there may be more of the reply. False: nothing came for that time.
  Task<bool> await_news(std::chrono::milliseconds time) {
    if (!has_news_ && !reply_->has_more()) {
      wake_.expires_after(time);
      co_await wake_.async_wait(kAsTuple);
    }
    co_return std::exchange(has_news_, false) || reply_->has_more();
  }

  Task<bool> follow(ApiAnswer& answer) {
    if (reply_->streams()) co_return co_await follow_stream(answer);
    for (;;) {
      reply_->take();
      if (reply_->done()) break;
      co_await await_news(times_.keep_alive);
    }
    co_return co_await send_body(answer);
  }

  // Of a reply that is done and not streamed, or broke off before its first word.
  Task<bool> send_body(ApiAnswer& answer) {
    answer.status = reply_->status();
    answer.content_type = "application/json";
    answer.body = reply_->body();
    if (answer.status == 503) answer.headers.emplace_back("Retry-After", "1");
    co_return co_await send(answer);
  }

  Task<bool> follow_stream(ApiAnswer& answer) {
    std::string text = reply_->take();
    // An error before the first word can still be a status, but the client shall not wait long for one.
    while (!reply_->has_begun() && !reply_->done() && reply_->age_seconds() < 1) {
      co_await await_news(std::chrono::seconds(1));
      text += reply_->take();
    }
    if (reply_->done() && reply_->status() != 200) co_return co_await send_body(answer);
    http::response<http::empty_body> head = head_of_answer<http::empty_body>(answer);
    const bool is_chunked = head.version() == 11;
    if (is_chunked) {
      head.chunked(true);
    } else {
      keep_alive_ = false;
    }
    head.keep_alive(keep_alive_);
    http::response_serializer<http::empty_body> serializer(head);
    stream_.expires_after(times_.write);
    auto [error, size] = co_await http::async_write_header(stream_, serializer, kAsTuple);
    if (error || is_head_) co_return false;
    for (;;) {
      if (!text.empty() && !co_await write_piece(text, is_chunked)) co_return false;
      if (reply_->done()) break;
      text.clear();
      const bool has_news = co_await await_news(times_.keep_alive);
      text = reply_->take();
      if (!has_news && text.empty()) text = ": keep-alive\n\n";
    }
    if (is_chunked && !co_await write_bytes("0\r\n\r\n")) co_return false;
    co_return keep_alive_;
  }

  Task<bool> write_piece(const std::string& text, bool is_chunked) {
    if (!is_chunked) co_return co_await write_bytes(text);
    std::string chunk = fmt::format("{:x}\r\n", text.size());
    chunk += text;
    chunk += "\r\n";
    co_return co_await write_bytes(chunk);
  }

  Task<bool> write_bytes(const std::string& bytes) {
    stream_.expires_after(times_.write);
    auto [error, size] = co_await asio::async_write(stream_, asio::buffer(bytes), kAsTuple);
    stream_.expires_never();
    co_return !error;
  }

  // Returns when the client has gone. What it sends meanwhile is of its next request.
  Task<> watch() {
    while (buffer_.size() < kMaxReadAhead) {
      auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(4096), kAsTuple);
      buffer_.commit(size);
      if (error) co_return;
    }
    asio::steady_timer never(stream_.get_executor(), asio::steady_timer::time_point::max());
    co_await never.async_wait(kAsTuple);
  }

  template <typename Body>
  http::response<Body> head_of_answer(const ApiAnswer& answer) const {
    http::response<Body> response(static_cast<http::status>(answer.status), 11);
    response.set(http::field::server, "hadal");
    response.set(http::field::content_type, answer.content_type);
    response.set("x-request-id", "req_" + random_name(12));
    response.set("x-content-type-options", "nosniff");
    for (const auto& [name, value] : answer.headers) response.set(name, value);
    return response;
  }

  Task<bool> send(const ApiAnswer& answer) {
    http::response<http::string_body> response = head_of_answer<http::string_body>(answer);
    response.keep_alive(keep_alive_);
    response.body() = answer.body;
    response.prepare_payload();
    if (is_head_) response.body().clear();
    stream_.expires_after(times_.write);
    auto [error, size] = co_await http::async_write(stream_, response, kAsTuple);
    stream_.expires_never();
    co_return !error && keep_alive_;
  }

  Task<> send_error(std::string target, int status, std::string message) {
    keep_alive_ = false;
    const ApiAnswer answer = Api::error_answer(target, status, message);
    co_await send(answer);
  }

  ClientStream stream_;
  beast::flat_buffer buffer_{kMaxBufferBytes};
  asio::steady_timer wake_;
  const Serving& serving_;
  const HttpTimes& times_;
  ApiRequest request_;
  std::unique_ptr<ServedReply> reply_;
  bool keep_alive_ = false;
  bool is_head_ = false;
  bool has_news_ = false;
  bool is_waiting_ = true;
  bool is_dropped_ = false;
  bool closing_ = false;
};

}  // namespace

std::shared_ptr<HttpConnection> make_http_connection(asio::ip::tcp::socket socket,
                                                     ClientStream::TlsContext tls, const Serving& serving,
                                                     const HttpTimes& times) {
  return std::make_shared<Connection>(std::move(socket), std::move(tls), serving, times);
}

}  // namespace hadal
