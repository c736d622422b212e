#include "server/call_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/sha256.h"

namespace hadal {
namespace {

size_t cost_of(const std::string& digest, const std::string& arguments) {
  return 2 * digest.size() + arguments.size() + 128;
}

const ToolSpec* tool_of(const std::vector<ToolSpec>& tools, const std::string& name) {
  const auto found = std::ranges::find(tools, name, &ToolSpec::name);
  return found == tools.end() ? nullptr : &*found;
}

// An argument that may be left out, with the value that it has then.
bool says_default(const ToolSpec& tool, const JsonMember& argument) {
  const Json* const properties = tool.parameters.find("properties");
  const Json* const property = properties == nullptr ? nullptr : properties->find(argument.key);
  const Json* const value = property == nullptr ? nullptr : property->find("default");
  if (value == nullptr || dump_json(*value) != dump_json(argument.value)) return false;
  const Json* const required = tool.parameters.find("required");
  if (required == nullptr || required->array() == nullptr) return true;
  return std::ranges::none_of(*required->array(), [&](const Json& name) {
    return name.string() != nullptr && *name.string() == argument.key;
  });
}

// The same for all calls that say the same. Nothing: the arguments are no object.
std::optional<std::string> digest_of(const std::string& owner, const ToolSpec& tool,
                                     const std::string& arguments) {
  const std::optional<Json> value = parse_json(arguments);
  if (!value || value->object() == nullptr) return std::nullopt;
  std::vector<std::string> said;
  for (const JsonMember& argument : value->object()->members())
    if (!says_default(tool, argument))
      said.push_back(json_quoted(argument.key) + ": " + dump_json(argument.value));
  std::ranges::sort(said);
  std::string text = fmt::format("{}:{}{}:{}", owner.size(), owner, tool.name.size(), tool.name);
  for (const std::string& argument : said) text += "\n" + argument;
  return sha256_hex(text);
}

}  // namespace

void CallMemory::remember(const std::string& owner, const std::vector<ToolSpec>& tools,
                          const std::vector<HistoryCall>& calls) {
  for (const HistoryCall& call : calls) {
    const ToolSpec* const tool = tool_of(tools, call.name);
    if (tool == nullptr) continue;
    const std::optional<std::string> digest = digest_of(owner, *tool, call.arguments);
    if (!digest || by_digest_.contains(*digest) || cost_of(*digest, call.arguments) > budget_) continue;
    bytes_ += cost_of(*digest, call.arguments);
    entries_.emplace_front(*digest, call.arguments);
    by_digest_.emplace(*digest, entries_.begin());
    while (bytes_ > budget_) {
      const auto& [oldest, arguments] = entries_.back();
      bytes_ -= cost_of(oldest, arguments);
      by_digest_.erase(oldest);
      entries_.pop_back();
    }
  }
}

const std::string* CallMemory::find(const std::string& digest) {
  const auto known = by_digest_.find(digest);
  if (known == by_digest_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, known->second);
  return &known->second->second;
}

void CallMemory::restore(const std::string& owner, ChatRequest& request) {
  if (entries_.empty()) return;
  for (Json& message : request.messages) {
    const Json* const calls = message.find("tool_calls");
    if (calls == nullptr) continue;
    JsonArray restored = *calls->array();
    bool differs = false;
    for (Json& call : restored) {
      const Json& sent = *call.find("function");
      const std::string& arguments = *sent.find("arguments")->string();
      const ToolSpec* const tool = tool_of(request.tools, *sent.find("name")->string());
      const std::optional<std::string> digest =
          tool == nullptr ? std::nullopt : digest_of(owner, *tool, arguments);
      const std::string* const sampled = digest ? find(*digest) : nullptr;
      if (sampled == nullptr || *sampled == arguments) continue;
      JsonObject function = *sent.object();
      function.set("arguments", *sampled);
      JsonObject entry = *call.object();
      entry.set("function", std::move(function));
      call = std::move(entry);
      differs = true;
    }
    if (!differs) continue;
    JsonObject whole = *message.object();
    whole.set("tool_calls", std::move(restored));
    message = std::move(whole);
  }
}

}  // namespace hadal
