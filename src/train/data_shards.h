// Prepared training data: a folder of shards, each a safetensors file, and manifest.json, which is written
// last.
//
//   ids      U16 or I32 [tokens]         the tokens of document after document (U16 where the vocabulary
//   fits) learned  U8 [tokens]                 1 where the token is to be predicted starts   I64 [documents +
//   1]         document d is tokens [starts[d], starts[d + 1])
//
// The manifest names the tokenizer (SHA-256 of its file) and each shard with its SHA-256 and counts. A folder
// without a manifest is no data: a crash while preparing leaves none. Immutable once opened; const calls may
// run on several threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/safetensors.h"

namespace hadal {

struct ShardInfo {
  std::string file;  // within the folder
  std::string sha256;
  uint64_t documents = 0;
  uint64_t tokens = 0;
};

struct DataManifest {
  std::string tokenizer_sha256;
  uint64_t vocab_size = 0;
  uint64_t documents = 0;
  uint64_t tokens = 0;
  uint64_t learned_tokens = 0;
  std::vector<ShardInfo> shards;
};

inline constexpr const char* kManifestFile = "manifest.json";

class DataWriter {
 public:
  // Error(kUsage) where the folder holds prepared data already.
  DataWriter(const std::string& folder, std::string tokenizer_sha256, uint64_t vocab_size,
             uint64_t shard_tokens);

  // `learned` has one entry a token; a document has at least one token.
  void add(std::span<const int32_t> ids, std::span<const uint8_t> learned);
  // Writes what waits and the manifest. Error(kInvalidModel) where there was no document.
  DataManifest finish();

 private:
  void write_shard();

  std::string folder_;
  uint64_t shard_tokens_;
  DataManifest manifest_;
  std::vector<int32_t> ids_;
  std::vector<uint8_t> learned_;
  std::vector<int64_t> starts_{0};
};

class DataSet {
 public:
  // Reads the manifest and every shard. Error(kInvalidModel) naming the file where a shard is not what the
  // manifest says, to the bit.
  static DataSet open(const std::string& folder);

  const DataManifest& manifest() const { return manifest_; }
  // SHA-256 of the manifest: the identity of the data.
  const std::string& sha256() const { return sha256_; }

  uint64_t documents() const { return starts_.size() - 1; }
  uint64_t document_tokens(uint64_t document) const { return starts_[document + 1] - starts_[document]; }

  // Tokens [first, first + out.size()) of a document.
  void read(uint64_t document, uint64_t first, std::span<int32_t> ids, std::span<uint8_t> learned) const;

 private:
  struct Shard {
    std::unique_ptr<Safetensors> file;
    uint64_t first_token;
    const std::byte* ids;
    const std::byte* learned;
    bool wide;
  };

  void add_shard(const std::string& folder, const ShardInfo& info);

  DataManifest manifest_;
  std::string sha256_;
  std::vector<Shard> shards_;
  std::vector<uint64_t> starts_{0};  // over all shards
};

}  // namespace hadal
