// The server before there is a model: who is answered what, and what changes when the model is there. And
// what becomes of clients that take their time, with less of it than there is in production.
#include "server/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/loading_service.h"

namespace hadal {
namespace {

class Client {
 public:
  explicit Client(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  bool say(const std::string& bytes) const {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == std::ssize(bytes);
  }
  // All that comes until the server closes.
  std::string rest() const {
    std::string answer;
    char piece[4096];
    for (ssize_t n = 0; (n = recv(fd_, piece, sizeof piece, 0)) > 0;)
      answer.append(piece, static_cast<size_t>(n));
    return answer;
  }

 private:
  int fd_;
  bool connected_ = false;
};

// All that comes back for a request.
std::string ask(uint16_t port, const std::string& path, const std::string& headers = "") {
  const Client client(port);
  if (!client.connected()) return "refused";
  EXPECT_TRUE(
      client.say("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n"));
  return client.rest();
}

struct EchoService final : HttpService {
  std::unique_ptr<ApiAnswer> check_head(const ApiRequest&) const override { return nullptr; }
  ApiAnswer handle(const ApiRequest& request) override {
    ApiAnswer answer;
    answer.body = request.target == "/large" ? std::string(size_t{64} << 20, 'x') : request.target;
    return answer;
  }
  void set_draining() override { is_draining = true; }
  void set_keys(const std::vector<std::string>& keys) override { keys_given = keys.size(); }
  void count(const ServedReply&) override {}

  std::atomic<bool> is_draining = false;
  std::atomic<size_t> keys_given = 0;
};

struct IdleGenerator final : Generator {
  int64_t vocab_size() const override { return 1; }
  int64_t max_context() const override { return 1; }
  Submission submit(GenerationRequest) override { return Refusal{}; }
  void prefill_in_background(std::vector<int32_t>, std::string) override {}
  GeneratorStats stats() const override { return {}; }
  bool drain(std::chrono::milliseconds) override { return true; }
  void stop() override {}
};

class HttpServerTest : public testing::Test {
 protected:
  ~HttpServerTest() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }
  void run(HttpService& service) {
    thread_ = std::thread([this, &service] {
      server_.run(service, [](HttpService& present) { present.set_keys({"a", "b"}); });
    });
  }

