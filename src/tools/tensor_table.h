// Tables of tensors for people: one line each, then the bytes of each element type.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

namespace hadal {

struct TensorSum {
  uint64_t tensors = 0;
  uint64_t bytes = 0;
  void add(uint64_t tensor_bytes) {
    ++tensors;
    bytes += tensor_bytes;
  }
};

// By the name of the element type.
using TensorSums = std::map<std::string, TensorSum, std::less<>>;

void print_tensor(std::ostream& out, std::string_view name, std::string_view type, const std::string& shape,
                  uint64_t bytes);
void print_sums(std::ostream& out, const TensorSums& sums);

}  // namespace hadal
