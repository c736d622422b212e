#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

namespace hadal {

void set_log_verbosity(int verbosity) {
  static const auto logger = [] {
    auto created = spdlog::stderr_color_mt("hadal");
    created->set_pattern("%^%l%$: %v");
    spdlog::set_default_logger(created);
    return created;
  }();
  logger->set_level(verbosity < 0    ? spdlog::level::err
                    : verbosity == 0 ? spdlog::level::info
                                     : spdlog::level::debug);
}

}  // namespace hadal
