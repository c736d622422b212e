#include "model/engram_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"

namespace hadal {
namespace {

constexpr size_t kCacheRows = size_t{1} << 15;
constexpr int kThreads = 8;  // reads under way at once
constexpr int64_t kPage = 4096;

int open_past_the_cache(const std::string& path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  if (fd < 0 && errno == EINVAL) {
    log_info("{}: its file system reads through the page cache only", path);
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) ::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
  }
  if (fd < 0) fail(ErrorCode::kIo, "{}: cannot open: {}", path, std::strerror(errno));
  return fd;
}

}  // namespace

EngramRequest::~EngramRequest() {
  if (disk_) disk_->wait_for(*this);
}

EngramDisk::EngramDisk(const std::string& path, const Weight& table, int64_t codes_at, int64_t scales_at)
    : path_(path),
      table_(table),
      codes_at_(codes_at),
      scales_at_(scales_at),
      code_bytes_(static_cast<size_t>(table.row_bytes())),
      scale_bytes_(static_cast<size_t>((table.bytes() - table.out * table.row_bytes()) / table.out)),
      fd_(open_past_the_cache(path)),
      cached_rows_(kCacheRows, -1),
      cache_(kCacheRows * (code_bytes_ + scale_bytes_)) {
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
}

EngramDisk::~EngramDisk() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  ::close(fd_);
}

int64_t EngramDisk::planned_bytes(int64_t row_bytes, int64_t most_rows) {
  return (static_cast<int64_t>(kCacheRows) + most_rows) * row_bytes;
}

void EngramDisk::request(std::span<const int32_t> rows, EngramRequest& to) {
  wait_for(to);  // the last one may have been given up
  to.disk_ = shared_from_this();
  to.rows_ = rows.size();
  to.codes_.resize(std::max(to.codes_.size(), rows.size() * code_bytes_));
  to.scales_.resize(std::max(to.scales_.size(), rows.size() * scale_bytes_));
  to.misses_.clear();
  to.error_ = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t slot = static_cast<size_t>(rows[i]) % kCacheRows;
    if (cached_rows_[slot] != rows[i]) {
      to.misses_.push_back({rows[i], i});
      continue;
    }
    const std::byte* const from = cache_.data() + slot * (code_bytes_ + scale_bytes_);
    std::memcpy(codes(to, i), from, code_bytes_);
    if (scale_bytes_ > 0) std::memcpy(scales(to, i), from + code_bytes_, scale_bytes_);
  }
  std::stable_sort(to.misses_.begin(), to.misses_.end(),
                   [](const auto& a, const auto& b) { return a.row < b.row; });
  stats_.rows += std::ssize(rows);
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < to.misses_.size(); ++i) {
      if (i > 0 && to.misses_[i].row == to.misses_[i - 1].row) continue;
      reads_.push_back({&to, to.misses_[i].row, to.misses_[i].place});
      ++to.unfinished_;
    }
    stats_.hits += std::ssize(rows) - static_cast<int64_t>(to.unfinished_);
  }
  work_.notify_all();
}

Weight EngramDisk::take(EngramRequest& from) {
  wait_for(from);
  if (from.error_ != 0)
    fail(ErrorCode::kIo, "{}: a row of the Engram table cannot be read: {}", path_,
         from.error_ > 0 ? std::strerror(from.error_) : "the file is shorter than it was");
  for (size_t i = 0; i < from.misses_.size(); ++i) {
    const auto& [row, place] = from.misses_[i];
    if (i > 0 && from.misses_[i - 1].row == row) {
      const size_t first = from.misses_[i - 1].place;
      std::memcpy(codes(from, place), codes(from, first), code_bytes_);
      if (scale_bytes_ > 0) std::memcpy(scales(from, place), scales(from, first), scale_bytes_);
      continue;
    }
    const size_t slot = static_cast<size_t>(row) % kCacheRows;
    std::byte* const to = cache_.data() + slot * (code_bytes_ + scale_bytes_);
    std::memcpy(to, codes(from, place), code_bytes_);
    if (scale_bytes_ > 0) std::memcpy(to + code_bytes_, scales(from, place), scale_bytes_);
    cached_rows_[slot] = row;
  }
  from.misses_.clear();
  Weight table = table_;
  table.out = static_cast<int64_t>(from.rows_);
  table.data = from.codes_.data();
  if (scale_bytes_ > 0) table.scales = from.scales_.data();
  return table;
}

void EngramDisk::wait_for(EngramRequest& request) {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&request] { return request.unfinished_ == 0; });
}

void EngramDisk::work() {
  std::vector<std::byte> buffer;
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || !reads_.empty(); });
    if (stopping_) return;
    const Read job = reads_.front();
    reads_.pop_front();
    lock.unlock();
    errno = 0;
    const bool ok = read(codes_at_ + job.row * static_cast<int64_t>(code_bytes_),
                         static_cast<int64_t>(code_bytes_), codes(*job.request, job.place), buffer) &&
                    read(scales_at_ + job.row * static_cast<int64_t>(scale_bytes_),
                         static_cast<int64_t>(scale_bytes_), scales(*job.request, job.place), buffer);
    const int error = ok ? 0 : errno != 0 ? errno : -1;
    lock.lock();
    if (error != 0) job.request->error_ = error;
    if (--job.request->unfinished_ == 0) done_.notify_all();
  }
}

// Whole pages around the bytes, as O_DIRECT wants.
bool EngramDisk::read(int64_t offset, int64_t size, std::byte* to, std::vector<std::byte>& buffer) const {
  if (size == 0) return true;
  const int64_t first = offset / kPage * kPage;
  const int64_t end = (offset + size + kPage - 1) / kPage * kPage;
  buffer.resize(std::max(buffer.size(), static_cast<size_t>(end - first + kPage)));
  const auto address = reinterpret_cast<uintptr_t>(buffer.data());
  std::byte* const pages = buffer.data() + (kPage - address % kPage) % kPage;
  int64_t done = 0;
  while (done < offset + size - first) {
    const ssize_t count = ::pread(fd_, pages + done, static_cast<size_t>(end - first - done), first + done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += count;
  }
  std::memcpy(to, pages + (offset - first), static_cast<size_t>(size));
  return true;
}

}  // namespace hadal
