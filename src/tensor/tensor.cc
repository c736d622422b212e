#include "tensor/tensor.h"

#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace hadal {

Buffer::Buffer(int64_t count) : size_(count) {
  const size_t bytes = (static_cast<size_t>(count) * sizeof(float) + 63) / 64 * 64;
  if (bytes == 0) return;
  auto* at = static_cast<float*>(std::aligned_alloc(64, bytes));
  if (at == nullptr) fail(ErrorCode::kNoMemory, "cannot allocate {} bytes", bytes);
  std::memset(at, 0, bytes);
  data_.reset(at);
}

void Buffer::Free::operator()(float* p) const { std::free(p); }

}  // namespace hadal
