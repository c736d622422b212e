// Tensor: a read-only view of a stored tensor (weights as they lie in the file).
// Mat, ConstMat: views of fp32 activations. Buffer: the owner of aligned fp32 memory.
//
// Views never own and are passed by value. Stored data may have any alignment: read elements through
// load_as<T>() or with unaligned vector loads, never through a cast pointer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "base/check.h"
#include "tensor/dtype.h"

namespace hadal {

struct Tensor {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  // outermost first; row-major
  std::span<const std::byte> bytes;

  int64_t elements() const {
    int64_t n = 1;
    for (const int64_t d : shape) n *= d;
    return n;
  }
};

template <typename T>
T load_as(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Rows of fp32; row r starts at data + r * stride, cols <= stride.
struct ConstMat {
  const float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  const float* row(int64_t r) const { return data + r * stride; }
  ConstMat slice(int64_t first, int64_t count) const { return {row(first), count, cols, stride}; }
};

struct Mat {
  float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  float* row(int64_t r) const { return data + r * stride; }
  Mat slice(int64_t first, int64_t count) const { return {row(first), count, cols, stride}; }
  operator ConstMat() const { return {data, rows, cols, stride}; }  // NOLINT: a view of a view
};

// 64-byte aligned, zeroed fp32 memory.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(int64_t count);

  float* data() const { return data_.get(); }
  int64_t size() const { return size_; }
  std::span<float> span() const { return {data_.get(), static_cast<size_t>(size_)}; }
  // The whole buffer, or its first rows * cols values, as rows packed without gaps.
  Mat mat(int64_t rows, int64_t cols) const {
    CHECK(rows * cols <= size_);
    return {data_.get(), rows, cols, cols};
  }

 private:
  struct Free {
    void operator()(float* p) const;
  };
  std::unique_ptr<float[], Free> data_;
  int64_t size_ = 0;
};

}  // namespace hadal
