// Files of a disk cache: one part of a state each, written whole or not at all, checked to the last bit when
// read.
//
// Bytes (little-endian): "hadalkv1" | int64 kind, rollback, token count, payload bytes | 64 digits of the
// model's fingerprint | 64 digits of the key | tokens (int32) | SHA-256 of all before, 64 digits | payload |
// SHA-256 of the payload, 64 digits. A block's key names what it is the end of; a tail has the key of its
// namespace and all its tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/state_parts.h"

namespace hadal {

struct PartFile {
  enum class Kind : int64_t { kBlock, kTail };
  Kind kind = Kind::kBlock;
  int64_t rollback = 0;
  std::string fingerprint;  // 64 digits
  std::string key;          // 64 digits
  std::vector<int32_t> tokens;

  // Of a file with this many tokens and bytes of payload.
  static int64_t file_bytes(int64_t tokens, int64_t payload);
};

// Error(kIo) if it cannot be written.
void write_part(const std::string& path, const PartFile& file, std::span<const std::byte> payload);
// The file's head, if it is a whole one of the right length. The payload is not read.
std::optional<PartFile> read_part_head(const std::string& path);
// The payload, if every bit is right and the head is this one.
std::optional<StatePart> read_part(const std::string& path, const PartFile& expected, int64_t payload_bytes);

}  // namespace hadal
