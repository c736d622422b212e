// Safetensors files: untrusted bytes -> named tensors, zero-copy; and a writer.
//
// Reader: header at most 100 MB, beginning with '{'; every entry's dtype, shape and byte range are checked
// with checked arithmetic before anything is allocated from them; no overlap, no hole, no duplicate name,
// nothing after the last tensor. A bad file is Error(kInvalidModel) naming file, field, value and what to do.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "tensor/tensor.h"

namespace hadal {

struct NamedTensor {
  std::string name;
  Tensor tensor;  // bytes point into the file's view
};

class Safetensors {
 public:
  static Safetensors open(const std::string& path, LoadMode mode);
  // The same checks over bytes in memory (for fuzzing and tests): `origin` stands for the path in messages.
  static std::vector<NamedTensor> parse(std::span<const std::byte> bytes, const std::string& origin,
                                        std::vector<std::pair<std::string, std::string>>* metadata = nullptr);

  const std::vector<NamedTensor>& tensors() const { return tensors_; }  // in the order of their bytes
  const NamedTensor* find_named(std::string_view name) const;           // null if absent
  const Tensor* find(std::string_view name) const;                      // null if absent
  const std::vector<std::pair<std::string, std::string>>& metadata() const { return metadata_; }
  // Of one key, or null.
  const std::string* metadata(std::string_view key) const;
  const std::string& path() const { return view_.path(); }
  std::span<const std::byte> bytes() const { return view_.bytes(); }  // the whole file

 private:
  explicit Safetensors(FileView view) : view_(std::move(view)) {}
  FileView view_;
  std::vector<NamedTensor> tensors_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::vector<size_t> by_name_;  // places in tensors_, sorted by name
};

// Writes tensors one after another without holding them all: names, dtypes and shapes first, then the bytes
// of each in the same order. The file appears under its name only after finish() (written beside it, synced,
// renamed).
class SafetensorsWriter {
 public:
  struct Entry {
    std::string name;
    DType dtype;
    std::vector<int64_t> shape;
  };
  SafetensorsWriter(const std::string& path, const std::vector<Entry>& entries,
                    const std::vector<std::pair<std::string, std::string>>& metadata = {});
  ~SafetensorsWriter();  // removes the unfinished file
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  void append(std::span<const std::byte> bytes);  // the next bytes of the data section, any cut
  // Or in any order: bytes of entry number `entry` (as given to the constructor) from its byte `offset` on,
  // each once.
  void write(size_t entry, uint64_t offset, std::span<const std::byte> bytes);
  void finish();  // CHECKs that all bytes came

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
