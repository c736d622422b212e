// A reply as one string of text and control tokens, where each control token that a reply may hold is one
// byte of a value that UTF-8 never has. So a search for markup cannot find what is only spelt like it, and a
// half-seen token is not yet in the string.
#pragma once

#include <string>
#include <string_view>

namespace hadal {

inline constexpr char kSymbolBos = '\xF8';
inline constexpr char kSymbolEos = '\xF9';
inline constexpr char kSymbolThink = '\xFA';
inline constexpr char kSymbolEndThink = '\xFB';
inline constexpr char kSymbolDsml = '\xFC';

constexpr bool is_symbol(char c) { return static_cast<unsigned char>(c) >= 0xF8; }

// The text again, with each control token as it is spelt.
std::string symbols_to_text(std::string_view symbols);

class SymbolReader {
 public:
  // Text in which control tokens are spelt out. What may become one is held back.
  void read(std::string_view text, std::string& out);
  // Text that holds no control token, whatever it spells.
  void read_content(std::string_view text, std::string& out);
  // One control token; one that means nothing in a reply stays text.
  void read_markup(std::string_view token, std::string& out);
  // Nothing follows: what was held back is text.
  void finish(std::string& out);

 private:
  std::string held_;
};

}  // namespace hadal
