// Text as a search compares it: upper and lower case of the Latin, Greek and Cyrillic alphabets are one, and
// so are the two Turkish i. One character stays one character, so that places in both texts correspond.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

// Bytes that are not UTF-8 become U+FFFD.
std::u32string decode_utf8(std::string_view text);
std::u32string folded(std::u32string text);

// Whether `text` holds the folded `word`.
bool contains_folded(std::string_view text, const std::u32string& word);

// The words of a search, folded, separated by white space.
std::vector<std::u32string> search_words(std::string_view search);

// Some 100 characters around the first place of `word`, white space joined, "…" where it is cut. Empty when
// the word does not occur.
std::string excerpt_around(std::string_view text, const std::u32string& word);

}  // namespace hadal
