// A run as one HTML page: curves as inline SVG, no script, nothing from outside. It reloads itself while the
// run goes on.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "train/step_report.h"

namespace hadal {

struct ReportFacts {
  std::string name;            // of the run
  int64_t steps = 0;           // that it shall make
  int64_t tokens_of_step = 0;  // at most
  int64_t restart = 0;         // the step after which momentum was lost; 0: never
};

std::string html_report(const ReportFacts& facts, std::span<const StepReport> steps);

}  // namespace hadal
