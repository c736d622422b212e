// What a step of training tells of itself, and its line in metrics.jsonl.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hadal {

struct StepReport {
  int64_t step = 0;
  double loss = 0;  // nats a token
  double mtp_loss = 0;
  double index_kl = 0;
  double balance = 0;
  double gradient_norm = 0;
  double rate = 0;
  int64_t tokens = 0;
  double seconds = 0;
  double largest_load = 0;      // of any expert, times the mean of its layer
  double routing_entropy = 0;   // of the scores, mean of the layers that route by them; 1: all experts alike
  std::vector<double> streams;  // root mean square of the residual streams before each layer
  std::vector<double> gains;    // of their mixing so far, before each layer (train/stream_gain.h)
};

// A JSON object and a line break.
std::string metrics_line(const StepReport& report);
// Nothing for a line that is not whole.
std::optional<StepReport> parse_metrics_line(std::string_view line);

}  // namespace hadal
