#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

// An open descriptor that closes itself.
class Descriptor {
 public:
  // Non-blocking, so that a pipe is refused instead of waited for; regular files do not mind.
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC)) {
    if (fd_ < 0) fail(ErrorCode::kIo, "{}: cannot open: {}", path, std::strerror(errno));
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

uint64_t regular_file_size(const Descriptor& fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) fail(ErrorCode::kIo, "{}: cannot stat: {}", path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) fail(ErrorCode::kIo, "{}: not a regular file", path);
  return static_cast<uint64_t>(info.st_size);
}

constexpr size_t kReadPiece = size_t{32} << 20;
thread_local std::function<void(uint64_t)> watch;

void read_exactly(const Descriptor& fd, const std::string& path, char* out, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(fd.get(), out + done, std::min(size - done, kReadPiece));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::kIo, "{}: read failed at byte {}: {}", path, done, std::strerror(errno));
    if (n == 0)
      fail(ErrorCode::kIo, "{}: ended at byte {} of {}; it changed while being read", path, done, size);
    done += static_cast<size_t>(n);
    if (watch) watch(static_cast<uint64_t>(n));
  }
}

}  // namespace

ReadWatch::ReadWatch(std::function<void(uint64_t)> told) {
  CHECK(!watch);
  watch = std::move(told);
}

ReadWatch::~ReadWatch() { watch = nullptr; }

std::string read_file(const std::string& path, uint64_t limit_bytes) {
  const Descriptor fd(path, O_RDONLY);
  const uint64_t size = regular_file_size(fd, path);
  if (size > limit_bytes)
    fail(ErrorCode::kInvalidModel, "{}: {} bytes, more than the {} that such a file may have", path, size,
         limit_bytes);
  std::string content;
  content.reserve(size + kReadPadding);
  content.resize(size);
  read_exactly(fd, path, content.data(), content.size());
  return content;
}

bool file_exists(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

bool is_directory(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

FileReplacement::FileReplacement(const std::string& path) : path_(path), temporary_(path + ".tmp") {
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) fail(ErrorCode::kIo, "{}: cannot create: {}", temporary_, std::strerror(errno));
}

FileReplacement::~FileReplacement() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void FileReplacement::write(std::string_view bytes) {
  constexpr size_t kCollected = size_t{1} << 20;
  if (waiting_.size() + bytes.size() > kCollected) {
    write_through(waiting_);
    waiting_.clear();
  }
  if (bytes.size() > kCollected)
    write_through(bytes);
  else
    waiting_ += bytes;
}

void FileReplacement::write_through(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::kIo, "{}: write failed: {}", temporary_, std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void FileReplacement::write_at(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::kIo, "{}: write failed: {}", temporary_, std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
}

void FileReplacement::commit() {
  write_through(waiting_);
  if (::fdatasync(fd_) != 0) fail(ErrorCode::kIo, "{}: sync failed: {}", temporary_, std::strerror(errno));
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    fail(ErrorCode::kIo, "{}: rename failed: {}", path_, std::strerror(errno));
  ::close(std::exchange(fd_, -1));
  const size_t slash = path_.rfind('/');
  const Descriptor folder(slash == std::string::npos ? "." : path_.substr(0, slash + 1),
                          O_RDONLY | O_DIRECTORY);
  if (::fsync(folder.get()) != 0)
    fail(ErrorCode::kIo, "{}: folder sync failed: {}", path_, std::strerror(errno));
}

void write_file_atomically(const std::string& path, std::string_view content) {
  FileReplacement file(path);
  file.write(content);
  file.commit();
}

FileView::FileView(const std::string& path, LoadMode mode) : path_(path) {
  const Descriptor fd(path, O_RDONLY);
  size_ = regular_file_size(fd, path);
  if (size_ == 0) return;
  const int flags = mode == LoadMode::kMmap ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  const int protection = mode == LoadMode::kMmap ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const at = ::mmap(nullptr, size_, protection, flags, mode == LoadMode::kMmap ? fd.get() : -1, 0);
  if (at == MAP_FAILED)
    fail(ErrorCode::kIo, "{}: cannot map {} bytes: {}", path, size_, std::strerror(errno));
  data_ = static_cast<const std::byte*>(at);
  if (mode == LoadMode::kMmap) return;
  ::madvise(at, size_, MADV_HUGEPAGE);  // 15 to 25 % more bandwidth; nothing is lost where there are none
  try {
    read_exactly(fd, path, static_cast<char*>(at), size_);
  } catch (...) {
    ::munmap(at, size_);
    throw;
  }
}

FileView::~FileView() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

FileView::FileView(FileView&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

FileView& FileView::operator=(FileView&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace hadal
