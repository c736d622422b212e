#include "server/conversation_routes.h"

#include <charconv>

#include "base/log.h"
#include "base/printable.h"
#include "base/utf8.h"
#include "server/request_error.h"
#include "server/request_json.h"

namespace hadal {
namespace {

constexpr std::string_view kExportFormat = "hadal.conversations";
constexpr uint64_t kDefaultListed = 200;
constexpr uint64_t kMaxListed = 1000;
constexpr uint64_t kMaxTime = uint64_t{1} << 53;  // what JavaScript counts without loss

PageAnswer answer_json(const Json& body, int status = 200) {
  return {status, "application/json", dump_json(body)};
}

PageAnswer answer_error(int status, std::string message, const std::string& param, std::string kind) {
  JsonObject error;
  error.set("message", std::move(message));
  error.set("type", std::move(kind));
  error.set("param", param.empty() ? Json() : Json(param));
  error.set("code", Json());
  JsonObject body;
  body.set("error", std::move(error));
  return answer_json(body, status);
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    uint8_t byte = 0;
    const char* const digits = text.data() + i + 1;
    const bool whole = i + 2 < text.size();
    if (!whole || std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2)
      refuse("", "the query holds a broken % sequence");
    decoded += static_cast<char>(byte);
    i += 2;
  }
  if (!is_valid_utf8(decoded)) refuse("", "the query is not UTF-8");
  return decoded;
}

// The value of a parameter of the query; empty when it is not there.
std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    if (pair.substr(0, pair.find('=')) != name) continue;
    return percent_decoded(pair.substr(std::min(pair.size(), name.size() + 1)));
  }
  return "";
}

uint64_t query_count(std::string_view query, std::string_view name, uint64_t otherwise, uint64_t max) {
  const std::string text = query_value(query, name);
  if (text.empty()) return otherwise;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max)
    refuse(std::string(name), "expected a whole number from 0 to {}, got {}", max,
           in_quotes(text.substr(0, 40)));
  return value;
}

JsonObject summary_json(const ConversationSummary& summary) {
  JsonObject json;
  json.set("id", summary.id);
  json.set("title", summary.title);
  json.set("version", summary.version);
  json.set("created_ms", summary.created_ms);
  json.set("updated_ms", summary.updated_ms);
  json.set("message_count", summary.messages);
  if (!summary.excerpt.empty()) json.set("excerpt", summary.excerpt);
  return json;
}

Json conversation_json(const StoredConversation& conversation) {
  JsonObject json = summary_json(conversation.summary);
  json.set("current", conversation.current ? Json(*conversation.current) : Json());
  json.set("settings", conversation.settings);
  json.set("messages", conversation.messages);
  return json;
}

// The fields that a new conversation, a change and an imported conversation share.
ConversationChange read_change(const RequestObject& body) {
  ConversationChange change;
  if (const std::string* const title = body.text("title")) change.title = *title;
  if (const auto settings = body.object("settings")) change.settings = settings->json();
  if (const std::string* const current = body.text("current")) change.current = *current;
  if (const JsonArray* const messages = body.list("messages")) change.messages = *messages;
  if (const JsonArray* const removed = body.list("removed"))
    for (const Json& id : *removed) {
      if (id.string() == nullptr) refuse("removed", "expected ids, got {}", json_kind(id));
      change.removed.push_back(*id.string());
    }
  return change;
}

uint64_t read_time(const RequestObject& body, std::string_view key) {
  const uint64_t time = body.count(key).value_or(0);
  if (time > kMaxTime) refuse(body.place_of(key), "expected milliseconds since 1970, got {}", time);
  return time;
}

std::vector<StoredConversation> read_import(const RequestObject& body) {
  body.need_choice("format", {kExportFormat});
  if (const uint64_t version = body.count("version").value_or(1); version != 1)
    refuse("version", "version {} of the format is not known, only 1", version);
  std::vector<StoredConversation> conversations;
  for (const Json& json : body.need_list("conversations")) {
    const RequestObject object(json, fmt::format("conversations[{}]", conversations.size()));
    ConversationChange content = read_change(object);
    StoredConversation conversation;
    conversation.summary.title = std::move(content.title).value_or("");
    conversation.summary.created_ms = read_time(object, "created_ms");
    conversation.summary.updated_ms = read_time(object, "updated_ms");
    conversation.current = std::move(content.current);
    conversation.settings = content.settings ? *std::move(content.settings) : Json(JsonObject());
    conversation.messages = std::move(content.messages);
    conversations.push_back(std::move(conversation));
  }
  return conversations;
}

