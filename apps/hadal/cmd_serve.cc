// hadal serve: the server.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "choice.h"
#include "commands.h"
#include "engine/engine.h"
#include "engine/model_batch.h"
#include "formats/checkpoint.h"
#include "model_options.h"
#include "server/api.h"
#include "server/http_server.h"
#include "server/scripted_generator.h"
#include "text/control_tokens.h"
#include "text/python_source.h"
#include "tools/loaded_model.h"
#include "tools/plan.h"
#include "tools/readable.h"
#include "tools/tokenize.h"

namespace hadal {
namespace {

constexpr int64_t kDefaultContext = 32768;
constexpr int64_t kScriptedContext = 1048576;

struct Options {
  ModelOptions model;
  int64_t slots = 4;
  int64_t cache_mib = 1024;
  std::string scripted;
  std::string family;
  std::string literals;
  Dialect dialect = Dialect::kDefault;
  std::vector<std::string> aliases;
  std::vector<std::string> keys;
  std::string key_file;
  std::vector<std::string> hosts;
  std::string chats;
  bool without_chats = false;
  bool without_keys = false;
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

// The texts of the chat format: those that were given, the model's own, or hadal's.
ChatLiterals read_literals(const Options& options) {
  if (options.family == "v41" || options.family == "v32")
    fail(ErrorCode::kUsage, "--family {}: this format is not supported yet; v4 and v4-0731 are",
         options.family);
  const ChatDialect wanted = options.family == "v4" ? ChatDialect::kV4Preview : ChatDialect::kV40731;
  if (options.literals.empty() && !options.scripted.empty()) return own_chat_literals(wanted);
  const std::string& path = options.literals.empty() ? options.model.dir : options.literals;
  ChatLiterals literals = load_chat_literals(path);
  if (!options.family.empty() && literals.dialect != wanted)
    fail(ErrorCode::kUsage, "{} has the texts of another format than --family {}", path, options.family);
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
  const char* const variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = variable == nullptr ? "" : variable;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof(address.sun_path)) return;
  std::copy(path.begin(), path.end(), address.sun_path);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket_fd < 0) return;
  constexpr std::string_view kReady = "READY=1";
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  sendto(socket_fd, kReady.data(), kReady.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address), size);
  close(socket_fd);
}

// A generator and what it needs.
struct Backend {
  Tokenizer tokenizer;
  ChatLiterals literals;
  std::unique_ptr<LoadedModel> loaded;
  std::unique_ptr<Generator> generator;
  std::string name;
};

Backend open_script(const Options& options) {
  const std::string& path = options.model.dir;
  Backend backend{Tokenizer::from_file(is_directory(path) ? path + "/tokenizer.json" : path),
                  read_literals(options), nullptr, nullptr, "hadal-scripted"};
  return backend;
}

void require_room(const Checkpoint& checkpoint, const Options& options, const BatchOptions& batch) {
  // One sequence is part of the common plan; the others and the cache come on top.
  MemoryPlan plan = plan_memory(checkpoint, options.model, batch.max_tokens, 0);
  plan.scratch += (batch.slots - 1) * plan.state.total() + (options.cache_mib << 20);
  log_info(
      "memory: {} for the weights, {} for {} conversations of {} tokens, {} MiB for the cache of prompts",
      readable_bytes(plan.weights), readable_bytes(batch.slots * plan.state.total()), batch.slots,
      batch.max_tokens, options.cache_mib);
  require_fits(plan);
}

Backend open_model_backend(const Options& options) {
  const Checkpoint checkpoint = Checkpoint::open(options.model.dir, LoadMode::kMmap);
  const ModelConfig& config = checkpoint.config();
  BatchOptions batch;
  batch.slots = options.slots;
  batch.max_tokens = options.model.ctx > 0
                         ? options.model.ctx
                         : std::min(kDefaultContext, std::max<int64_t>(config.max_position_embeddings, 1));
  batch.max_rows = std::min(options.model.chunk, batch.max_tokens);
  batch.drafts = options.model.speculate != Speculation::kOff;
  require_room(checkpoint, options, batch);
  Backend backend{load_tokenizer(options.model.dir), read_literals(options), nullptr, nullptr,
                  std::filesystem::path(options.model.dir).lexically_normal().filename().string()};
  check_belongs(backend.tokenizer, config);
  backend.loaded = std::make_unique<LoadedModel>(load_model(options.model));
  EngineOptions engine;
  engine.prefix_cache_bytes = options.cache_mib << 20;
  engine.speculation = options.model.speculate;
  backend.generator = std::make_unique<Engine>(
      std::make_unique<ModelBatch>(backend.loaded->model, *backend.loaded->ops, batch), engine);
  return backend;
}