  std::atomic<double> progress_ = 0;
  LoadingService loading_{{"secret"}, {}, [this] { return progress_.load(); }};
  EchoService ready_;
  IdleGenerator generator_;
  HttpServer server_{HttpOptions{.port = 0}};
  std::thread thread_;
};

TEST_F(HttpServerTest, SaysHowFarTheModelIsLoaded) {
  run(loading_);
  progress_ = 0.25;
  for (const char* path : {"/health", "/ready"}) {
    const std::string answer = ask(server_.port(), path);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503")) << answer;
    EXPECT_NE(answer.find("\r\nRetry-After: 1\r\n"), std::string::npos) << answer;
    EXPECT_NE(answer.find("\"progress\": 0.25"), std::string::npos) << answer;
    EXPECT_NE(answer.find("25 %"), std::string::npos) << answer;
  }
  EXPECT_TRUE(ask(server_.port(), "/v1/models").starts_with("HTTP/1.1 401"));
  const std::string allowed = ask(server_.port(), "/v1/models", "Authorization: Bearer secret\r\n");
  EXPECT_TRUE(allowed.starts_with("HTTP/1.1 503")) << allowed;
}

TEST_F(HttpServerTest, ShowsPeopleAPageThatWaits) {
  run(loading_);
  progress_ = 0.5;
  const std::string page = ask(server_.port(), "/", "Accept: text/html,*/*\r\nAccept-Language: tr-TR\r\n");
  EXPECT_TRUE(page.starts_with("HTTP/1.1 503")) << page;
  EXPECT_NE(page.find("\r\nContent-Type: text/html"), std::string::npos) << page;
  for (const char* part : {"lang=\"tr\"", "value=\"50\"", "http-equiv=\"refresh\""})
    EXPECT_NE(page.find(part), std::string::npos) << page;
  const size_t nonce = page.find("nonce=\"") + 7;
  EXPECT_NE(page.find("style-src 'nonce-" + page.substr(nonce, page.find('"', nonce) - nonce) + "'"),
            std::string::npos)
      << page;
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_NE(ask(server_.port(), "/", "Accept-Language: de\r\n").find("application/json"), std::string::npos);
  EXPECT_NE(ask(server_.port(), "/health", "Accept: text/html\r\n").find("application/json"),
            std::string::npos);
}

TEST_F(HttpServerTest, ServesTheModelWhenItIsThere) {
  run(loading_);
  EXPECT_TRUE(ask(server_.port(), "/health").starts_with("HTTP/1.1 503"));
  server_.serve_with(ready_, generator_);
  EXPECT_TRUE(ask(server_.port(), "/health").starts_with("HTTP/1.1 200"));
  EXPECT_FALSE(ready_.is_draining);
  server_.stop();
  thread_.join();
  EXPECT_TRUE(ready_.is_draining);
  EXPECT_EQ(ask(server_.port(), "/health"), "refused");
}

TEST_F(HttpServerTest, EndsWhileTheModelIsLoaded) {
  run(loading_);
  EXPECT_TRUE(ask(server_.port(), "/health").starts_with("HTTP/1.1 503"));
  server_.stop();
  thread_.join();
}

TEST_F(HttpServerTest, DropsEverythingWhenTheModelCannotBeLoaded) {
  run(loading_);
  EXPECT_TRUE(ask(server_.port(), "/health").starts_with("HTTP/1.1 503"));
  server_.abort();
  thread_.join();
}

TEST_F(HttpServerTest, HangupReachesTheServiceThatAnswers) {
  run(loading_);
  server_.serve_with(ready_, generator_);
  ask(server_.port(), "/");
  ::kill(::getpid(), SIGHUP);
  for (int i = 0; i < 500 && ready_.keys_given == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(ready_.keys_given, 2u);
}

class Patience : public testing::Test {
 protected:
  static constexpr std::chrono::milliseconds kShort{300};

  explicit Patience(HttpTimes times = {kShort, kShort, kShort, kShort, kShort}, size_t connections = 100)
      : server_(HttpOptions{.port = 0, .max_connections = connections, .times = times}),
        thread_([this] { server_.run(service_, [](HttpService&) {}); }) {}
  ~Patience() override {
    server_.stop();
    thread_.join();
  }
  uint16_t port() const { return server_.port(); }

  EchoService service_;
  HttpServer server_;
  std::thread thread_;
};

TEST_F(Patience, ABodyThatDoesNotComeIsToldSo) {
  for (const std::string length : {"Content-Length: 100", "Transfer-Encoding: chunked"}) {
    const Client client(port());
    ASSERT_TRUE(client.say("POST /x HTTP/1.1\r\nHost: localhost\r\n" + length + "\r\n\r\n1"));
    const std::string answer = client.rest();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408")) << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << answer;
  }
}

TEST_F(Patience, ABodyThatComesByteByByteHasNoMoreTime) {
  const Client client(port());
  ASSERT_TRUE(client.say("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"));
  std::thread writer([&client] {
    for (int i = 0; i < 10 && client.say("x"); ++i) std::this_thread::sleep_for(kShort / 5);
  });
  EXPECT_TRUE(client.rest().starts_with("HTTP/1.1 408"));
  writer.join();
}

TEST_F(Patience, HeadsAndIdleConnectionsEnd) {
  for (const std::string begin : {"", "GET / HTTP/1.1\r\nHost: loc"}) {
    const Client client(port());
    ASSERT_TRUE(client.say(begin));
    EXPECT_EQ(client.rest(), "");
  }
  const Client client(port());
  ASSERT_TRUE(client.say("GET /one HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_NE(client.rest().find("/one"), std::string::npos);
}

TEST_F(Patience, WhoReadsNothingIsDropped) {
  const Client client(port());
  ASSERT_TRUE(client.say("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  std::this_thread::sleep_for(4 * kShort);
  EXPECT_LT(client.rest().size(), size_t{32} << 20);
}

struct FullHouse : Patience {
  FullHouse() : Patience(HttpTimes(), 16) {}
};

TEST_F(FullHouse, WhoHoldsConnectionsKeepsNobodyOut) {
  std::vector<std::unique_ptr<Client>> held;
  for (int i = 0; i < 200; ++i) {
    held.push_back(std::make_unique<Client>(port()));
    ASSERT_TRUE(held.back()->say("GET / HTTP/1.1\r\n"));
    if (i % 20 == 0) {
      EXPECT_NE(ask(port(), "/one").find("/one"), std::string::npos);
    }
  }
  // The oldest had to go, the newest may still go on.
  EXPECT_EQ(held.front()->rest(), "");
  ASSERT_TRUE(held.back()->say("Host: localhost\r\nConnection: close\r\n\r\n"));
  EXPECT_TRUE(held.back()->rest().starts_with("HTTP/1.1 200"));
}

}  // namespace
}  // namespace hadal
