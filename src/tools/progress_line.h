// One line on standard error that says how far a long prompt is, while a person watches. Gone when it is
// done.
#pragma once

#include <chrono>
#include <cstdint>

namespace hadal {

class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void update(int64_t done, int64_t total);
  void clear();

 private:
  bool watched_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace hadal
