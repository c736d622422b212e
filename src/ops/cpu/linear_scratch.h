// LinearScratch and MoeScratch: the memory that linear and moe work in, kept between calls. It grows on the
// first large call and then stays; the engine's thread sizes it before a parallel region starts.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/cpu/linear_kernels.h"
#include "tensor/tensor.h"

namespace hadal {

// Int8 inputs, one row after the other.
class Int8Rows {
 public:
  void resize(int64_t rows, int64_t in) {
    spans_ = int8_spans(in);
    const int64_t floats = rows * spans_ * static_cast<int64_t>(sizeof(Int8Span) / sizeof(float));
    if (memory_.size() < floats) memory_ = Buffer(floats);
  }
  Int8Span* row(int64_t r) const { return reinterpret_cast<Int8Span*>(memory_.data()) + r * spans_; }

 private:
  Buffer memory_;
  int64_t spans_ = 0;
};

struct LinearScratch {
  explicit LinearScratch(int threads) : workers(static_cast<size_t>(threads)) {}

  std::vector<Buffer> workers;  // each worker's ProductJob::scratch
  std::vector<const float*> x;  // the rows that a product reads
  std::vector<float*> out;      // and the rows that it writes
  Int8Rows q;                   // its inputs in int8
  std::vector<const Int8Span*> q_rows;
};

// A visit is a token at one of its experts. Visits lie expert after expert in ascending order, the shared one
// last; within an expert the tokens ascend.
struct MoeScratch {
  explicit MoeScratch(int threads) : tiles(static_cast<size_t>(threads)), tile_rows(tiles.size()) {}

  std::vector<int64_t> first;  // [experts + 2]: expert e has the visits first[e] .. first[e+1]-1
  std::vector<int64_t> next;   // [experts]: where its next visit goes while they are sorted
  // [visits]
  std::vector<int64_t> token;
  std::vector<float> weight;
  std::vector<const float*> x;
  std::vector<const Int8Span*> q;
  std::vector<float*> hidden;  // what w2 takes, in fp32 or in int8
  std::vector<Int8Span*> hidden_q;

  Buffer hidden_memory;
  Int8Rows hidden_q_memory;
  std::vector<Buffer> tiles;  // each worker's outputs of one product, or of two
  std::vector<std::vector<float*>> tile_rows;
};

}  // namespace hadal
