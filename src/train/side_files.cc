#include "train/side_files.h"

#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/file.h"

namespace hadal {

namespace fs = std::filesystem;

std::string optional_text(const std::string& path) {
  return file_exists(path) ? read_file(path, kMaxSideFile) : std::string();
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail(ErrorCode::kIo, "{}: {}", path, error.message());
}

void copy_side_files(const std::string& from, const std::string& to) {
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    const fs::path& file = entry.path();
    if (!entry.is_regular_file() || file.extension() == ".safetensors") continue;
    std::error_code error;
    fs::copy_file(file, fs::path(to) / file.filename(), fs::copy_options::skip_existing, error);
    if (error) fail(ErrorCode::kIo, "{}: cannot copy it to {}: {}", file.string(), to, error.message());
  }
}

}  // namespace hadal
