#include "server/http_server.h"

#include <fmt/format.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "server/api.h"
#include "server/secrets.h"

namespace hadal {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kHeaderTime{10};     // for all of a request's head
constexpr std::chrono::seconds kIdleTime{60};       // between requests
constexpr std::chrono::seconds kBodyTime{60};       // for all of a body, and
constexpr uint64_t kBodyBytesPerSecond = 64 << 10;  // more for a long one
constexpr std::chrono::seconds kWriteTime{30};
constexpr std::chrono::seconds kKeepAliveTime{15};
constexpr uint32_t kMaxHeaderBytes = 16 << 10;
constexpr size_t kMaxTargetBytes = 8 << 10;
constexpr size_t kMaxBufferBytes = 64 << 10;

// Results as values: a client that goes away is nothing exceptional.
constexpr auto kAsTuple = asio::experimental::as_tuple(asio::use_awaitable);

template <typename T = void>
using Task = asio::awaitable<T>;

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
  if (error == beast::error::timeout) return 408;
  return 400;
}

// Who answers, and who is to be drained.
struct Serving {
  HttpService* service = nullptr;
  Generator* generator = nullptr;
};

// A request and its connection.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const Serving& serving)
      : stream_(std::move(socket)), wake_(stream_.get_executor()), serving_(serving) {
    wake_.expires_at(asio::steady_timer::time_point::max());
  }

  Task<> serve() {
    error_code ignored;
    ignored = stream_.socket().set_option(tcp::no_delay(true), ignored);
    bool goes_on = true;
    bool is_first = true;
    while (goes_on) {
      goes_on = co_await one_request(is_first);
      is_first = false;
    }
    ignored = stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    co_await linger();
    stream_.close();
  }

  // Ends what waits for a next request.
  void close_if_idle() {
    closing_ = true;
    if (is_idle_) stream_.cancel();
  }

 private:
  // False: the connection ends.
  Task<bool> one_request(bool is_first) {
    Parser parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(boost::none);
    if (!co_await await_request(is_first)) co_return false;
    stream_.expires_after(kHeaderTime);
    auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, kAsTuple);
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
    is_idle_ = true;
    stream_.expires_after(is_first ? kHeaderTime : kIdleTime);
    auto [error, size] = co_await stream_.async_read_some(buffer_.prepare(4096), kAsTuple);
    is_idle_ = false;
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
    const uint64_t limit = Api::body_limit(request_.target);
    const auto length = parser.content_length();
    parser.body_limit(limit);
    if (!request_.header("expect").empty()) {
      http::response<http::empty_body> go_on(http::status::continue_, 11);
      auto [error, size] = co_await http::async_write(stream_, go_on, kAsTuple);
      if (error) co_return false;
    }
    stream_.expires_after(kBodyTime + std::chrono::seconds(length ? *length / kBodyBytesPerSecond : 0));
    auto [error, size] = co_await http::async_read(stream_, buffer_, parser, kAsTuple);
    if (!error) co_return true;
    co_await send_error(request_.target, status_of(error), "the body cannot be read: " + error.message());
    co_return false;
  }

  Task<bool> give(ApiAnswer answer) {
    if (!answer.reply) co_return co_await send(answer);
    using namespace asio::experimental::awaitable_operators;
    reply_ = std::move(answer.reply);
    listen();
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

  // Waits until there may be more of the reply. False: nothing came for a while.
  Task<bool> await_news() {
    if (!has_news_ && !reply_->has_more()) {
      wake_.expires_after(kKeepAliveTime);
      co_await wake_.async_wait(kAsTuple);
    }
    co_return std::exchange(has_news_, false) || reply_->has_more();
  }

  Task<bool> follow(ApiAnswer& answer) {
    if (reply_->streams()) co_return co_await follow_stream(answer);
    for (;;) {
      reply_->take();
      if (reply_->done()) break;
      co_await await_news();
    }
    answer.status = reply_->status();
    answer.body = reply_->body();
    co_return co_await send(answer);
  }

  Task<bool> follow_stream(ApiAnswer& answer) {
    std::string text = reply_->take();
    // An error before the first word can still be a status.
    while (!reply_->has_begun() && !reply_->done() && !started_waiting_long()) {
      co_await await_news();
      text += reply_->take();
    }
    if (reply_->done() && reply_->status() != 200) {
      answer.status = reply_->status();
      answer.content_type = "application/json";
      answer.body = reply_->body();
      co_return co_await send(answer);
    }
    http::response<http::empty_body> head = head_of_answer<http::empty_body>(answer);
    const bool is_chunked = head.version() == 11;
    if (is_chunked) {
      head.chunked(true);
    } else {
      keep_alive_ = false;
    }
    head.keep_alive(keep_alive_);
    http::response_serializer<http::empty_body> serializer(head);
    stream_.expires_after(kWriteTime);
    auto [error, size] = co_await http::async_write_header(stream_, serializer, kAsTuple);
    if (error || is_head_) co_return false;
    for (;;) {
      if (!text.empty() && !co_await write_piece(text, is_chunked)) co_return false;
      if (reply_->done()) break;
      text.clear();
      const bool has_news = co_await await_news();
      text = reply_->take();
      if (!has_news && text.empty()) text = ": keep-alive\n\n";
    }
    if (is_chunked && !co_await write_bytes("0\r\n\r\n")) co_return false;
    co_return keep_alive_;
  }

  // Whether the client shall see the head of the stream, though nothing has come of it.
  bool started_waiting_long() const { return reply_->age_seconds() > 1; }

  Task<bool> write_piece(const std::string& text, bool is_chunked) {
    if (!is_chunked) co_return co_await write_bytes(text);
    std::string chunk = fmt::format("{:x}\r\n", text.size());
    chunk += text;
    chunk += "\r\n";
    co_return co_await write_bytes(chunk);
  }

  Task<bool> write_bytes(const std::string& bytes) {
    stream_.expires_after(kWriteTime);
    auto [error, size] = co_await asio::async_write(stream_, asio::buffer(bytes), kAsTuple);
    stream_.expires_never();
    co_return !error;
  }

  // Returns when the client has gone.
  Task<> watch() {
    for (;;) {
      auto [error] = co_await stream_.socket().async_wait(tcp::socket::wait_read, kAsTuple);
      if (error) co_return;
      char byte = 0;
      error_code peek_error;
      const size_t size =
          stream_.socket().receive(asio::buffer(&byte, 1), tcp::socket::message_peek, peek_error);
      if (peek_error == asio::error::would_block || peek_error == asio::error::try_again) continue;
      if (peek_error || size == 0) co_return;
      // The next request already: this one's end is all there is to wait for.
      asio::steady_timer never(stream_.get_executor(), asio::steady_timer::time_point::max());
      co_await never.async_wait(kAsTuple);
      co_return;
    }
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
    stream_.expires_after(kWriteTime);
    auto [error, size] = co_await http::async_write(stream_, response, kAsTuple);
    stream_.expires_never();
    co_return !error && keep_alive_;
  }

  Task<> send_error(std::string target, int status, std::string message) {
    keep_alive_ = false;
    const ApiAnswer answer = Api::error_answer(target, status, message);
    co_await send(answer);
  }

  // Reads away what the client still sends, so that it gets to see the answer.
  Task<> linger() {
    const auto until = Clock::now() + std::chrono::seconds(1);
    size_t total = 0;
    while (total < (size_t{1} << 20) && Clock::now() < until) {
      stream_.expires_at(until);
      auto [error, size] = co_await stream_.async_read_some(asio::buffer(trash_), kAsTuple);
      if (error) co_return;
      total += size;
    }
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{kMaxBufferBytes};
  asio::steady_timer wake_;
  const Serving& serving_;
  ApiRequest request_;
  std::unique_ptr<ServedReply> reply_;
  bool keep_alive_ = false;
  bool is_head_ = false;
  bool has_news_ = false;
  bool is_idle_ = false;
  bool closing_ = false;
  std::array<char, 4096> trash_{};
};

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
    log_info("stopping: {} connections", open_);
    serving_.service->set_draining();
    error_code ignored;
    ignored = acceptor_.close(ignored);
    for (const std::weak_ptr<Connection>& weak : connections_)
      if (const std::shared_ptr<Connection> connection = weak.lock()) connection->close_if_idle();
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
    if (is_ending_ && drained_ && open_ == 0) signals_.cancel();
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
      if (open_ >= options_.max_connections) continue;
      auto connection = std::make_shared<Connection>(std::move(socket), serving_);
      std::erase_if(connections_, [](const auto& weak) { return weak.expired(); });
      connections_.push_back(connection);
      ++open_;
      asio::co_spawn(context_, serve(connection), asio::detached);
    }
  }

  Task<> serve(std::shared_ptr<Connection> connection) {
    try {
      co_await connection->serve();
    } catch (const std::exception& error) {
      log_warning("a connection ended: {}", error.what());
    }
    connection.reset();
    --open_;
    leave_when_done();
  }

  HttpOptions options_;
  Serving serving_;
  std::function<void(HttpService&)> on_hangup_;
  asio::io_context context_{1};
  asio::signal_set signals_;
  tcp::acceptor acceptor_;
  uint16_t port_ = 0;
  std::vector<std::weak_ptr<Connection>> connections_;
  size_t open_ = 0;
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
void HttpServer::stop() { impl_->stop(); }
void HttpServer::abort() { impl_->abort(); }

}  // namespace hadal
