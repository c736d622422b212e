// Documents -> packed rows of at most N tokens, in an order that (seed, epoch) alone decides.
//
// A row holds whole documents, one after the other. A document longer than a row is cut into parts that each
// fill one; a part begins with the last token of the part before it, so that every token but a document's
// first is predicted exactly once. Positions, window, compressor blocks and MTP targets restart at each part.
// Where a run stands is (epoch, row): any row can be read at any time, so resuming is reading from there.
//
// Each epoch has every document once. With a curriculum, short documents tend to come early in epoch 0.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "train/data_shards.h"

namespace hadal {

struct RowOptions {
  uint64_t row_tokens = 512;
  uint64_t seed = 0;
  bool curriculum = false;
};

struct PackedRow {
  std::vector<int32_t> ids;    // at most row_tokens
  std::vector<int64_t> parts;  // where each part begins, and the row's size at the end
  // 1 where ids[i] is to be predicted from what stands before it in its part; 0 at the start of each part.
  std::vector<uint8_t> is_target;
};

struct DataPosition {
  uint64_t epoch = 0;
  uint64_t row = 0;
  friend bool operator==(const DataPosition&, const DataPosition&) = default;
};

class RowReader {
 public:
  // `data` must outlive it. Error(kUsage) for rows of fewer than 2 tokens.
  RowReader(const DataSet& data, const RowOptions& options);

  // The row at this position, and the position after it. `position.row` is below the epoch's number of rows,
  // which every epoch has for itself.
  PackedRow read(DataPosition& position);
  uint64_t rows(uint64_t epoch);

 private:
  struct Part {
    uint32_t document;
    uint32_t tokens;
    uint64_t first;
  };

  std::vector<Part> parts_in_order(uint64_t epoch) const;
  void plan(uint64_t epoch);

  const DataSet& data_;
  RowOptions options_;
  // The plan of one epoch: row r is parts [row_ends_[r - 1], row_ends_[r]) of parts_.
  std::optional<uint64_t> planned_;
  std::vector<Part> parts_;
  std::vector<uint64_t> row_ends_;
};

}  // namespace hadal
