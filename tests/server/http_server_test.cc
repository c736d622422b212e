// The server before there is a model: who is answered what, and what changes when the model is there.
#include "server/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>

#include "server/loading_service.h"

namespace hadal {
namespace {

// All that comes back for a request.
std::string ask(uint16_t port, const std::string& path, const std::string& headers = "") {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return "no socket";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return "refused";
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n";
  EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL), std::ssize(request));
  std::string answer;
  char piece[4096];
  for (ssize_t n = 0; (n = recv(fd, piece, sizeof piece, 0)) > 0;)
    answer.append(piece, static_cast<size_t>(n));
  close(fd);
  return answer;
}

struct EchoService final : HttpService {
  std::unique_ptr<ApiAnswer> check_head(const ApiRequest&) const override { return nullptr; }
  ApiAnswer handle(const ApiRequest& request) override {
    ApiAnswer answer;
    answer.body = request.target;
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

}  // namespace
}  // namespace hadal
