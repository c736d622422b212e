// The reference's parser of whole replies, as chat-family section 6 describes it: searches over the whole
// text, no stream. The streaming parser is compared with it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/control_tokens.h"
#include "text/reply_parser.h"

namespace hadal {

class ReplyOracle {
 public:
  // Nothing where the reference raises.
  static std::optional<Reply> parse(std::string_view text, bool thinking, ChatDialect dialect) {
    ReplyOracle oracle(text, dialect);
    Reply reply;
    if (!oracle.message(thinking, reply)) return std::nullopt;
    return reply;
  }

 private:
  ReplyOracle(std::string_view text, ChatDialect dialect) : text_(text), dialect_(dialect) {
    const bool spaced = dialect == ChatDialect::kV41;
    const std::string token(kDsmlToken);
    const std::string block = dialect == ChatDialect::kV32 ? "function_calls"
                              : spaced                     ? " calls"
                                                           : "tool_calls";
    open_ = "\n\n<" + token + block;
    end_ = "</" + token + block + ">";
    invoke_ = "<" + token + (spaced ? " invoke" : "invoke");
    end_invoke_ = "</" + token + (spaced ? " invoke" : "invoke");
    parameter_ = "<" + token + (spaced ? " parameter" : "parameter");
    end_parameter_ = "/" + token + (spaced ? " parameter" : "parameter");
  }

  // The text up to the first of the stops, which is stepped over; to the end when there is none.
  std::string_view until(std::initializer_list<std::string_view> stops) {
    size_t best = text_.size();
    stop_ = {};
    for (const std::string_view stop : stops) {
      const size_t at = text_.find(stop, at_);
      if (at != text_.npos && at < best) {
        best = at;
        stop_ = stop;
      }
    }
    const std::string_view before = text_.substr(at_, best - at_);
    at_ = best + stop_.size();
    return before;
  }

  bool message(bool thinking, Reply& out) {
    if (thinking) {
      out.reasoning = until({kEndThinkToken, open_});
      if (stop_ != kEndThinkToken) return false;
    }
    out.content = until({kEosToken, open_});
    if (stop_.empty()) return false;
    if (stop_ == open_ && (!calls(out) || !until({kEosToken}).empty())) return false;
    if (at_ != text_.size()) return false;
    for (const std::string_view token : {kBosToken, kEosToken, kThinkToken, kEndThinkToken, kDsmlToken})
      if (out.content.find(token) != std::string::npos || out.reasoning.find(token) != std::string::npos)
        return false;
    return true;
  }

  bool calls(Reply& out) {
    while (at_ < text_.size()) {
      if (until({invoke_, end_}) != ">\n" || stop_.empty()) return false;
      if (stop_ == end_) return true;
      const std::optional<std::string_view> name = call_name(until({parameter_, end_invoke_}));
      if (!name) return false;
      // The first "::" ends the namespace; another one is an error.
      const size_t colons = name->find("::");
      if (dialect_ == ChatDialect::kV41 && colons != name->npos && name->find("::", colons + 2) != name->npos)
        return false;
      std::vector<std::string> keys;
      std::string arguments;
      while (stop_ == parameter_) {
        const std::string_view parameter = until({end_parameter_});
        std::string key;
        if (!add_parameter(parameter, key, arguments)) return false;
        if (std::ranges::find(keys, key) != keys.end()) return false;
        keys.push_back(key);
        if (until({parameter_, end_invoke_}) != ">\n") return false;
      }
      out.calls.push_back({std::string(*name), "{" + arguments + "}", true});
    }
    return true;
  }

  // ^\s*name="(.*?)">\n$
  static std::optional<std::string_view> call_name(std::string_view header) {
    for (bool more = true; more;) {
      more = false;
      for (const std::string_view space :
           {" ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\x1c",   "\x1d",
            "\x1e",   "\x1f",   "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002",
            "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
            "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"})
        if (header.starts_with(space)) {
          header.remove_prefix(space.size());
          more = true;
        }
    }
    constexpr std::string_view kStart = "name=\"";
    if (!header.starts_with(kStart)) return std::nullopt;
    for (size_t end = kStart.size(); end < header.size(); ++end) {
      const std::string_view rest = header.substr(end);
      if (rest == "\">\n" || rest == "\">\n\n") return header.substr(kStart.size(), end - kStart.size());
    }
    return std::nullopt;
  }

  // ^ name="(.*?)" string="(true|false)">(.*?)<$
  static bool add_parameter(std::string_view text, std::string& key, std::string& arguments) {
    constexpr std::string_view kStart = " name=\"";
    if (!text.starts_with(kStart)) return false;
    for (size_t end = kStart.size(); end < text.size(); ++end) {
      for (const std::string_view kind : {"\" string=\"true\">", "\" string=\"false\">"}) {
        if (!text.substr(end).starts_with(kind)) continue;
        const std::string_view rest = text.substr(end + kind.size());
        const std::string_view last = rest.ends_with("<\n") ? "<\n" : "<";
        if (!rest.ends_with(last)) continue;
        key = text.substr(kStart.size(), end - kStart.size());
        const std::string_view value = rest.substr(0, rest.size() - last.size());
        if (!arguments.empty()) arguments += ", ";
        arguments += json_quoted(key) + ": " + (kind[10] == 't' ? json_quoted(value) : std::string(value));
        return true;
      }
    }
    return false;
  }

  std::string_view text_;
  ChatDialect dialect_;
  std::string open_, end_, invoke_, end_invoke_, parameter_, end_parameter_;
  size_t at_ = 0;
  std::string_view stop_;
};

// Everything that a reply says, as one text.
inline std::string shown(const Reply& reply, bool with_completeness) {
  std::string text = json_quoted(reply.reasoning) + " | " + json_quoted(reply.content);
  for (const ToolCall& call : reply.calls) {
    text += " | " + json_quoted(call.name) + " " + json_quoted(call.arguments);
    if (with_completeness && !call.complete) text += " cut";
  }
  return text;
}

}  // namespace hadal
