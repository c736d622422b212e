#include "formats/safetensors.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>

#include "base/checked.h"
#include "base/error.h"
#include "formats/json.h"

namespace hadal {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::string_view kMetadata = "__metadata__";

// A tensor's bytes, counted from the start of the data section.
struct Extent {
  uint64_t begin = 0;
  uint64_t end = 0;
};

struct Entry {
  NamedTensor tensor;
  Extent extent;
};

// The text of the header, which ends where the data section begins.
std::string_view header_text(std::span<const std::byte> bytes, const std::string& origin) {
  const auto bad = [&](const std::string& what) {
    fail(ErrorCode::kInvalidModel, "{}: {}; the file is cut off or is no safetensors file: fetch it again",
         origin, what);
  };
  if (bytes.size() < kLengthBytes)
    bad(fmt::format("{} bytes, too few for the header's length", bytes.size()));
  const auto length = load_as<uint64_t>(bytes.data());
  if (length > bytes.size() - kLengthBytes)
    bad(fmt::format("the header's length is {}, but {} bytes follow", length, bytes.size() - kLengthBytes));
  if (length > kMaxHeaderBytes)
    bad(fmt::format("the header's length is {}, more than the {} allowed", length, kMaxHeaderBytes));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  if (text.empty() || text.front() != '{') bad("the header does not begin with '{'");
  return text;
}

class HeaderReader {
 public:
  HeaderReader(std::span<const std::byte> bytes, const std::string& origin)
      : text_(header_text(bytes, origin)),
        data_(bytes.subspan(kLengthBytes + text_.size())),
        json_(text_, origin) {}

