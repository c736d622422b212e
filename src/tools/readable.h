// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace hadal {

std::string readable_bytes(uint64_t bytes);  // "583 B", "3.4 MB", "159.61 GB"
std::string readable_count(uint64_t count);  // "512", "13.27 billion"
std::string grouped(uint64_t number);        // "69,187"

}  // namespace hadal