PageAnswer answer_list(const std::vector<ConversationSummary>& summaries, int status = 200) {
  JsonArray list;
  for (const ConversationSummary& summary : summaries) list.emplace_back(summary_json(summary));
  JsonObject body;
  body.set("conversations", std::move(list));
  return answer_json(body, status);
}

PageAnswer export_all(ConversationStore& store, std::string_view name_space) {
  JsonArray list;
  for (const std::string& id : store.ids(name_space))
    list.push_back(conversation_json(store.get(name_space, id)));
  JsonObject body;
  body.set("format", kExportFormat);
  body.set("version", 1);
  body.set("conversations", std::move(list));
  return answer_json(body);
}

PageAnswer change_conversation(ConversationStore& store, const PageRequest& request) {
  const Json json = parse_request_json(request.body);
  const RequestObject body(json, "");
  const std::optional<uint64_t> version = body.count("version");
  if (!version) refuse("version", "a change names the version that it was made from");
  return answer_json(summary_json(store.change(request.name_space, request.id, *version, read_change(body))));
}

PageAnswer guarded(const std::function<PageAnswer(const PageRequest&)>& handle, const PageRequest& request) {
  try {
    return handle(request);
  } catch (const RequestError& error) {
    const std::string kind = error.kind().empty() ? "invalid_request_error" : error.kind();
    return answer_error(error.status(), error.what(), error.param(), kind);
  } catch (const Error& error) {
    log_warning("the store of conversations: {}", error.what());
    return answer_error(500, fmt::format("the store of conversations failed: {}", error.what()), "",
                        "storage_error");
  }
}

// The {id} of the path, or nothing when the path is another.
std::optional<std::string_view> match_path(std::string_view pattern, std::string_view path) {
  const size_t hole = pattern.find("{id}");
  if (hole == std::string_view::npos)
    return pattern == path ? std::optional(std::string_view()) : std::nullopt;
  if (!path.starts_with(pattern.substr(0, hole))) return std::nullopt;
  const std::string_view id = path.substr(hole);
  return id.empty() || id.find('/') != std::string_view::npos ? std::nullopt : std::optional(id);
}

}  // namespace

std::vector<PageRoute> conversation_routes(ConversationStore& store) {
  return {
      {"GET", "/api/conversations",
       [&](const PageRequest& request) {
         const uint64_t limit = query_count(request.query, "limit", kDefaultListed, kMaxListed);
         const uint64_t offset = query_count(request.query, "offset", 0, kMaxTime);
         return answer_list(
             store.list(request.name_space, query_value(request.query, "search"), limit, offset));
       }},
      {"POST", "/api/conversations",
       [&](const PageRequest& request) {
         const Json body = parse_request_json(request.body);
         return answer_json(
             summary_json(store.create(request.name_space, read_change(RequestObject(body, "")))), 201);
       }},
      {"GET", "/api/conversations/export",
       [&](const PageRequest& request) { return export_all(store, request.name_space); }},
      {"POST", "/api/conversations/import",
       [&](const PageRequest& request) {
         const Json body = parse_request_json(request.body);
         return answer_list(store.import(request.name_space, read_import(RequestObject(body, ""))), 201);
       }},
      {"GET", "/api/conversations/{id}",
       [&](const PageRequest& request) {
         return answer_json(conversation_json(store.get(request.name_space, request.id)));
       }},
      {"PATCH", "/api/conversations/{id}",
       [&](const PageRequest& request) { return change_conversation(store, request); }},
      {"DELETE", "/api/conversations/{id}",
       [&](const PageRequest& request) {
         store.erase(request.name_space, request.id);
         return answer_json(JsonObject());
       }},
  };
}

std::optional<PageAnswer> answer_page_route(const std::vector<PageRoute>& routes, std::string_view method,
                                            std::string_view path, PageRequest request) {
  bool path_fits = false;
  for (const PageRoute& route : routes) {
    const std::optional<std::string_view> id = match_path(route.path, path);
    if (!id) continue;
    // A fixed path comes before a pattern that would take it as an id.
    path_fits = true;
    request.id = *id;
    if (route.method == method) return guarded(route.handle, request);
  }
  if (!path_fits) return std::nullopt;
  return answer_error(405, "this path does not take that method", "", "invalid_request_error");
}

}  // namespace hadal
