#include "tools/skill_checks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/printable.h"
#include "text/grammar/schema_check.h"

namespace hadal {
namespace {

const Json& field(const Json& check, std::string_view key) {
  const Json* const value = check.find(key);
  if (value == nullptr)
    fail(ErrorCode::kInvalidModel, "a check has no \"{}\": {:.200}", key, dump_json(check));
  return *value;
}

const std::string& text_of(const Json& value) {
  if (value.string() == nullptr)
    fail(ErrorCode::kInvalidModel, "a check has {:.200} where a text belongs", dump_json(value));
  return *value.string();
}

const JsonArray& list_of(const Json& value) {
  if (value.array() == nullptr)
    fail(ErrorCode::kInvalidModel, "a check has {:.200} where a list belongs", dump_json(value));
  return *value.array();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The last integer of the text, with its sign where no digit or letter stands before it.
std::string last_number(std::string_view text) {
  size_t end = text.size();
  while (end > 0 && !is_digit(text[end - 1])) --end;
  size_t begin = end;
  while (begin > 0 && is_digit(text[begin - 1])) --begin;
  const bool negative = begin > 0 && text[begin - 1] == '-' && (begin == 1 || text[begin - 2] == ' ');
  return (negative ? "-" : "") + std::string(text.substr(begin, end - begin));
}

// Whether the text has this word. A word that begins or ends with a digit is no part of a longer number.
bool has_word(std::string_view text, std::string_view word) {
  for (size_t at = text.find(word); at != std::string_view::npos && !word.empty();
       at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    const bool cuts_before = is_digit(word.front()) && at > 0 && is_digit(text[at - 1]);
    const bool cuts_after = is_digit(word.back()) && end < text.size() && is_digit(text[end]);
    if (!cuts_before && !cuts_after) return true;
  }
  return false;
}

bool has_keywords(const Json& check, std::string_view content) {
  return std::ranges::all_of(list_of(field(check, "all")), [&](const Json& words) {
    return std::ranges::any_of(list_of(words),
                               [&](const Json& word) { return has_word(content, text_of(word)); });
  });
}

// Calls that are whole, with arguments that are an object.
bool calls_are_sound(const std::vector<ToolCall>& calls) {
  return std::ranges::all_of(calls, [](const ToolCall& call) {
    const std::optional<Json> arguments = parse_json(call.arguments);
    return call.complete && arguments && arguments->object() != nullptr;
  });
}

bool are_the_calls(const JsonArray& wanted, const std::vector<ToolCall>& calls) {
  if (wanted.size() != calls.size()) return false;
  std::vector<bool> taken(calls.size());
  return std::ranges::all_of(wanted, [&](const Json& one) {
    for (size_t i = 0; i < calls.size(); ++i) {
      const std::optional<Json> arguments = parse_json(calls[i].arguments);
      if (taken[i] || calls[i].name != text_of(field(one, "name")) || !arguments ||
          !grammar::json_equal(*arguments, field(one, "arguments")))
        continue;
      taken[i] = true;
      return true;
    }
    return false;
  });
}

SkillVerdict judge_json(const Json& check, std::string_view content) {
  const std::optional<Json> value = parse_json(content);
  if (!value || value->object() == nullptr) return {.well_formed = false};
  grammar::Work work;
  grammar::SchemaSource source(dump_json(field(check, "schema")), work);
  grammar::Exprs exprs(work);
  grammar::SchemaCheck schema(source, exprs);
  const bool fits = schema.valid(*value, source.root());
  return {.well_formed = fits, .right = fits && grammar::json_equal(*value, field(check, "value"))};
}

// The reply, and whether it parses as strictly as the reference parses.
std::pair<Reply, bool> parsed(std::string_view text, bool thinking, ChatDialect dialect) {
  try {
    return {parse_reply(text, ReplyMode::kStrict, thinking, dialect), true};
  } catch (const Error&) {
    return {parse_reply(text, ReplyMode::kLenient, thinking, dialect), false};
  }
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = text.find_first_not_of(" \n\t", at);
    if (begin == std::string_view::npos) break;
    const size_t end = std::min(text.find_first_of(" \n\t", begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    at = end;
  }
  return words;
}

}  // namespace

SkillVerdict judge_reply(const Json& check, std::string_view text, bool thinking, ChatDialect dialect) {
  const auto [reply, strict] = parsed(text, thinking, dialect);
  const std::string& kind = text_of(field(check, "type"));
  if (kind == "number") return {.right = last_number(reply.content) == dump_json(field(check, "value"))};
  if (kind == "keywords") return {.right = has_keywords(check, reply.content)};
  if (kind == "no_call") return {.well_formed = strict, .right = strict && reply.calls.empty()};
  if (kind == "json_schema") return judge_json(check, reply.content);
  if (kind == "free") return {.right = !reply.content.empty()};
  if (kind == "tool_calls") {
    const bool sound = strict && calls_are_sound(reply.calls);
    return {.well_formed = sound,
            .right = sound && are_the_calls(list_of(field(check, "calls")), reply.calls)};
  }
  fail(ErrorCode::kInvalidModel, "a check has the unknown type {}", in_quotes(kind));
}

bool repeats_itself(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  constexpr size_t kLongestUnit = 30;
  constexpr size_t kLeastWords = 12;
  for (size_t unit = 1; unit <= kLongestUnit && 3 * unit <= words.size(); ++unit) {
    // Words that equal the one a unit earlier, in a row.
    size_t equal = 0;
    for (size_t i = unit; i < words.size(); ++i) {
      equal = words[i] == words[i - unit] ? equal + 1 : 0;
      if (equal >= 2 * unit && equal + unit >= kLeastWords) return true;
    }
  }
  constexpr size_t kStretch = 8;
  std::map<std::vector<std::string_view>, int> seen;
  for (size_t i = 0; i + kStretch <= words.size(); ++i) {
    const auto begin = words.begin() + static_cast<std::ptrdiff_t>(i);
    if (++seen[{begin, begin + kStretch}] == 4) return true;
  }
  return false;
}

}  // namespace hadal
