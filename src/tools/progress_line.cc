#include "tools/progress_line.h"

#include <unistd.h>

#include <cstdio>

namespace hadal {
namespace {

// A prompt that is done sooner needs no line.
constexpr std::chrono::milliseconds kPatience{700};

}  // namespace

ProgressLine::ProgressLine() : watched_(isatty(2) == 1), start_(std::chrono::steady_clock::now()) {}

void ProgressLine::update(int64_t done, int64_t total) {
  if (!watched_ || std::chrono::steady_clock::now() - start_ < kPatience) return;
  if (done >= total) return clear();
  std::fprintf(stderr, "\rreading: %lld of %lld tokens", static_cast<long long>(done),
               static_cast<long long>(total));
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

}  // namespace hadal
