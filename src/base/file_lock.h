// FileLock: one process at a time, by a lock that the system holds on an open file: it ends with the process,
// however that ends, so none is ever left behind. The empty file stays.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace hadal {

class FileLock {
 public:
  // Nothing where somebody else holds it. Error(kIo) where the file cannot be made.
  static std::optional<FileLock> take(const std::string& path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace hadal
