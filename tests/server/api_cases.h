// The shared cases of the API layer, and where we differ from them on purpose.
#pragma once

#include <gtest/gtest.h>

#include <charconv>
#include <set>
#include <string>

#include "server/prompt_plan.h"
#include "text/chat_cases.h"
#include "text/tokenizer_cases.h"

namespace hadal {

inline std::string api_path(const std::string& below) { return shared_path("golden/api/" + below); }

inline double number_of(const Json& value) {
  if (value.real() != nullptr) return *value.real();
  double number = 0;
  const std::string& text = value.integer()->text;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

inline bool is_number(const Json& value) { return value.integer() != nullptr || value.real() != nullptr; }

// Equal as JSON; numbers by value, and the order of keys does not matter.
inline bool same_json(const Json& a, const Json& b) {
  if (is_number(a) && is_number(b)) return number_of(a) == number_of(b);
  if (a.array() != nullptr && b.array() != nullptr)
    return std::ranges::equal(*a.array(), *b.array(), same_json);
  if (a.object() != nullptr && b.object() != nullptr) {
    if (a.object()->members().size() != b.object()->members().size()) return false;
    return std::ranges::all_of(a.object()->members(), [&](const JsonMember& member) {
      const Json* const other = b.find(member.key);
      return other != nullptr && same_json(member.value, *other);
    });
  }
  return dump_json(a) == dump_json(b);
}

// The cases that tests/api/DEVIATIONS.md lists as "- `request/chat/name`".
inline const std::set<std::string>& deviations() {
  static const std::set<std::string> cases = [] {
    std::set<std::string> found;
    const std::string text = read_file(HADAL_SOURCE_DIR "/tests/api/DEVIATIONS.md", 1 << 20);
    constexpr std::string_view kMark = "\n- `";
    for (size_t at = 0; (at = text.find(kMark, at)) != std::string::npos;) {
      at += kMark.size();
      found.insert(text.substr(at, text.find('`', at) - at));
    }
    return found;
  }();
  return cases;
}

inline RequestPolicy policy_of(const Json* options, ChatDialect format = ChatDialect::kV40731) {
  RequestPolicy policy;
  policy.dialect = Dialect::kDeepSeek;
  policy.format = format;
  policy.model_names = {format == ChatDialect::kV41 ? "DeepSeek-V4.1-Flash" : "DeepSeek-V4-Pro"};
  if (options != nullptr && options->find("model_alias") != nullptr) policy.model_names.emplace_back("*");
  policy.json_object_text = "⟦JSON_OBJECT⟧";
  if (options == nullptr) return policy;
  const auto rejects = [&](std::string_view key, bool& flag) {
    if (const Json* const value = options->find(key)) flag = *value->string() == "reject";
  };
  rejects("reasoning_content", policy.rejects_missing_reasoning);
  rejects("responses_web_search", policy.rejects_responses_web_search);
  rejects("messages_web_search", policy.rejects_messages_web_search);
  if (const Json* const value = options->find("default_thinking_mode"))
    policy.thinks_by_default = *value->boolean();
  if (const Json* const value = options->find("thinking_max_tokens_upper_bound"))
    policy.max_tokens_thinking = static_cast<uint64_t>(number_of(*value));
  if (const Json* const value = options->find("non_thinking_max_tokens_upper_bound"))
    policy.max_tokens_plain = static_cast<uint64_t>(number_of(*value));
  return policy;
}

inline ChatRequest read_request(const std::string& protocol, const Json& body, const RequestPolicy& policy) {
  if (protocol == "chat") return read_chat_request(body, policy);
  if (protocol == "responses") return read_responses_request(body, policy);
  return read_messages_request(body, policy);
}

inline const ChatLiterals& placeholder_literals(ChatDialect format = ChatDialect::kV40731) {
  static const ChatLiterals of_0731 =
      load_chat_literals(shared_path("golden/chat/v4-0731/placeholder_encoding.py"));
  static const ChatLiterals of_v41 =
      load_chat_literals(shared_path("golden/chat/v41/placeholder_encoding.py"));
  return format == ChatDialect::kV41 ? of_v41 : of_0731;
}

inline const Tokenizer& tokenizer_of(ChatDialect format) {
  return format == ChatDialect::kV41 ? real_v41_tokenizer() : real_tokenizer();
}

}  // namespace hadal
