// The one exception type: "this load or request cannot go on".
//
// Every Error says what was seen and what to do about it. It is caught in three places only: main, the
// HTTP handler and the engine loop. A broken invariant of our own is a CHECK (check.h), never an Error;
// an expected outcome (queue full, cancelled) is a return value.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace hadal {

// The values are the exit codes of the program.
enum class ErrorCode {
  kFailure = 1,       // anything without a better code
  kUsage = 2,         // the command line or a request is wrong
  kInvalidModel = 3,  // a file's content is wrong
  kNoMemory = 4,      // it does not fit in the memory allowed
  kIo = 5,            // a file cannot be read or written
  kInterrupted = 130,
};

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace hadal
