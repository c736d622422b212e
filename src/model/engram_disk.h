// EngramDisk: the rows of one Engram table, read from its file when a pass asks for them, past the page cache
// where the file system allows it. A small cache keeps the rows that were asked for last.
//
// request() gives the reads to threads of its own and returns; take() waits for them. Both belong to the
// thread that runs the model; passes that come in between another's layers have requests of their own.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "ops/weight.h"

namespace hadal {

// How many rows were asked for, and how many of them needed no read.
struct EngramStats {
  int64_t rows = 0;
  int64_t hits = 0;
};

class EngramDisk;

// Rows that one pass asked for, in the order of its request.
class EngramRequest {
 public:
  EngramRequest() = default;
  ~EngramRequest();  // waits for reads of a pass that was given up
  EngramRequest(const EngramRequest&) = delete;
  EngramRequest& operator=(const EngramRequest&) = delete;

 private:
  friend class EngramDisk;
  struct Miss {
    int32_t row;
    size_t place;
  };

  std::shared_ptr<EngramDisk> disk_;
  size_t rows_ = 0;
  std::vector<std::byte> codes_, scales_;
  std::vector<Miss> misses_;  // sorted by row; a row's first place is read, the others are copied
  size_t unfinished_ = 0;     // guarded by the disk's mutex
  int error_ = 0;             // the same
};

class EngramDisk : public std::enable_shared_from_this<EngramDisk> {
 public:
  // `table` [rows, dim] lies in the file `path`: its codes from byte codes_at on, its scales (one for each
  // row and 32 values, where the format has any) from scales_at on. Error(kIo) if the file cannot be opened.
  EngramDisk(const std::string& path, const Weight& table, int64_t codes_at, int64_t scales_at);
  ~EngramDisk();
  EngramDisk(const EngramDisk&) = delete;
  EngramDisk& operator=(const EngramDisk&) = delete;

  void request(std::span<const int32_t> rows, EngramRequest& request);
  // A table with a row for each that was requested, in that order; valid until `request` is used again.
  // Error(kIo) naming the file if a read failed.
  Weight take(EngramRequest& request);
  void wait_for(EngramRequest& request);

  const EngramStats& stats() const { return stats_; }
  // Of a table whose rows take row_bytes, in passes that ask for at most `most_rows` rows.
  static int64_t planned_bytes(int64_t row_bytes, int64_t most_rows);

 private:
  struct Read {
    EngramRequest* request;
    int32_t row;
    size_t place;
  };

  void work();
  bool read(int64_t offset, int64_t size, std::byte* to, std::vector<std::byte>& buffer) const;
  std::byte* codes(EngramRequest& request, size_t place) const {
    return request.codes_.data() + place * code_bytes_;
  }
  std::byte* scales(EngramRequest& request, size_t place) const {
    return request.scales_.data() + place * scale_bytes_;
  }

  const std::string path_;
  const Weight table_;
  const int64_t codes_at_, scales_at_;
  const size_t code_bytes_, scale_bytes_;  // of a row
  int fd_ = -1;
  EngramStats stats_;

  std::vector<int32_t> cached_rows_;  // by row % kCacheRows; -1: none
  std::vector<std::byte> cache_;

  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::deque<Read> reads_;  // guarded by mutex_
  bool stopping_ = false;   // the same
  std::vector<std::thread> threads_;
};

}  // namespace hadal
