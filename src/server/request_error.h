// A request that cannot be answered: what every protocol makes its own error body from.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "base/error.h"

namespace hadal {

class RequestError : public Error {
 public:
  RequestError(int status, const std::string& message, std::string param = "", std::string kind = "")
      : Error(ErrorCode::kUsage, message),
        status_(status),
        param_(std::move(param)),
        kind_(std::move(kind)) {}

  int status() const { return status_; }
  // The field at fault, such as messages[1].content; empty when it is no single one.
  const std::string& param() const { return param_; }
  // The error's type in OpenAI's words; empty: what the status says.
  const std::string& kind() const { return kind_; }

 private:
  int status_;
  std::string param_;
  std::string kind_;
};

// 400: `param` (may be empty) stands before the message.
template <typename... Args>
[[noreturn]] void refuse(const std::string& param, fmt::format_string<Args...> format, Args&&... args) {
  const std::string message = fmt::format(format, std::forward<Args>(args)...);
  throw RequestError(400, param.empty() ? message : param + ": " + message, param);
}

}  // namespace hadal
