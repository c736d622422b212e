// Files: whole-file reads with a limit, read-only views of big files, atomic writes.
//
// All errors are Error(kIo) naming the path and the system's reason; a file over its limit is
// Error(kInvalidModel).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace hadal {

// The whole file as bytes; refuses files larger than limit_bytes before reading. The string has the capacity
// for kReadPadding bytes more, so that a JSON parser that reads in blocks need not copy it.
inline constexpr uint64_t kReadPadding = 64;
std::string read_file(const std::string& path, uint64_t limit_bytes);

bool file_exists(const std::string& path);
bool is_directory(const std::string& path);

// A file being written beside its place, as path.tmp. commit() syncs it, renames it over path and syncs the
// folder: a crash leaves the old or the new file. Without commit() nothing remains.
class FileReplacement {
 public:
  explicit FileReplacement(const std::string& path);
  ~FileReplacement();
  FileReplacement(const FileReplacement&) = delete;
  FileReplacement& operator=(const FileReplacement&) = delete;

  void write(std::string_view bytes);  // what follows what write() wrote before
  void write_at(uint64_t offset, std::string_view bytes);
  void commit();

 private:
  void write_through(std::string_view bytes);

  std::string path_;
  std::string temporary_;
  std::string waiting_;  // small writes, collected
  int fd_ = -1;
};

void write_file_atomically(const std::string& path, std::string_view content);

enum class LoadMode {
  kMmap,  // pages come from the page cache when touched
  kRead,  // everything is read into anonymous memory up front
};

// A file's bytes for as long as the object lives. Move-only.
class FileView {
 public:
  FileView(const std::string& path, LoadMode mode);
  ~FileView();
  FileView(FileView&& other) noexcept;
  FileView& operator=(FileView&& other) noexcept;
  FileView(const FileView&) = delete;
  FileView& operator=(const FileView&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// While it exists, `told` hears of every piece that this thread reads from files (not of what it maps). It
// may throw to end the reading. At most one to a thread.
class ReadWatch {
 public:
  explicit ReadWatch(std::function<void(uint64_t bytes)> told);
  ~ReadWatch();
  ReadWatch(const ReadWatch&) = delete;
  ReadWatch& operator=(const ReadWatch&) = delete;
};

}  // namespace hadal
