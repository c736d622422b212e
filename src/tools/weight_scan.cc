#include "tools/weight_scan.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <vector>

#include "base/error.h"
#include "base/printable.h"

namespace hadal {
namespace {

constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

// First of elements [first, last) whose bits under `mask` are all set; kNone if there is none. Blocks are
// tested as a whole, which the compiler turns into vector code.
template <typename Code>
int64_t first_with_all(const std::byte* data, int64_t first, int64_t last, Code mask) {
  constexpr int64_t kBlock = 4096;
  for (int64_t block = first; block < last; block += kBlock) {
    const int64_t end = std::min(last, block + kBlock);
    unsigned found = 0;
    for (int64_t i = block; i < end; ++i)
      found |= (load_as<Code>(data + i * static_cast<int64_t>(sizeof(Code))) & mask) == mask ? 1U : 0U;
    if (found == 0) continue;
    for (int64_t i = block; i < end; ++i)
      if ((load_as<Code>(data + i * static_cast<int64_t>(sizeof(Code))) & mask) == mask) return i;
  }
  return kNone;
}

int64_t first_bad(const Tensor& tensor, int64_t first, int64_t last) {
  const std::byte* const data = tensor.bytes.data();
  switch (tensor.dtype) {
    case DType::kF8E4M3:
      return first_with_all<uint8_t>(data, first, last, 0x7F);
    case DType::kF8E8M0:
      return first_with_all<uint8_t>(data, first, last, 0xFF);
    case DType::kBF16:
      return first_with_all<uint16_t>(data, first, last, 0x7F80);
    case DType::kF16:
      return first_with_all<uint16_t>(data, first, last, 0x7C00);
    case DType::kF32:
      return first_with_all<uint32_t>(data, first, last, 0x7F800000U);
    default:
      return kNone;
  }
}

int64_t first_bad(const Tensor& tensor, ThreadPool& pool) {
  std::vector<int64_t> found(static_cast<size_t>(pool.threads()), kNone);
  pool.run([&](int worker) {
    const Range part = part_of(tensor.elements(), worker, pool.threads(), 4096);
    found[static_cast<size_t>(worker)] = first_bad(tensor, part.first, part.last);
  });
  return *std::min_element(found.begin(), found.end());
}

}  // namespace

int64_t first_not_finite(const Tensor& tensor) {
  const int64_t at = first_bad(tensor, 0, tensor.elements());
  return at == kNone ? -1 : at;
}

void scan_weights(const Checkpoint& checkpoint, ThreadPool& pool) {
  for (const Checkpoint::Place& place : checkpoint.tensors()) {
    const Tensor& tensor = place.tensor->tensor;
    const int64_t at = first_bad(tensor, pool);
    if (at != kNone)
      fail(ErrorCode::kInvalidModel,
           "{}: tensor {} ({}) is not a finite number at element {}; the file is damaged: fetch it again",
           place.file->path(), printable(place.tensor->name), dtype_name(tensor.dtype), at);
  }
}

}  // namespace hadal
