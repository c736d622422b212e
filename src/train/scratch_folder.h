// ScratchFolder: a folder that lives as long as this object.
#pragma once

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace hadal {

// A folder that is gone with the object.
class ScratchFolder {
 public:
  // Empty, whatever a process that was killed has left there.
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace hadal
