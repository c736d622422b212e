// What belongs to a model beside its weights: words, generation settings, the chat format, an index of
// shards.
#pragma once

#include <cstdint>
#include <string>

namespace hadal {

inline constexpr uint64_t kMaxSideFile = uint64_t{64} << 20;

// Empty where there is no such file.
std::string optional_text(const std::string& path);
// Error(kIo) where it cannot be made.
void make_folder(const std::string& path);
// All regular files of the folder `from` that hold no tensors and that `to` does not have. Error(kIo) naming
// the file.
void copy_side_files(const std::string& from, const std::string& to);

}  // namespace hadal
