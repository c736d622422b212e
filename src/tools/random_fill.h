// The stored bytes of a random tensor, a range of rows at a time.
//
// A matrix has the same numbers in every format, up to its rounding: element (o, i) is spread * normal,
// halved in about every other tile of FP8 scales so that a mistake in the scales shows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tools/random_layout.h"
#include "tools/random_values.h"

namespace hadal {

inline constexpr int64_t kRandomTile = 128;

class RandomFiller {
 public:
  RandomFiller(const RandomTensor& tensor, uint64_t seed);

  // A tensor is rows of the first dimension (one-dimensional ones: rows of one element).
  int64_t rows() const { return rows_; }
  int64_t row_bytes() const { return row_bytes_; }
  int64_t scale_rows() const;       // 0 where the tensor has no scales
  int64_t scale_row_bytes() const;  // of the scale tensor

  // Rows [first, last) into `out`, and their scales into `scales`, where the whole scale tensor lies. Ranges
  // begin at multiples of kRandomTile. Thread-safe for ranges apart.
  void fill(int64_t first, int64_t last, std::byte* out, std::byte* scales) const;

 private:
  float tile_spread(int64_t row, int64_t col) const;
  void fill_values(int64_t first, int64_t last, std::byte* out) const;
  void fill_hash_ids(int64_t first, int64_t last, std::byte* out) const;
  void fill_matrix_row(int64_t row, float* values, std::byte* out, std::byte* scales) const;

  const RandomTensor& tensor_;
  const RandomValues values_;
  const RandomValues tiles_;
  const int64_t rows_;
  int64_t cols_ = 1;
  int64_t row_bytes_ = 0;
};

}  // namespace hadal
