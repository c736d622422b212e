// What belongs to a model beside its weights: words, generation settings, the chat format, an index of
// shards.
#pragma once

#include <string>

namespace hadal {

// Error(kIo) where it cannot be made.
void make_folder(const std::string& path);
// All regular files of the folder `from` that hold no tensors and that `to` does not have. Error(kIo) naming
// the file.
void copy_side_files(const std::string& from, const std::string& to);

}  // namespace hadal
