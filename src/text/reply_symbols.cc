#include "text/reply_symbols.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "text/control_tokens.h"

namespace hadal {
namespace {

constexpr std::pair<std::string_view, char> kTokens[] = {
    {kBosToken, kSymbolBos},           {kEosToken, kSymbolEos},   {kThinkToken, kSymbolThink},
    {kEndThinkToken, kSymbolEndThink}, {kDsmlToken, kSymbolDsml},
};

// Bytes that are no text at all must not look like symbols.
void append_plain(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (is_symbol(c)) {
      out += kReplacementCharacter;
    } else {
      out += c;
    }
  }
}

}  // namespace

std::string symbols_to_text(std::string_view symbols) {
  std::string text;
  text.reserve(symbols.size());
  for (const char c : symbols) {
    const auto* const token = std::ranges::find(kTokens, c, &std::pair<std::string_view, char>::second);
    if (token == std::end(kTokens)) {
      text += c;
    } else {
      text += token->first;
    }
  }
  return text;
}

void SymbolReader::read(std::string_view text, std::string& out) {
  held_ += text;
  const std::string_view all = held_;
  size_t plain = 0;  // from here on to `at` it is text
  size_t at = 0;
  while (at < all.size()) {
    at = std::min(all.find_first_of("<\xEF", at), all.size());
    const std::string_view rest = all.substr(at);
    if (rest.empty() || std::ranges::any_of(kTokens, [&](const auto& token) {
          return token.first.starts_with(rest) && token.first != rest;
        }))
      break;
    const auto* const token =
        std::ranges::find_if(kTokens, [&](const auto& t) { return rest.starts_with(t.first); });
    if (token == std::end(kTokens)) {
      ++at;
      continue;
    }
    append_plain(all.substr(plain, at - plain), out);
    out += token->second;
    plain = at += token->first.size();
  }
  append_plain(all.substr(plain, at - plain), out);
  held_.erase(0, at);
}

void SymbolReader::read_content(std::string_view text, std::string& out) {
  finish(out);
  append_plain(text, out);
}

void SymbolReader::read_markup(std::string_view token, std::string& out) {
  finish(out);
  const auto* const known = std::ranges::find(kTokens, token, &std::pair<std::string_view, char>::first);
  if (known == std::end(kTokens)) {
    append_plain(token, out);
  } else {
    out += known->second;
  }
}

void SymbolReader::finish(std::string& out) {
  append_plain(held_, out);
  held_.clear();
}

}  // namespace hadal
