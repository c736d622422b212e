#include "tools/tensor_table.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <ostream>

#include "base/printable.h"
#include "tools/readable.h"

namespace hadal {

void print_tensor(std::ostream& out, std::string_view name, std::string_view type, const std::string& shape,
                  uint64_t bytes) {
  fmt::print(out, "  {:<44} {:<8} {:<20} {:>11}\n", printable(name), type, shape, readable_bytes(bytes));
}

void print_sums(std::ostream& out, const TensorSums& sums) {
  for (const auto& [type, sum] : sums)
    fmt::print(out, "  {:<10} {:>9} tensors {:>12}\n", type, grouped(sum.tensors), readable_bytes(sum.bytes));
}

}  // namespace hadal
