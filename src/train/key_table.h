// KeyTable: the keys of one block of the model, one fp32 row for each stored row, with their gradients; found
// again by where the sequence state keeps them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "tensor/tensor.h"
#include "train/tape_arena.h"

namespace hadal {

class KeyTable {
 public:
  // `stored_bytes` is the distance of neighbouring rows in the state.
  KeyTable(TapeArena& arena, int64_t capacity, int64_t dim, int64_t stored_bytes)
      : stored_bytes_(stored_bytes),
        values_(arena.take_mat(capacity, dim)),
        gradients_(arena.take_mat(capacity, dim)) {
    std::fill_n(gradients_.data, capacity * dim, 0.0f);
  }

  int64_t rows() const { return rows_; }
  bool has_room(int64_t rows) const { return rows_ + rows <= values_.rows; }
  // A row for what is stored at `at`; the number of the row.
  int64_t add(const std::byte* at, const float* value) {
    CHECK(rows_ < values_.rows);
    if (runs_.empty() || at != runs_.back().at + (rows_ - runs_.back().first) * stored_bytes_)
      runs_.push_back({at, rows_});
    std::copy_n(value, values_.cols, values_.row(rows_));
    return rows_++;
  }
  // The number of the row that was added last for `at`.
  int64_t find(const std::byte* at) const {
    if (holds(last_, at)) return row_in(last_, at);
    for (size_t run = runs_.size(); run-- > 0;) {
      if (!holds(run, at)) continue;
      last_ = run;
      return row_in(run, at);
    }
    CHECK(false && "a key that was not stored in this pass");
    return -1;
  }
  Mat values() const { return values_.slice(0, rows_); }
  Mat gradients() const { return gradients_.slice(0, rows_); }

 private:
  struct Run {
    const std::byte* at;
    int64_t first;
  };
  bool holds(size_t run, const std::byte* at) const {
    if (run >= runs_.size() || at < runs_[run].at) return false;
    const int64_t end = run + 1 < runs_.size() ? runs_[run + 1].first : rows_;
    return at < runs_[run].at + (end - runs_[run].first) * stored_bytes_;
  }
  int64_t row_in(size_t run, const std::byte* at) const {
    return runs_[run].first + (at - runs_[run].at) / stored_bytes_;
  }

  int64_t stored_bytes_;
  Mat values_, gradients_;
  int64_t rows_ = 0;
  std::vector<Run> runs_;
  mutable size_t last_ = 0;
};

}  // namespace hadal