ApiConfig config_of(const Options& options, const Backend& backend, std::vector<std::string> keys) {
  ApiConfig config;
  config.model_id = options.dialect == Dialect::kDeepSeek ? "DeepSeek-V4-Pro" : backend.name;
  config.policy = policy_of(options, backend.literals);
  config.keys = std::move(keys);
  config.hosts = options.hosts;
  if (!is_loopback(options.http.address)) config.hosts.push_back(options.http.address);
  config.takes_case_headers = !options.scripted.empty();
  config.version = HADAL_VERSION;
  if (!options.scripted.empty()) return config;
  const GenerationConfig generation = Checkpoint::open(options.model.dir, LoadMode::kMmap).generation();
  config.policy.default_temperature = generation.do_sample ? generation.temperature : 0;
  config.policy.default_top_p = generation.top_p;
  config.policy.default_top_k = static_cast<uint64_t>(generation.top_k);
  std::vector<int32_t> stop;
  if (const std::optional<int32_t> eos = backend.tokenizer.find_added(kEosToken)) stop = {*eos};
  config.vocabulary = GrammarVocabulary::from_tokenizer(backend.tokenizer, stop,
                                                        static_cast<size_t>(backend.generator->vocab_size()));
  return config;
}

// Where the page's conversations are kept; empty: nowhere.
std::string chats_path(const Options& options) {
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

void print_greeting(const Options& options, uint16_t port, bool has_keys) {
  const std::string& address = options.http.address;
  const bool is_v6 = address.find(':') != std::string::npos;
  const std::string url = fmt::format("http://{}:{}", is_v6 ? "[" + address + "]" : address, port);
  std::printf("%s\n", url.c_str());
  std::printf("curl %s/v1/chat/completions -H 'Content-Type: application/json'%s -d '%s'\n", url.c_str(),
              has_keys ? " -H 'Authorization: Bearer KEY'" : "",
              R"({"model": "hadal", "messages": [{"role": "user", "content": "Hello!"}]})");
  std::fflush(stdout);
}

void serve(const Options& options) {
  const std::vector<std::string> keys = read_keys(options);
  if (keys.empty() && !is_loopback(options.http.address) && !options.without_keys)
    fail(ErrorCode::kUsage,
         "--host {} opens the server to the network: give --api-key or --api-key-file, or --insecure-no-auth "
         "to "
         "let anybody in",
         options.http.address);
  Backend backend = options.scripted.empty() ? open_model_backend(options) : open_script(options);
  if (!backend.generator)
    backend.generator = make_scripted_generator(options.scripted, backend.tokenizer,
                                                options.model.ctx > 0 ? options.model.ctx : kScriptedContext);
  ApiConfig config = config_of(options, backend, keys);
  std::unique_ptr<ConversationStore> chats;
  if (const std::string path = chats_path(options); !path.empty())
    chats = std::make_unique<ConversationStore>(path);
  config.conversations = chats.get();
  Api api(std::move(config), *backend.generator, backend.tokenizer, backend.literals);
  HttpServer server(options.http, api, *backend.generator);
  print_greeting(options, server.port(), !keys.empty());
  tell_supervisor();
  server.run();
}

}  // namespace

void add_serve(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<Options>();
  CLI::App* const command =
      app.add_subcommand("serve", "serve the APIs of OpenAI, Anthropic and DeepSeek over HTTP");
  add_model_options(*command, options->model);
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
  command->add_option("--api-key-file", options->key_file, "a file with a key a line");
  command->add_flag("--insecure-no-auth", options->without_keys, "listen on the network without keys");
  command->add_option("--allow-host", options->hosts,
                      "a host name under which the server may be called and whose pages may call it");
  command->add_option("--ctx", options->model.ctx, "room for this many tokens in each conversation")
      ->check(CLI::Range(int64_t{1}, kMaxTokens));
  command->add_option("--slots", options->slots, "conversations that are answered at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--cache", options->cache_mib, "MiB of memory for prompts that come again")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 30))
      ->capture_default_str();
  add_choice(*command, "--speculate", options->model.speculate,
             {{"auto", Speculation::kAuto}, {"on", Speculation::kOn}, {"off", Speculation::kOff}},
             "draft tokens with the model's MTP block: auto (default), on or off; the tokens are the same");
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
