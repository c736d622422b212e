#include "text/stop_strings.h"

#include <gtest/gtest.h>

namespace hadal {
namespace {

// Byte by byte: the text before the first stop string that is complete, the longest of those that end there.
std::string whole(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops)
      if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

TEST(StopStrings, EveryCutGivesTheSame) {
  const std::vector<std::string> stops{"END", "nana!", "", "\n\n", "abcde", "cd", "bcd"};
  for (const std::string text : {"", "abc", "banana nana!", "bananana!x", "ENEND more", "a\n\nb", "EN",
                                 "abcdef", "xbcd", "abc", "the END", "x\n"}) {
    for (size_t a = 0; a <= text.size(); ++a) {
      for (size_t b = a; b <= text.size(); ++b) {
        StopStrings stream(stops);
        std::string shown = stream.feed(text.substr(0, a));
        shown += stream.feed(text.substr(a, b - a));
        shown += stream.feed(text.substr(b));
        const bool found = stream.found();
        shown += stream.flush();
        EXPECT_EQ(shown, whole(text, stops)) << text << " " << a << " " << b;
        EXPECT_EQ(found, shown.size() < text.size());
      }
    }
  }
}

TEST(StopStrings, HoldsBackNoMoreThanItMust) {
  StopStrings stream({"stop"});
  EXPECT_EQ(stream.feed("this is st"), "this is ");
  EXPECT_EQ(stream.feed("art"), "start");
  EXPECT_EQ(stream.feed("sto"), "");
  EXPECT_EQ(stream.feed("p and more"), "");
  EXPECT_TRUE(stream.found());
  EXPECT_EQ(stream.feed("more"), "");
}

TEST(StopStrings, WithoutAnyEverythingPasses) {
  StopStrings stream({});
  EXPECT_EQ(stream.feed("all"), "all");
  EXPECT_EQ(stream.flush(), "");
}

}  // namespace
}  // namespace hadal
