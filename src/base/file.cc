#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace hadal {
namespace {

// An open descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags, mode_t mode = 0) : fd_(::open(path.c_str(), flags, mode)) {
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

void read_exactly(const Descriptor& fd, const std::string& path, char* out, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(fd.get(), out + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::kIo, "{}: read failed at byte {}: {}", path, done, std::strerror(errno));
    if (n == 0)
      fail(ErrorCode::kIo, "{}: ended at byte {} of {}; it changed while being read", path, done, size);
    done += static_cast<size_t>(n);
  }
}

}  // namespace

std::string read_file(const std::string& path, uint64_t limit_bytes) {
  const Descriptor fd(path, O_RDONLY | O_CLOEXEC);
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

void write_file_atomically(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  try {
    const Descriptor fd(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t done = 0;
    while (done < content.size()) {
      const ssize_t n = ::write(fd.get(), content.data() + done, content.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(ErrorCode::kIo, "{}: write failed: {}", temporary, std::strerror(errno));
      done += static_cast<size_t>(n);
    }
    if (::fdatasync(fd.get()) != 0)
      fail(ErrorCode::kIo, "{}: sync failed: {}", temporary, std::strerror(errno));
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    fail(ErrorCode::kIo, "{}: rename failed: {}", path, std::strerror(reason));
  }
  const size_t slash = path.rfind('/');
  const Descriptor folder(slash == std::string::npos ? "." : path.substr(0, slash + 1),
                          O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (::fsync(folder.get()) != 0)
    fail(ErrorCode::kIo, "{}: folder sync failed: {}", path, std::strerror(errno));
}

FileView::FileView(const std::string& path, LoadMode mode) : path_(path) {
  const Descriptor fd(path, O_RDONLY | O_CLOEXEC);
  size_ = regular_file_size(fd, path);
  if (size_ == 0) return;
  const int flags = mode == LoadMode::kMmap ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
  const int protection = mode == LoadMode::kMmap ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const at = ::mmap(nullptr, size_, protection, flags, mode == LoadMode::kMmap ? fd.get() : -1, 0);
  if (at == MAP_FAILED)
    fail(ErrorCode::kIo, "{}: cannot map {} bytes: {}", path, size_, std::strerror(errno));
  data_ = static_cast<const std::byte*>(at);
  if (mode == LoadMode::kMmap) return;
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
