// Stop strings over a stream of text: gives out what cannot belong to one any more and holds back the rest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hadal {

class StopStrings {
 public:
  // Empty strings are left out.
  explicit StopStrings(std::vector<std::string> strings);

  // What may be shown now. Once a stop string was found: the text before it, then nothing any more.
  std::string feed(std::string_view text);
  // The end: what was held back.
  std::string flush();
  bool found() const { return found_; }
  // The stop string that was found.
  const std::string& which() const { return which_; }

 private:
  std::vector<std::string> strings_;
  std::string held_;  // may be the beginning of a stop string
  bool found_ = false;
  std::string which_;
};

}  // namespace hadal
