// How much memory this process may still take, and how much it has taken at most.
#pragma once

#include <cstdint>
#include <string>

namespace hadal {

// The least of: what the system has available, what each control group above this process leaves, and the
// address space limit. Page cache counts as available. `root` is where /proc and /sys are found (tests put
// their own there).
int64_t available_memory_bytes(const std::string& root = "/");

// Largest resident set so far (VmHWM).
int64_t peak_resident_bytes();

}  // namespace hadal
