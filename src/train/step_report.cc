#include "train/step_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "base/json.h"

namespace hadal {
namespace {

template <typename Value>
bool read(const Json& json, const char* key, Value& value) {
  const Json* const field = json.find(key);
  if (field == nullptr) return false;
  const std::string text = dump_json(*field);
  return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

void read_list(const Json& json, const char* key, std::vector<double>& values) {
  const Json* const list = json.find(key);
  if (list == nullptr || list->array() == nullptr) return;
  for (const Json& value : *list->array()) {
    const std::string text = dump_json(value);
    double number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    values.push_back(number);
  }
}

}  // namespace

std::string metrics_line(const StepReport& r) {
  return fmt::format(
      "{{\"step\": {}, \"tokens\": {}, \"loss\": {:.6f}, \"mtp_loss\": {:.6f}, \"index_kl\": {:.6f}, "
      "\"balance\": {:.6f}, \"gradient_norm\": {:.6f}, \"rate\": {:.8f}, \"largest_load\": {:.4f}, "
      "\"routing_entropy\": {:.4f}, \"streams\": [{:.4f}], \"gains\": [{:.5g}], \"seconds\": {:.3f}}}\n",
      r.step, r.tokens, r.loss, r.mtp_loss, r.index_kl, r.balance, r.gradient_norm, r.rate, r.largest_load,
      r.routing_entropy, fmt::join(r.streams, ", "), fmt::join(r.gains, ", "), r.seconds);
}

std::optional<StepReport> parse_metrics_line(std::string_view line) {
  const std::optional<Json> json = parse_json(line);
  if (!json || json->object() == nullptr) return std::nullopt;
  StepReport r;
  // Lines of older versions lack some of the figures.
  if (!read(*json, "step", r.step) || !read(*json, "loss", r.loss)) return std::nullopt;
  read(*json, "tokens", r.tokens);
  for (const auto& [key, value] :
       {std::pair("mtp_loss", &r.mtp_loss), std::pair("index_kl", &r.index_kl),
        std::pair("balance", &r.balance), std::pair("gradient_norm", &r.gradient_norm),
        std::pair("rate", &r.rate), std::pair("seconds", &r.seconds),
        std::pair("largest_load", &r.largest_load), std::pair("routing_entropy", &r.routing_entropy)})
    read(*json, key, *value);
  read_list(*json, "streams", r.streams);
  read_list(*json, "gains", r.gains);
  return r;
}

}  // namespace hadal
