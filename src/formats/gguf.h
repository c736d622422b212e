// GGUF v3: untrusted bytes -> header, metadata and tensor table, zero-copy. (Running such a file comes
// later.)
//
// Everything is checked before anything is allocated from it: counts against the bytes that are left, sizes
// with checked arithmetic, UTF-8 in every string, keys and tensor names each once, tensors aligned, inside
// the file and apart. Arrays may be nested up to kGgufMaxDepth. A bad file is Error(kInvalidModel). Metadata
// values stay encoded, as views of the file: walk them with GgufCursor.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "formats/ggml_types.h"

namespace hadal {

inline constexpr int kGgufMaxDepth = 16;

enum class GgufType : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};
std::string_view gguf_type_name(GgufType type);  // "UINT8", ...

struct GgufArray {
  GgufType of = GgufType::kUint8;
  uint64_t count = 0;
};

// Reads the values of checked bytes, one after the other; reading past the end is a bug.
class GgufCursor {
 public:
  explicit GgufCursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename T>
  T scalar() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view string() {
    const std::span<const std::byte> text = take(scalar<uint64_t>());
    return {reinterpret_cast<const char*>(text.data()), text.size()};
  }
  // The head of an array; its items come next.
  GgufArray array() {
    const auto of = static_cast<GgufType>(scalar<uint32_t>());
    return {of, scalar<uint64_t>()};
  }

 private:
  std::span<const std::byte> take(uint64_t size) {
    CHECK(size <= bytes_.size());
    const std::span<const std::byte> taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

  std::span<const std::byte> bytes_;
};

struct GgufMetadata {
  std::string_view key;
  GgufType type = GgufType::kUint8;
  std::span<const std::byte> value;  // encoded: for GgufCursor
};

struct GgufTensor {
  std::string_view name;
  const GgmlType* type = nullptr;
  std::vector<uint64_t> dims;  // innermost first, as stored; at most 4
  uint64_t offset = 0;         // from data_start
  std::span<const std::byte> bytes;
};

// Views into the bytes that were parsed.
struct GgufContents {
  uint32_t alignment = 32;
  uint64_t data_start = 0;
  std::vector<GgufMetadata> metadata;  // in the order of the file
  std::vector<GgufTensor> tensors;     // in the order of the file
};

inline constexpr uint32_t kGgufVersion = 3;

class Gguf {
 public:
  static Gguf open(const std::string& path, LoadMode mode);
  // The same checks over bytes in memory: `origin` stands for the path in messages.
  static GgufContents parse(std::span<const std::byte> bytes, const std::string& origin);

  const GgufContents& contents() const { return contents_; }
  std::span<const std::byte> bytes() const { return view_.bytes(); }

 private:
  explicit Gguf(FileView view) : view_(std::move(view)) {}
  FileView view_;
  GgufContents contents_;
};

}  // namespace hadal
