// What `hadal inspect` does: look into a file or a model's folder, say what is in it or whether it is sound.
//
// The kind of a file goes by its extension, else by its first bytes; JSON files of a known name are read as
// what they are. An unsound file is Error(kInvalidModel), one that cannot be read Error(kIo).
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>

#include "model/model.h"

namespace hadal {

struct InspectOptions {
  std::string path;
  bool check = false;  // only say whether it is sound; of a folder, every weight is read
  bool json = false;
  int64_t ctx = 0;                          // tokens to plan memory for; 0: no plan. Folders only.
  std::optional<EngramSource> engram = {};  // of that plan
};

void inspect(const InspectOptions& options, std::ostream& out);

}  // namespace hadal
