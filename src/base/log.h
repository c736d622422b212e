// Logging to stderr: log_info("loaded {} tensors", n). Results go to stdout and never through here.
// Prompts and replies are never logged.
#pragma once

#include <spdlog/spdlog.h>

namespace hadal {

// verbosity: -1 errors only (-q), 0 warnings and info, 1 debug (-v).
void set_log_verbosity(int verbosity);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::debug(format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::info(format, std::forward<Args>(args)...);
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  spdlog::warn(format, std::forward<Args>(args)...);
}

}  // namespace hadal
