// hadal serve: the server.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "choice.h"
#include "commands.h"
#include "model_options.h"
#include "serve_backend.h"
#include "serve_options.h"
#include "server/api.h"
#include "server/conversations.h"
#include "server/http_server.h"
#include "server/loading_service.h"
#include "supervisor.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxKeyFileBytes = 1 << 20;

// A key a line.
std::vector<std::string> read_keys(const ServeOptions& options) {
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

// Where the page's conversations are kept; empty: nowhere.
std::string chats_path(const ServeOptions& options) {
  if (options.without_chats) return "";
  if (!options.chats.empty()) return options.chats;
  const char* const data = std::getenv("XDG_DATA_HOME");
  const char* const home = std::getenv("HOME");
  if (!options.scripted.empty() || (data == nullptr && home == nullptr)) return "";
  const std::filesystem::path folder =
      (data != nullptr ? std::filesystem::path(data) : std::filesystem::path(home) / ".local/share") /
      "hadal";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return (folder / "chats.db").string();
  log_warning("{}: {}; conversations of the web page are not kept", folder.string(), error.message());
  return "";
}

std::string url_of(const ServeOptions& options, uint16_t port) {
  const std::string& address = options.http.address;
  const bool is_v6 = address.find(':') != std::string::npos;
  return fmt::format("{}://{}:{}", options.http.tls_certificate.empty() ? "http" : "https",
                     is_v6 ? "[" + address + "]" : address, port);
}

void print_greeting(const ServeOptions& options, uint16_t port, bool has_keys) {
  const std::string url = url_of(options, port);
  std::printf("%s\n", url.c_str());
  std::printf("curl %s/v1/chat/completions -H 'Content-Type: application/json'%s -d '%s'\n", url.c_str(),
              has_keys ? " -H 'Authorization: Bearer KEY'" : "",
              R"({"model": "hadal", "messages": [{"role": "user", "content": "Hello!"}]})");
  std::fflush(stdout);
}

// What a server that is ready has.
struct Served {
  std::unique_ptr<Backend> backend;
  std::unique_ptr<ConversationStore> chats;
  std::unique_ptr<Api> api;
};

void open_served(const ServeOptions& options, const std::vector<std::string>& keys, LoadProgress& progress,
                 Served& served) {
  served.backend = open_backend(options, progress);
  ApiConfig config = api_config(options, *served.backend, keys);
  if (const std::string path = chats_path(options); !path.empty())
    served.chats = std::make_unique<ConversationStore>(path);
  config.conversations = served.chats.get();
  served.api = std::make_unique<Api>(std::move(config), *served.backend->generator, served.backend->tokenizer,
                                     served.backend->literals);
}

// Keys that cannot be read, or that are gone, do not open the server to everybody.
void reload_keys(const ServeOptions& options, HttpService& service) {
  if (options.key_file.empty()) return;
  try {
    const std::vector<std::string> keys = read_keys(options);
    if (keys.empty()) fail(ErrorCode::kUsage, "{}: there are no keys in it", options.key_file);
    service.set_keys(keys);
    log_info("{}: {} keys are good now", options.key_file, keys.size());
  } catch (const Error& error) {
    log_warning("the keys stay as they were: {}", error.what());
  }
}

void reload_tls(HttpServer& server) {
  try {
    server.reload_tls();
  } catch (const Error& error) {
    log_warning("the certificate stays as it was: {}", error.what());
  }
}

void serve(const ServeOptions& options) {
  const std::vector<std::string> keys = read_keys(options);
  if (keys.empty() && !is_loopback(options.http.address) && !options.without_keys)
    fail(ErrorCode::kUsage,
         "--host {} opens the server to the network: give --api-key or --api-key-file, or --insecure-no-auth "
         "to "
         "let anybody in",
         options.http.address);
  if (options.http.tls_certificate.empty() != options.http.tls_key.empty())
    fail(ErrorCode::kUsage,
         "--tls-cert and --tls-key go together: a certificate is of no use without its key");
  if (!options.cache_dir.empty() && (options.cache_mib == 0 || !options.scripted.empty()))
    fail(ErrorCode::kUsage, "--cache-dir keeps what is in the cache in memory, and there is none with {}",
         options.scripted.empty() ? "--cache 0" : "--scripted");
  LoadProgress progress;
  Served served;  // outlives the server
  LoadingService loading(keys, known_hosts(options), [&progress] { return progress.part(); });
  HttpServer server(options.http);
  log_info("listening on {}; the model is being loaded", url_of(options, server.port()));
  std::exception_ptr failure;
  std::thread loader([&] {
    try {
      open_served(options, keys, progress, served);
      server.serve_with(*served.api, *served.backend->generator);
      print_greeting(options, server.port(), !keys.empty());
      tell_supervisor("READY=1");
    } catch (...) {
      failure = std::current_exception();
      server.abort();
    }
  });
  server.run(loading, [&options, &server](HttpService& service) {
    reload_keys(options, service);
    reload_tls(server);
  });
  tell_supervisor("STOPPING=1");
  progress.stop();
  loader.join();
  if (failure && !progress.has_stopped()) std::rethrow_exception(failure);
}

}  // namespace

