#include "server/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <map>
#include <new>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/utf8.h"
#include "server/access.h"
#include "server/conversation_routes.h"
#include "server/generations.h"
#include "server/openapi.h"
#include "server/request_error.h"
#include "server/request_json.h"
#include "server/web_assets.h"
#include "text/control_tokens.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxBodyBytes = uint64_t{48} << 20;

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// The value of a name in the query; none of ours needs unescaping.
std::string_view query_value(std::string_view target, std::string_view name) {
  const size_t mark = target.find('?');
  std::string_view rest = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    if (pair.starts_with(name) && pair.size() > name.size() && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

Protocol protocol_of(std::string_view target) {
  return path_of(target).find("/messages") != std::string_view::npos ? Protocol::kMessages : Protocol::kChat;
}

ApiAnswer json_answer(const Json& body) {
  ApiAnswer answer;
  answer.body = dump_json(body);
  return answer;
}

void read_case_options(std::string_view text, RequestPolicy& policy) {
  const Json value = parse_request_json(text);
  const RequestObject options(value, "x-hadal-options");
  const auto rejects = [&](std::string_view key, bool& flag) {
    if (const std::string* const word = options.text(key)) flag = *word == "reject";
  };
  rejects("reasoning_content", policy.rejects_missing_reasoning);
  rejects("responses_web_search", policy.rejects_responses_web_search);
  rejects("messages_web_search", policy.rejects_messages_web_search);
  policy.thinks_by_default = options.flag("default_thinking_mode").value_or(policy.thinks_by_default);
  policy.max_tokens_thinking =
      options.count("thinking_max_tokens_upper_bound").value_or(policy.max_tokens_thinking);
  policy.max_tokens_plain =
      options.count("non_thinking_max_tokens_upper_bound").value_or(policy.max_tokens_plain);
  if (const std::optional<RequestObject> aliases = options.object("model_alias"))
    for (const JsonMember& alias : aliases->json().object()->members())
      policy.model_names.push_back(alias.key);
}

}  // namespace

std::string_view ApiRequest::header(std::string_view name) const {
  const auto found = std::ranges::find_if(headers, [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

class Api::Impl {
 public:
  Impl(ApiConfig config, Generator& generator, const Tokenizer& tokenizer, const ChatLiterals& literals)
      : config_(std::move(config)),
        access_(config_.keys, config_.hosts),
        generator_(generator),
        tokenizer_(tokenizer),
        page_routes_(config_.conversations == nullptr ? std::vector<PageRoute>()
                                                      : conversation_routes(*config_.conversations)),
        generations_(generator, tokenizer, literals, "fp_hadal_" + config_.version, config_.vocabulary) {}

  Access& access() { return access_; }
  std::atomic<bool> draining = false;

  ApiAnswer handle(const ApiRequest& request) {
    ApiAnswer answer;
    try {
      answer = route(request);
    } catch (const RequestError& error) {
      const Protocol protocol = protocol_of(request.target);
      answer.status = error.status();
      answer.body =
          dump_json(error_body(protocol, error.status(), error.what(), error.param(), error.kind()));
    } catch (const Error& error) {
      // What the layers below find wrong with a request is the client's to mend; all else is ours.
      const int status = error.code() == ErrorCode::kUsage ? 400 : 500;
      if (status == 500) log_warning("{} {}: {}", request.method, path_of(request.target), error.what());
      answer = Api::error_answer(request.target, status, error.what());
    } catch (const std::bad_alloc&) {
      answer = Api::error_answer(request.target, 503, "there is no memory for this request");
    }
    if (!answer.reply) ++answers_[answer.status];
    return answer;
  }

  void count(const ServedReply& reply) {
    ++answers_[reply.done() ? reply.status() : 499];
    const ReplyUsage usage = reply.usage();
    prompt_tokens_ += usage.prompt_tokens;
    cached_tokens_ += usage.cached_tokens;
    completion_tokens_ += usage.completion_tokens;
    seconds_ += reply.age_seconds();
  }

 private:
  struct Route {
    std::string_view method;
    std::string_view path;
    ApiAnswer (Impl::*answer)(const ApiRequest&);
  };

  static std::span<const Route> routes() {
    static constexpr Route kRoutes[] = {
        Route{"POST", "/v1/chat/completions", &Impl::chat},
        Route{"POST", "/chat/completions", &Impl::chat},
        Route{"POST", "/beta/chat/completions", &Impl::chat},
        Route{"POST", "/beta/v1/chat/completions", &Impl::chat},
        Route{"POST", "/v1/completions", &Impl::completions},
        Route{"POST", "/completions", &Impl::completions},
        Route{"POST", "/beta/completions", &Impl::completions},
        Route{"POST", "/beta/v1/completions", &Impl::completions},
        Route{"POST", "/v1/responses", &Impl::responses},
        Route{"POST", "/responses", &Impl::responses},
        Route{"POST", "/v1/messages", &Impl::messages},
        Route{"POST", "/anthropic/v1/messages", &Impl::messages},
        Route{"POST", "/anthropic/messages", &Impl::messages},
        Route{"POST", "/v1/messages/count_tokens", &Impl::count_tokens},
        Route{"POST", "/anthropic/v1/messages/count_tokens", &Impl::count_tokens},
        Route{"GET", "/v1/models", &Impl::models},
        Route{"GET", "/models", &Impl::models},
        Route{"GET", "/anthropic/v1/models", &Impl::models},
        Route{"POST", "/tokenize", &Impl::tokenize},
        Route{"POST", "/detokenize", &Impl::detokenize},
        Route{"POST", "/apply-template", &Impl::apply_template},
        Route{"GET", "/health", &Impl::health},
        Route{"GET", "/healthz", &Impl::health},
        Route{"GET", "/v1/health", &Impl::health},
        Route{"GET", "/ready", &Impl::ready},
        Route{"GET", "/metrics", &Impl::metrics},
        Route{"GET", "/props", &Impl::props},
        Route{"GET", "/openapi.json", &Impl::openapi},
    };
    return kRoutes;
  }

  ApiAnswer route(const ApiRequest& request) {
    std::string_view path = path_of(request.target);
    if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
    std::string allowed;
    for (const Route& route : routes()) {
      if (route.path != path) continue;
      if (route.method == method) return (this->*route.answer)(request);
      allowed = route.method;
    }
    for (const std::string_view models : {"/v1/models/", "/models/", "/anthropic/v1/models/"})
      if (path.starts_with(models) && method == "GET") return one_model(request, path.substr(models.size()));
    if (allowed.empty()) {
      if (std::optional<ApiAnswer> answer = page(request, method, path)) return *std::move(answer);
      throw RequestError(404, "there is nothing at this path");
    }
    ApiAnswer answer = Api::error_answer(request.target, 405, "this path takes another method: " + allowed);
    answer.headers.emplace_back("Allow", allowed);
    return answer;
  }

  // The web page and its conversations.
  std::optional<ApiAnswer> page(const ApiRequest& request, std::string_view method, std::string_view path) {
    ApiAnswer answer;
    if (const WebAsset* const asset = method == "GET" ? find_web_asset(path) : nullptr) {
      const WebAssetAnswer file =
          answer_web_asset(*asset, request.header("accept-encoding"), request.header("if-none-match"));
      answer.status = file.status;
      answer.content_type = std::string(asset->type);
      answer.body = std::string(file.body);
      for (const auto& [name, value] : file.headers) answer.headers.emplace_back(name, value);
      return answer;
    }
    const std::string name_space = access_.key_name(request);
    const size_t mark = request.target.find('?');
    PageRequest wish;
    wish.name_space = name_space;
    wish.query =
        mark == std::string::npos ? std::string_view() : std::string_view(request.target).substr(mark + 1);
    wish.body = request.body;
    const std::optional<PageAnswer> found = answer_page_route(page_routes_, method, path, wish);
    if (!found) return std::nullopt;
    answer.status = found->status;
    answer.content_type = found->content_type;
    answer.body = found->body;
    return answer;
  }

  RequestContext context_of(const ApiRequest& request) const {
    RequestContext context;
    context.policy = config_.policy;
    context.key_name = access_.key_name(request);
    const auto now = std::chrono::steady_clock::now();
    if (config_.deadline) context.deadline = now + *config_.deadline;
    if (config_.queue_deadline) context.queue_deadline = now + *config_.queue_deadline;
    if (!config_.takes_case_headers) return context;
    if (const std::string_view text = request.header("x-hadal-options"); !text.empty())
      read_case_options(text, context.policy);
    if (const std::string_view text = request.header("x-hadal-limits"); !text.empty()) {
      const Json value = parse_request_json(text);
      const RequestObject limits(value, "x-hadal-limits");
      context.context_limit = limits.count("context_limit");
      context.prompt_tokens = limits.count("prompt_tokens");
    }
    return context;
  }

  ApiAnswer generate(Protocol protocol, const ApiRequest& request) {
    if (draining) {
      ApiAnswer answer = Api::error_answer(request.target, 503, "the server is stopping");
      answer.headers.emplace_back("Retry-After", "5");
      return answer;
    }
    return generations_.begin(protocol, parse_request_json(request.body), context_of(request));
  }

  ApiAnswer chat(const ApiRequest& request) { return generate(Protocol::kChat, request); }
  ApiAnswer completions(const ApiRequest& request) { return generate(Protocol::kCompletions, request); }
  ApiAnswer responses(const ApiRequest& request) { return generate(Protocol::kResponses, request); }
  ApiAnswer messages(const ApiRequest& request) { return generate(Protocol::kMessages, request); }

  ApiAnswer count_tokens(const ApiRequest& request) {
    const uint64_t count =
        generations_.count_tokens(Protocol::kMessages, parse_request_json(request.body), context_of(request));
    return json_answer(object_of({{"input_tokens", count}}));
  }

  ApiAnswer apply_template(const ApiRequest& request) {
    constexpr std::pair<std::string_view, Protocol> kNames[] = {{"", Protocol::kChat},
                                                                {"chat", Protocol::kChat},
                                                                {"completions", Protocol::kCompletions},
                                                                {"responses", Protocol::kResponses},
                                                                {"messages", Protocol::kMessages}};
    const std::string_view name = query_value(request.target, "protocol");
    const auto* const known = std::ranges::find(kNames, name, &std::pair<std::string_view, Protocol>::first);
    if (known == std::end(kNames)) refuse("protocol", "none of chat, completions, responses, messages");
    try {
      return json_answer(
          generations_.describe(known->second, parse_request_json(request.body), context_of(request)));
    } catch (const RequestError& error) {
      ApiAnswer answer;
      answer.status = error.status();
      answer.body =
          dump_json(error_body(known->second, error.status(), error.what(), error.param(), error.kind()));
      return answer;
    }
  }

  JsonArray model_names() const {
    JsonArray names{config_.model_id};
    for (const std::string& name : config_.policy.model_names)
      if (name != "*" && name != config_.model_id) names.emplace_back(name);
    return names;
  }

  Json shown_model(const std::string& id, bool anthropic) const {
    if (anthropic)
      return object_of(
          {{"type", "model"}, {"id", id}, {"display_name", id}, {"created_at", "2026-01-01T00:00:00Z"}});
    JsonObject architecture =
        object_of({{"input_modalities", JsonArray{"text"}}, {"output_modalities", JsonArray{"text"}}});
    return object_of({{"id", id},
                      {"object", "model"},
                      {"created", started_},
                      {"owned_by", "hadal"},
                      {"context_window", generator_.max_context()},
                      {"max_model_len", generator_.max_context()},
                      {"architecture", std::move(architecture)}});
  }

  static bool is_anthropic(const ApiRequest& request) {
    return !request.header("anthropic-version").empty() || request.target.starts_with("/anthropic/");
  }

  ApiAnswer models(const ApiRequest& request) {
    const bool anthropic = is_anthropic(request);
    JsonArray list;
    for (const Json& name : model_names()) list.push_back(shown_model(*name.string(), anthropic));
    if (!anthropic) return json_answer(object_of({{"object", "list"}, {"data", list}, {"models", list}}));
    const Json first = *list.front().find("id");
    const Json last = *list.back().find("id");
    return json_answer(
        object_of({{"data", std::move(list)}, {"has_more", false}, {"first_id", first}, {"last_id", last}}));
  }

  ApiAnswer one_model(const ApiRequest& request, std::string_view id) const {
    const std::vector<std::string>& names = config_.policy.model_names;
    if (id != config_.model_id && std::ranges::find(names, id) == names.end())
      throw RequestError(404, "there is no such model here");
    return json_answer(shown_model(std::string(id), is_anthropic(request)));
  }

  ApiAnswer tokenize(const ApiRequest& request) {
    const Json value = parse_request_json(request.body);
    const RequestObject body(value, "");
    const std::string& text =
        body.find("content") != nullptr ? body.need_text("content") : body.need_text("prompt");
    const bool special = body.flag("parse_special").value_or(true);
    std::vector<int32_t> ids = special ? tokenizer_.encode(text) : tokenizer_.encode_content(text);
    const std::optional<int32_t> bos = tokenizer_.find_added(kBosToken);
    if (bos && body.flag("add_special").value_or(body.flag("add_special_tokens").value_or(false)))
      ids.insert(ids.begin(), *bos);
    const bool pieces = body.flag("with_pieces").value_or(false);
    JsonArray tokens;
    for (const int32_t id : ids) tokens.push_back(pieces ? shown_piece(id) : Json(id));
    return json_answer(object_of(
        {{"tokens", std::move(tokens)}, {"count", ids.size()}, {"max_model_len", generator_.max_context()}}));
  }

  // A piece that is no whole text is shown as its bytes.
  Json shown_piece(int32_t id) const {
    const std::string_view bytes = tokenizer_.token_bytes(id);
    if (is_valid_utf8(bytes)) return object_of({{"id", id}, {"piece", bytes}});
    JsonArray numbers;
    for (const char byte : bytes) numbers.emplace_back(static_cast<int>(static_cast<uint8_t>(byte)));
    return object_of({{"id", id}, {"piece", std::move(numbers)}});
  }

  ApiAnswer detokenize(const ApiRequest& request) {
    const Json value = parse_request_json(request.body);
    const RequestObject body(value, "");
    std::string bytes;
    size_t index = 0;
    for (const Json& token : body.need_list("tokens")) {
      const std::string place = fmt::format("tokens[{}]", index++);
      const JsonInteger* const number = token.integer();
      const bool fits = number != nullptr && number->text.size() < 10 && number->text[0] != '-';
      const int32_t id = fits ? std::stoi(number->text) : -1;
      if (!tokenizer_.has_token(id)) refuse(place, "there is no such token");
      bytes += tokenizer_.token_bytes(id);
    }
    std::string text;
    const size_t taken = append_repaired_utf8(bytes, text);
    if (taken < bytes.size()) text += kReplacementCharacter;
    return json_answer(object_of({{"content", text}, {"prompt", text}}));
  }

  ApiAnswer health(const ApiRequest&) { return json_answer(object_of({{"status", "ok"}})); }

  ApiAnswer ready(const ApiRequest& request) {
    if (!draining) return json_answer(object_of({{"status", "ok"}}));
    ApiAnswer answer = Api::error_answer(request.target, 503, "the server is stopping");
    answer.headers.emplace_back("Retry-After", "5");
    return answer;
  }

  ApiAnswer props(const ApiRequest&) {
    return json_answer(object_of({{"model", config_.model_id},
                                  {"n_ctx", generator_.max_context()},
                                  {"n_vocab", generator_.vocab_size()},
                                  {"dialect", config_.policy.is_deepseek() ? "deepseek" : "default"},
                                  {"version", config_.version}}));
  }

  ApiAnswer openapi(const ApiRequest&) {
    return json_answer(openapi_document(config_.version, config_.conversations != nullptr));
  }

  ApiAnswer metrics(const ApiRequest&) {
    ApiAnswer answer;
    answer.content_type = "text/plain; version=0.0.4";
    std::string& out = answer.body;
    const auto add = [&](const char* name, const char* type, const char* help, auto value) {
      out +=
          fmt::format("# HELP hadal_{0} {1}\n# TYPE hadal_{0} {2}\nhadal_{0} {3}\n", name, help, type, value);
    };
    out += "# HELP hadal_answers_total Answers by status; 499: the client went away.\n";
    out += "# TYPE hadal_answers_total counter\n";
    for (const auto& [status, count] : answers_)
      out += fmt::format("hadal_answers_total{{status=\"{}\"}} {}\n", status, count);
    const GeneratorStats stats = generator_.stats();
    add("requests_queued", "gauge", "Requests that wait.", stats.queued);
    add("requests_running", "gauge", "Requests under way.", stats.running);
    add("requests_finished_total", "counter", "Generations that have ended.", stats.finished_requests);
    add("requests_refused_total", "counter", "Generations that were refused.", stats.refused_requests);
    add("prompt_tokens_total", "counter", "Tokens of prompts.", prompt_tokens_);
    add("cached_tokens_total", "counter", "Tokens of prompts that were cached.", cached_tokens_);
    add("completion_tokens_total", "counter", "Tokens of answers.", completion_tokens_);
    add("answer_seconds_total", "counter", "Time that answers took.", seconds_);
    add("cache_bytes", "gauge", "Size of the cache in memory.", stats.cache_bytes);
    add("disk_cache_bytes", "gauge", "Size of the cache on disk.", stats.disk_cache_bytes);
    add("disk_written_bytes_total", "counter", "Bytes written to the cache on disk.",
        stats.disk_bytes_written);
    add("engram_rows_total", "counter", "Rows of Engram tables on disk that were asked for.",
        stats.engram_rows);
    add("engram_hits_total", "counter", "Rows of Engram tables that were still in memory.",
        stats.engram_hits);
    return answer;
  }

  ApiConfig config_;
  Access access_;
  Generator& generator_;
  const Tokenizer& tokenizer_;
  std::vector<PageRoute> page_routes_;
  Generations generations_;
  int64_t started_ = static_cast<int64_t>(std::time(nullptr));
  std::map<int, int64_t> answers_;
  int64_t prompt_tokens_ = 0;
  int64_t cached_tokens_ = 0;
  int64_t completion_tokens_ = 0;
  double seconds_ = 0;
};

Api::Api(ApiConfig config, Generator& generator, const Tokenizer& tokenizer, const ChatLiterals& literals)
    : impl_(std::make_unique<Impl>(std::move(config), generator, tokenizer, literals)) {}
Api::~Api() = default;

std::unique_ptr<ApiAnswer> Api::check_head(const ApiRequest& request) const {
  return impl_->access().check(request);
}

ApiAnswer Api::handle(const ApiRequest& request) { return impl_->handle(request); }

uint64_t Api::body_limit(std::string_view) { return kMaxBodyBytes; }

ApiAnswer Api::error_answer(std::string_view target, int status, const std::string& message) {
  ApiAnswer answer;
  answer.status = status;
  answer.body = dump_json(error_body(protocol_of(target), status, message, "", ""));
  return answer;
}

void Api::set_draining() { impl_->draining = true; }
void Api::set_keys(const std::vector<std::string>& keys) { impl_->access().set_keys(keys); }
void Api::count(const ServedReply& reply) { impl_->count(reply); }

}  // namespace hadal
