#include "tools/memory.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>

namespace hadal {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return {};
  return value;
}

// The number after `key` and blanks, in a file of lines "key value".
std::optional<int64_t> field(const std::string& path, std::string_view key) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with(key)) continue;
    const size_t at = line.find_first_not_of(" \t", key.size());
    if (at != std::string::npos && at > key.size() - 1) return number(std::string_view(line).substr(at));
  }
  return {};
}

std::optional<int64_t> whole_file(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  if (!std::getline(in, line)) return {};
  return number(line);  // "max" is no number: no limit
}

// What one control group leaves: its limit less what it uses, page cache not counted as used.
int64_t left_by_group(const std::string& dir, const char* limit_file, const char* usage_file,
                      const char* prefix) {
  const auto limit = whole_file(dir + limit_file);
  const auto usage = whole_file(dir + usage_file);
  if (!limit || !usage) return kUnlimited;
  const std::string stat = dir + "/memory.stat";
  const int64_t cache = field(stat, std::string(prefix) + "inactive_file ").value_or(0) +
                        field(stat, std::string(prefix) + "active_file ").value_or(0);
  return std::max<int64_t>(0, *limit - std::max<int64_t>(0, *usage - cache));
}

// This process's group and all above it, in both hierarchies.
int64_t left_by_groups(const std::string& root) {
  int64_t left = kUnlimited;
  std::ifstream groups(root + "proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {  // "0::/path" or "7:memory:/path"
    const size_t last = line.rfind(':');
    if (last == std::string::npos) continue;
    const bool unified = line.starts_with("0::");
    if (!unified && line.find(":memory:") == std::string::npos) continue;
    std::filesystem::path path(line.substr(last + 1));
    while (true) {
      const std::string below = path == "/" ? "" : path.string();
      left = std::min(left,
                      unified ? left_by_group(fmt::format("{}sys/fs/cgroup{}", root, below), "/memory.max",
                                              "/memory.current", "")
                              : left_by_group(fmt::format("{}sys/fs/cgroup/memory{}", root, below),
                                              "/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_"));
      if (!path.has_relative_path()) break;
      path = path.parent_path();
    }
  }
  return left;
}

int64_t left_of_address_space(const std::string& root) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUnlimited;
  const int64_t used = field(root + "proc/self/status", "VmSize:").value_or(0) * 1024;
  return std::max<int64_t>(0, static_cast<int64_t>(limit.rlim_cur) - used);
}

}  // namespace

int64_t available_memory_bytes(const std::string& root) {
  const auto kilobytes = field(root + "proc/meminfo", "MemAvailable:");
  const int64_t system = kilobytes ? *kilobytes * 1024 : kUnlimited;
  return std::min({system, left_by_groups(root), left_of_address_space(root)});
}

int64_t peak_resident_bytes() { return field("/proc/self/status", "VmHWM:").value_or(0) * 1024; }

}  // namespace hadal
