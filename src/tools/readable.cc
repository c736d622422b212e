#include "tools/readable.h"

#include <fmt/format.h>

namespace hadal {

std::string readable_bytes(uint64_t bytes) {
  const auto real = static_cast<double>(bytes);
  if (bytes < 1'000) return fmt::format("{} B", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", real * 1e-3);
  if (bytes < 1'000'000'000) return fmt::format("{:.1f} MB", real * 1e-6);
  return fmt::format("{:.2f} GB", real * 1e-9);
}

std::string readable_count(uint64_t count) {
  const auto real = static_cast<double>(count);
  if (count < 100'000) return grouped(count);
  if (count < 1'000'000'000) return fmt::format("{:.2f} million", real * 1e-6);
  return fmt::format("{:.2f} billion", real * 1e-9);
}

std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

}  // namespace hadal
