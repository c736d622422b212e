// Builds the bytes of small GGUF files, sound or not.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"

namespace hadal {

class GgufBytes {
 public:
  GgufBytes(uint64_t tensors, uint64_t keys, uint32_t version = kGgufVersion) {
    bytes_ = "GGUF";
    add(version).add(tensors).add(keys);
  }

  template <typename T>
  GgufBytes& add(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof raw);
    return *this;
  }
  GgufBytes& text(std::string_view text) {
    add(uint64_t{text.size()});
    bytes_ += text;
    return *this;
  }
  GgufBytes& key(std::string_view name, GgufType type) { return text(name).add(static_cast<uint32_t>(type)); }
  GgufBytes& array(GgufType of, uint64_t count) { return add(static_cast<uint32_t>(of)).add(count); }
  GgufBytes& tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
                    uint64_t offset) {
    text(name).add(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) add(dim);
    return add(type).add(offset);
  }
  GgufBytes& pad(size_t alignment) {
    while (bytes_.size() % alignment != 0) bytes_ += '\0';
    return *this;
  }
  GgufBytes& data(size_t size) {
    for (size_t i = 0; i < size; ++i) bytes_ += static_cast<char>(i * 7 + 1);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// A file with every kind of thing in it.
inline std::string sound_gguf() {
  return GgufBytes(2, 5)
      .key("general.alignment", GgufType::kUint32)
      .add(uint32_t{16})
      .key("words", GgufType::kArray)
      .array(GgufType::kString, 2)
      .text("a")
      .text("ü")
      .key("nested", GgufType::kArray)
      .array(GgufType::kArray, 2)
      .array(GgufType::kInt16, 2)
      .add(int16_t{-1})
      .add(int16_t{2})
      .array(GgufType::kBool, 0)
      .key("real", GgufType::kFloat64)
      .add(0.5)
      .key("name", GgufType::kString)
      .text("x")
      .tensor("b", {3, 2}, 0, 48)
      .tensor("a", {32, 1}, 8, 0)
      .pad(16)
      .data(48 + 32)
      .bytes();
}

}  // namespace hadal
