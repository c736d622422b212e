// TapeArena: memory for what a tape keeps of one pass: taken piece by piece, given back all at once, kept for
// the next pass.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "tensor/tensor.h"

namespace hadal {

class TapeArena {
 public:
  // 64-byte aligned; the values are whatever the last pass left.
  template <typename T>
  T* take(int64_t count) {
    const int64_t floats = (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 16;
    while (chunk_ < chunks_.size() && used_ + floats > chunks_[chunk_].size()) {
      ++chunk_;
      used_ = 0;
    }
    if (chunk_ == chunks_.size()) chunks_.emplace_back(std::max(floats, kChunkFloats));
    T* const at = reinterpret_cast<T*>(chunks_[chunk_].data() + used_);
    used_ += floats;
    return at;
  }
  Mat take_mat(int64_t rows, int64_t cols) { return {take<float>(rows * cols), rows, cols, cols}; }
  void reset() { chunk_ = 0, used_ = 0; }
  int64_t bytes() const {
    int64_t bytes = 0;
    for (const Buffer& chunk : chunks_) bytes += chunk.size() * 4;
    return bytes;
  }

 private:
  static constexpr int64_t kChunkFloats = int64_t{4} << 20;
  std::deque<Buffer> chunks_;
  size_t chunk_ = 0;
  int64_t used_ = 0;
};

}  // namespace hadal
