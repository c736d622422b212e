// hadal serve: the server.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "choice.h"
#include "commands.h"
#include "server/api.h"
#include "server/http_server.h"
#include "server/scripted_generator.h"
#include "text/python_source.h"

namespace hadal {
namespace {

struct Options {
  std::string model;
  std::string scripted;
  std::string family = "v4-0731";
  std::string literals;
  Dialect dialect = Dialect::kDefault;
  std::vector<std::string> aliases;
  std::vector<std::string> keys;
  std::string key_file;
  std::vector<std::string> hosts;
  bool without_keys = false;
  int64_t context = 1048576;
  int64_t drain_seconds = 30;
  HttpOptions http;
};

constexpr uint64_t kMaxKeyFileBytes = 1 << 20;

bool is_loopback(const std::string& address) { return address == "::1" || address.starts_with("127."); }

// A key a line.
std::vector<std::string> read_keys(const Options& options) {
  std::vector<std::string> keys = options.keys;
  if (options.key_file.empty()) return keys;
  const std::string content = read_file(options.key_file, kMaxKeyFileBytes);
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find_first_of("\r\n", begin), content.size());
    if (end > begin) keys.push_back(content.substr(begin, end - begin));
    begin = end + 1;
  }
  return keys;
}

ChatLiterals read_literals(const Options& options) {
  if (options.family != "v4" && options.family != "v4-0731")
    fail(ErrorCode::kUsage, "--family {}: this format is not supported yet; v4 and v4-0731 are",
         options.family);
  const ChatDialect wanted = options.family == "v4" ? ChatDialect::kV4Preview : ChatDialect::kV40731;
  if (options.literals.empty()) return own_chat_literals(wanted);
  ChatLiterals literals = load_chat_literals(options.literals);
  if (literals.dialect != wanted)
    fail(ErrorCode::kUsage, "--literals {} is not of --family {}", options.literals, options.family);
  return literals;
}

// Texts that the published API layer adds; a file of literals may have them.
void read_api_texts(const Options& options, RequestPolicy& policy) {
  policy.json_object_text = "## Answer format\n\nThe answer is one JSON object and nothing else.";
  if (options.literals.empty() || is_directory(options.literals)) return;
  const std::string source = read_file(options.literals, kMaxPythonSourceBytes);
  for (const PythonAssignment& assignment : read_python_assignments(source, options.literals)) {
    if (assignment.kind != PythonAssignment::Kind::kString) continue;
    if (assignment.name == "JSON_OBJECT_TEMPLATE") policy.json_object_text = assignment.string;
    if (assignment.name == "APPLY_PATCH_TEMPLATE") policy.apply_patch_text = assignment.string;
  }
}

RequestPolicy policy_of(const Options& options, const ChatLiterals& literals) {
  RequestPolicy policy;
  policy.format = literals.dialect;
  policy.dialect = options.dialect;
  if (policy.is_deepseek()) policy.model_names = {"DeepSeek-V4-Pro"};
  policy.model_names.insert(policy.model_names.end(), options.aliases.begin(), options.aliases.end());
  read_api_texts(options, policy);
  return policy;
}

// Tells a supervisor that waits for it (systemd's Type=notify) that requests are taken now.
void tell_supervisor() {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || std::strlen(path) < 2) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof(address.sun_path)) return;
  std::strcpy(address.sun_path, path);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return;
  constexpr std::string_view kReady = "READY=1";
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  sendto(socket_fd, kReady.data(), kReady.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size);
  close(socket_fd);
}

void serve(const Options& options) {
  if (options.scripted.empty())
    fail(ErrorCode::kUsage, "hadal serve runs with --scripted only, so far; give a file of answers");
  const std::vector<std::string> keys = read_keys(options);
  if (keys.empty() && !is_loopback(options.http.address) && !options.without_keys)
    fail(ErrorCode::kUsage,
         "--host {} opens the server to the network: give --api-key or --api-key-file, or --insecure-no-auth "
         "to "
         "let anybody in",
         options.http.address);
  const Tokenizer tokenizer =
      Tokenizer::from_file(is_directory(options.model) ? options.model + "/tokenizer.json" : options.model);
  const ChatLiterals literals = read_literals(options);
  const std::unique_ptr<Generator> generator =
      make_scripted_generator(options.scripted, tokenizer, options.context);
  ApiConfig config;
  config.model_id = options.dialect == Dialect::kDeepSeek ? "DeepSeek-V4-Pro" : "hadal-scripted";
  config.policy = policy_of(options, literals);
  config.keys = keys;
  config.hosts = options.hosts;
  if (!is_loopback(options.http.address)) config.hosts.push_back(options.http.address);
  config.takes_case_headers = true;
  config.version = HADAL_VERSION;
  Api api(std::move(config), *generator, tokenizer, literals);
  HttpServer server(options.http, api, *generator);
  const std::string shown_host = options.http.address.find(':') == std::string::npos
                                     ? options.http.address
                                     : "[" + options.http.address + "]";
  const std::string url = fmt::format("http://{}:{}", shown_host, server.port());
  std::printf("%s\n", url.c_str());
  std::printf("curl %s/v1/chat/completions -H 'Content-Type: application/json'%s -d '%s'\n", url.c_str(),
              keys.empty() ? "" : " -H 'Authorization: Bearer KEY'",
              R"({"model": "hadal", "messages": [{"role": "user", "content": "Hello!"}]})");
  std::fflush(stdout);
  tell_supervisor();
  server.run();
}

}  // namespace

void add_serve(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      app.add_subcommand("serve", "serve the APIs of OpenAI, Anthropic and DeepSeek over HTTP");
  command->add_option("MODEL", options->model, "a tokenizer.json, or a folder that holds one")->required();
  command->add_option("--scripted", options->scripted,
                      "answer from this file instead of a model: lines of {\"text\", \"finish\", ...}");
  add_choice<std::string>(*command, "--family", options->family,
                          {{"v4", "v4"}, {"v4-0731", "v4-0731"}, {"v41", "v41"}, {"v32", "v32"}},
                          "the chat format (default: v4-0731)");
  command->add_option("--literals", options->literals,
                      "an encoding file (.py) or a model's folder with the texts of the chat format");
  add_choice<Dialect>(*command, "--dialect", options->dialect,
                      {{"default", Dialect::kDefault}, {"deepseek", Dialect::kDeepSeek}},
                      "how requests are read where DeepSeek's own service differs from the protocols");
  command->add_option("--alias", options->aliases, "a name that requests may give for the model");
  command->add_option("--host", options->http.address, "the address to listen on")->capture_default_str();
  command->add_option("--port", options->http.port, "the port to listen on; 0: any that is free")
      ->capture_default_str();
  command->add_option("--api-key", options->keys, "a key that requests must give; may come again")
      ->envname("HADAL_API_KEY");
  command->add_option("--api-key-file", options->key_file, "a file with a key a line");
  command->add_flag("--insecure-no-auth", options->without_keys, "listen on the network without keys");
  command->add_option("--allow-host", options->hosts,
                      "a host name under which the server may be called and whose pages may call it");
  command->add_option("--context", options->context, "the tokens of prompt and answer together")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 32))
      ->capture_default_str();
  command->add_option("--drain", options->drain_seconds, "seconds that answers under way have after SIGTERM")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  command->callback([options, &run] {
    run = [options] {
      options->http.drain = std::chrono::seconds(options->drain_seconds);
      serve(*options);
    };
  });
}

}  // namespace hadal
