// The JSON in an answer that should be JSON and nothing else: models like to write "Here it is:" and a fence
// of three backquotes around it. Text before the JSON is left out, and so is what follows a fence. An answer
// without any JSON comes out as it is.
#pragma once

#include <string>
#include <string_view>

namespace hadal {

class JsonFilter {
 public:
  std::string feed(std::string_view text);
  std::string finish();

 private:
  enum class Place { kBefore, kFenceName, kBare, kFenced, kAfter };

  Place place_ = Place::kBefore;
  std::string held_;
};

}  // namespace hadal
