// The writing half of safetensors.h.
#include <cstring>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "formats/safetensors.h"

namespace hadal {
namespace {

uint64_t bytes_of(const SafetensorsWriter::Entry& entry) {
  uint64_t bytes = dtype_bytes(entry.dtype);
  for (const int64_t size : entry.shape) bytes *= static_cast<uint64_t>(size);
  return bytes;
}

// Length and header, padded so that the data begins at a multiple of 8. Sets `data_bytes` to what must
// follow.
std::string header(const std::vector<SafetensorsWriter::Entry>& entries,
                   const std::vector<std::pair<std::string, std::string>>& metadata, uint64_t& data_bytes) {
  std::string text(8, '\0');
  text += '{';
  if (!metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) text += json_quoted(key) + ':' + json_quoted(value) + ',';
    text.back() = '}';
    text += ',';
  }
  data_bytes = 0;
  for (const SafetensorsWriter::Entry& entry : entries) {
    const uint64_t end = data_bytes + bytes_of(entry);
    text += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}},",
                        json_quoted(entry.name), dtype_name(entry.dtype), fmt::join(entry.shape, ","),
                        data_bytes, end);
    data_bytes = end;
  }
  if (text.back() == ',') text.pop_back();
  text += '}';
  while (text.size() % 8 != 0) text += ' ';
  const uint64_t length = text.size() - 8;
  std::memcpy(text.data(), &length, sizeof length);
  return text;
}

}  // namespace

struct SafetensorsWriter::Impl {
  FileReplacement file;
  uint64_t missing = 0;               // bytes of the data section still to come
  std::vector<uint64_t> begins = {};  // of each entry in the file, and the end
};

SafetensorsWriter::SafetensorsWriter(const std::string& path, const std::vector<Entry>& entries,
                                     const std::vector<std::pair<std::string, std::string>>& metadata)
    : impl_(new Impl{FileReplacement(path)}) {
  const std::string head = header(entries, metadata, impl_->missing);
  impl_->file.write(head);
  impl_->begins.push_back(head.size());
  for (const Entry& entry : entries) impl_->begins.push_back(impl_->begins.back() + bytes_of(entry));
}

SafetensorsWriter::~SafetensorsWriter() = default;

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  CHECK(bytes.size() <= impl_->missing);
  impl_->missing -= bytes.size();
  impl_->file.write({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void SafetensorsWriter::write(size_t entry, uint64_t offset, std::span<const std::byte> bytes) {
  const uint64_t begin = impl_->begins.at(entry) + offset;
  CHECK(begin + bytes.size() <= impl_->begins.at(entry + 1) && bytes.size() <= impl_->missing);
  impl_->missing -= bytes.size();
  impl_->file.write_at(begin, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void SafetensorsWriter::finish() {
  CHECK(impl_->missing == 0);
  impl_->file.commit();
}

}  // namespace hadal