  std::vector<NamedTensor> tensors(std::vector<std::pair<std::string, std::string>>* metadata) const {
    std::vector<Entry> entries;
    for (const JsonFile::Member& member : json_.members(json_.root(), "the header")) {
      if (member.key == kMetadata)
        read_metadata(member.value, metadata);
      else
        entries.push_back(entry(member));
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.extent.begin, a.extent.end, a.tensor.name) <
             std::tie(b.extent.begin, b.extent.end, b.tensor.name);
    });
    check_cover(entries);
    std::vector<NamedTensor> tensors;
    tensors.reserve(entries.size());
    for (Entry& e : entries) tensors.push_back(std::move(e.tensor));
    return tensors;
  }

 private:
  void read_metadata(JsonFile::Value value,
                     std::vector<std::pair<std::string, std::string>>* metadata) const {
    for (const JsonFile::Member& member : json_.members(value, kMetadata)) {
      std::string_view text;
      if (member.value.get(text))
        json_.bad("{}: {} is {}; expected a string", kMetadata, shown(member.key), shown(member.value));
      if (metadata != nullptr) metadata->emplace_back(member.key, text);
    }
  }

  Entry entry(const JsonFile::Member& member) const {
    const std::string name = fmt::format("tensor {}", shown(member.key));
    std::optional<JsonFile::Value> dtype;
    std::optional<JsonFile::Value> shape;
    std::optional<JsonFile::Value> offsets;
    for (const JsonFile::Member& field : json_.members(member.value, name)) {
      if (field.key == "dtype") dtype = field.value;
      if (field.key == "shape") shape = field.value;
      if (field.key == "data_offsets") offsets = field.value;
    }
    if (!dtype || !shape || !offsets)
      json_.bad("{} has no {}; the file is damaged: fetch it again", name,
                !dtype   ? "dtype"
                : !shape ? "shape"
                         : "data_offsets");
    Entry e;
    e.tensor.name = member.key;
    e.tensor.tensor.dtype = read_dtype(*dtype, name);
    e.tensor.tensor.shape = read_shape(*shape, name);
    e.extent = read_extent(*offsets, name);
    check_size(e, name);
    e.tensor.tensor.bytes = data_.subspan(e.extent.begin, e.extent.end - e.extent.begin);
    return e;
  }

  DType read_dtype(JsonFile::Value value, const std::string& name) const {
    std::string_view text;
    std::optional<DType> dtype;
    if (!value.get(text)) dtype = dtype_from_name(text);
    if (!dtype) json_.bad("{} has the dtype {}, which this program does not know", name, shown(value));
    return *dtype;
  }

  std::vector<int64_t> read_shape(JsonFile::Value value, const std::string& name) const {
    simdjson::dom::array sizes;
    if (value.get(sizes)) json_.bad("{} has the shape {}; expected an array", name, shown(value));
    std::vector<int64_t> shape;
    for (const JsonFile::Value size : sizes) {
      int64_t n = 0;
      if (size.get(n) || n < 0)
        json_.bad("{} has the size {} in its shape; expected whole numbers from 0 on", name, shown(size));
      shape.push_back(n);
    }
    return shape;
  }

  Extent read_extent(JsonFile::Value value, const std::string& name) const {
    simdjson::dom::array offsets;
    if (value.get(offsets) || offsets.size() != 2)
      json_.bad("{} has data_offsets that are not [begin, end]", name);
    Extent extent;
    const JsonFile::Value begin = offsets.at(0);
    const JsonFile::Value end = offsets.at(1);
    if (begin.get(extent.begin) || end.get(extent.end) || extent.begin > extent.end ||
        extent.end > data_.size())
      json_.bad(
          "{} has the data_offsets [{}, {}]; the file has the bytes 0 to {}: it is cut off or damaged, fetch "
          "it again",
          name, shown(begin), shown(end), data_.size());
    return extent;
  }

  void check_size(const Entry& e, const std::string& name) const {
    // As Tensor::elements() counts, so that it cannot overflow either.
    CheckedSize elements(1);
    for (const int64_t size : e.tensor.tensor.shape)
      elements = elements * CheckedSize(static_cast<uint64_t>(size));
    const CheckedSize bytes = elements * CheckedSize(dtype_bytes(e.tensor.tensor.dtype));
    const uint64_t seen = e.extent.end - e.extent.begin;
    if (!elements.at_most(std::numeric_limits<int64_t>::max()) || !bytes.ok())
      json_.bad("{} has a shape of more elements than can be counted; the file is damaged", name);
    if (bytes.value() != seen)
      json_.bad("{} has {} bytes, but its shape and dtype need {}; the file is damaged: fetch it again", name,
                seen, bytes.value());
  }

  // The tensors follow each other without overlap or hole and fill the file.
  void check_cover(const std::vector<Entry>& entries) const {
    uint64_t at = 0;
    for (const Entry& e : entries) {
      if (e.extent.begin != at)
        json_.bad(
            "tensor {} begins at byte {} of the data, but the tensors before it end at {}; the file is "
            "damaged",
            shown(e.tensor.name), e.extent.begin, at);
      at = e.extent.end;
    }
    if (at != data_.size())
      json_.bad("the tensors end at byte {} of the data, but the file goes on to {}; it is damaged", at,
                data_.size());
  }

  std::string_view text_;
  std::span<const std::byte> data_;
  JsonFile json_;
};

}  // namespace

std::vector<NamedTensor> Safetensors::parse(std::span<const std::byte> bytes, const std::string& origin,
                                            std::vector<std::pair<std::string, std::string>>* metadata) {
  return HeaderReader(bytes, origin).tensors(metadata);
}

Safetensors Safetensors::open(const std::string& path, LoadMode mode) {
  Safetensors file(FileView(path, mode));
  file.tensors_ = parse(file.view_.bytes(), path, &file.metadata_);
  file.by_name_.resize(file.tensors_.size());
  for (size_t i = 0; i < file.by_name_.size(); ++i) file.by_name_[i] = i;
  std::sort(file.by_name_.begin(), file.by_name_.end(),
            [&](size_t a, size_t b) { return file.tensors_[a].name < file.tensors_[b].name; });
  return file;
}

const NamedTensor* Safetensors::find_named(std::string_view name) const {
  const auto at =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [&](size_t i, std::string_view wanted) { return tensors_[i].name < wanted; });
  if (at == by_name_.end() || tensors_[*at].name != name) return nullptr;
  return &tensors_[*at];
}

const std::string* Safetensors::metadata(std::string_view key) const {
  const auto at = std::ranges::find(metadata_, key, &std::pair<std::string, std::string>::first);
  return at == metadata_.end() ? nullptr : &at->second;
}

const Tensor* Safetensors::find(std::string_view name) const {
  const NamedTensor* const named = find_named(name);
  return named == nullptr ? nullptr : &named->tensor;
}

}  // namespace hadal
