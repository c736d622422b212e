// What `hadal data prepare` does: training text (tools/training_text.h) and a tokenizer -> shards
// (data_shards.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/training_text.h"
#include "train/data_shards.h"

namespace hadal {

struct DataPrepareOptions {
  std::vector<std::string> files;
  std::string tokenizer;  // a model's folder or a tokenizer.json
  std::string encoding;   // a model's folder or an encoding file; empty: hadal's own wording
  std::string out;        // the folder to write
  uint64_t shard_tokens = uint64_t{1} << 24;
  uint64_t limit_bytes = kMaxDocumentBytes;
};

// Nothing that can be opened as data is left behind where this throws.
DataManifest prepare_data(const DataPrepareOptions& options);

}  // namespace hadal