void add_serve(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<ServeOptions>();
  CLI::App* const command =
      app.add_subcommand("serve", "serve the APIs of OpenAI, Anthropic and DeepSeek over HTTP");
  add_model_options(*command, options->model);
  add_adapter_option(*command, options->model);
  command->add_option("--scripted", options->scripted,
                      "answer from this file instead of a model: lines of {\"text\", \"finish\", ...}");
  add_choice<std::string>(*command, "--family", options->family,
                          {{"v4", "v4"}, {"v4-0731", "v4-0731"}, {"v41", "v41"}, {"v32", "v32"}},
                          "the chat format (default: the literals' own, v4-0731 without)");
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
  command->add_option("--api-key-file", options->key_file, "a file with a key a line; SIGHUP reads it again");
  command->add_flag("--insecure-no-auth", options->without_keys, "listen on the network without keys");
  command->add_option(
      "--tls-cert", options->http.tls_certificate,
      "a file with the server's certificate (PEM, with those that it rests on): speak HTTPS; SIGHUP reads "
      "it again");
  command->add_option("--tls-key", options->http.tls_key,
                      "the certificate's key (PEM, without a passphrase)");
  command->add_option("--allow-host", options->hosts,
                      "a host name under which the server may be called and whose pages may call it");
  command
      ->add_option("--deadline", options->deadline_seconds,
                   "seconds that a request may take, its wait in the queue included; 0: any number")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  command
      ->add_option("--max-queue-time", options->queue_seconds,
                   "seconds that a request may wait for its turn before it is refused (503); 0: any number")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  command->add_option("--ctx", options->model.ctx, "room for this many tokens in each conversation")
      ->check(CLI::Range(int64_t{1}, kMaxTokens));
  command->add_option("--slots", options->slots, "conversations that are answered at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--cache", options->cache_mib, "MiB of memory for prompts that come again")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30))
      ->capture_default_str();
  command->add_option("--cache-dir", options->cache_dir,
                      "a folder that keeps prompts over restarts; it holds what was said (default: none)");
  command->add_option("--disk-cache", options->disk_cache_mib, "MiB that --cache-dir may take for a model")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30))
      ->capture_default_str();
  command
      ->add_option("--disk-writes", options->disk_writes_mib,
                   "MiB that may be written to --cache-dir in an hour; 0: any number")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30))
      ->capture_default_str();
  add_choice(*command, "--speculate", options->model.speculate,
             {{"auto", Speculation::kAuto}, {"on", Speculation::kOn}, {"off", Speculation::kOff}},
             "draft tokens with the model's drafter (MTP, DSpark): auto (default), on or off; the tokens are "
             "the same");
  command->add_option("--chats", options->chats,
                      "the file that keeps the web page's conversations (default: hadal/chats.db in "
                      "$XDG_DATA_HOME, with a script none)");
  command->add_flag("--no-chats", options->without_chats, "keep no conversations of the web page");
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
