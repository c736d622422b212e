#include "formats/gguf.h"

#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "base/error.h"
#include "base/utf8.h"
#include "formats/shown.h"

namespace hadal {
namespace {

constexpr std::string_view kTypeNames[] = {"UINT8",  "INT8",    "UINT16", "INT16",  "UINT32",
                                           "INT32",  "FLOAT32", "BOOL",   "STRING", "ARRAY",
                                           "UINT64", "INT64",   "FLOAT64"};
constexpr uint64_t kScalarBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr uint64_t kStringBytes = 8;  // at least: a length
constexpr uint64_t kArrayBytes = 12;  // at least: type and count
constexpr uint64_t kMetadataBytes = kStringBytes + 4 + 1;
constexpr uint64_t kTensorBytes = kStringBytes + 4 + 4 + 8;
constexpr uint32_t kMaxDims = 4;

// The fewest bytes that one value of the type takes.
uint64_t least_bytes(GgufType type) {
  if (type == GgufType::kString) return kStringBytes;
  if (type == GgufType::kArray) return kArrayBytes;
  return kScalarBytes[static_cast<size_t>(type)];
}

class GgufReader {
 public:
  GgufReader(std::span<const std::byte> bytes, const std::string& origin) : bytes_(bytes), origin_(origin) {}

  GgufContents read() {
    read_magic();
    const uint64_t tensors = count("tensor count", kTensorBytes);
    const uint64_t keys = count("metadata count", kMetadataBytes);
    for (uint64_t i = 0; i < keys; ++i) contents_.metadata.push_back(metadata(i));
    check_distinct_keys();
    read_alignment();
    std::vector<uint64_t> sizes;
    for (uint64_t i = 0; i < tensors; ++i) contents_.tensors.push_back(tensor(i, sizes));
    check_distinct_names();
    place_tensors(sizes);
    return std::move(contents_);
  }

 private:
  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidModel, "{}: {}", origin_, fmt::format(format, std::forward<Args>(args)...));
  }

  uint64_t left() const { return bytes_.size() - at_; }

  std::span<const std::byte> take(uint64_t size, const std::string& what) {
    if (size > left())
      bad("{} needs {} bytes at byte {}, but the file ends after {}; it is cut off or damaged: fetch it "
          "again",
          what, size, at_, left());
    at_ += size;
    return bytes_.subspan(at_ - size, size);
  }

  template <typename T>
  T scalar(const std::string& what) {
    return GgufCursor(take(sizeof(T), what)).scalar<T>();
  }

  std::string_view string(const std::string& what) {
    const auto size = scalar<uint64_t>(what);
    const std::span<const std::byte> text = take(size, what);
    const std::string_view view(reinterpret_cast<const char*>(text.data()), text.size());
    if (!is_valid_utf8(view)) bad("{} is not UTF-8", what);
    return view;
  }

  // How many things follow, each of at least `least` bytes.
  uint64_t count(const std::string& what, uint64_t least) {
    const auto n = scalar<uint64_t>(what);
    if (n > left() / least)
      bad("{} is {}, more than the {} bytes that follow can hold; the file is cut off or damaged", what, n,
          left());
    return n;
  }

  GgufType value_type(const std::string& what) {
    const auto id = scalar<uint32_t>(what);
    if (id >= std::size(kTypeNames))
      bad("{} has the value type {}; GGUF has 0 to {}", what, id, std::size(kTypeNames) - 1);
    return static_cast<GgufType>(id);
  }

  void read_magic() {
    const auto magic = take(4, "the magic \"GGUF\"");
    const std::string_view text(reinterpret_cast<const char*>(magic.data()), magic.size());
    if (text != "GGUF") bad("the file does not begin with \"GGUF\"; it is no GGUF file");
    const auto version = scalar<uint32_t>("version");
    if (version != kGgufVersion)
      bad("version is {}; this program reads {}: convert the model again with current tools", version,
          kGgufVersion);
  }

  GgufMetadata metadata(uint64_t index) {
    GgufMetadata entry;
    entry.key = string(fmt::format("the key of metadata {}", index));
    const std::string what = fmt::format("metadata {}", shown(entry.key));
    entry.type = value_type(what);
    const uint64_t start = at_;
    skip_value(entry.type, what, 0);
    entry.value = bytes_.subspan(start, at_ - start);
    return entry;
  }

  void skip_value(GgufType type, const std::string& what, int depth) {
    if (type == GgufType::kString) {
      string(what);
    } else if (type != GgufType::kArray) {
      take(least_bytes(type), what);
    } else {
      if (depth == kGgufMaxDepth) bad("{} has arrays more than {} deep", what, kGgufMaxDepth);
      const GgufType of = value_type(what);
      const uint64_t items = count(what, least_bytes(of));
      if (of == GgufType::kString || of == GgufType::kArray) {
        for (uint64_t i = 0; i < items; ++i) skip_value(of, what, depth + 1);
      } else {
        take(items * least_bytes(of), what);
      }
    }
  }

  void check_distinct_keys() const {
    std::vector<std::string_view> keys;
    keys.reserve(contents_.metadata.size());
    for (const GgufMetadata& entry : contents_.metadata) keys.push_back(entry.key);
    check_distinct(std::move(keys), "metadata key");
  }

  void check_distinct_names() const {
    std::vector<std::string_view> names;
    names.reserve(contents_.tensors.size());
    for (const GgufTensor& entry : contents_.tensors) names.push_back(entry.name);
    check_distinct(std::move(names), "tensor");
  }

  void check_distinct(std::vector<std::string_view> names, std::string_view what) const {
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) bad("{} {} is there twice; the file is damaged", what, shown(*twice));
  }

  void read_alignment() {
    for (const GgufMetadata& entry : contents_.metadata) {
      if (entry.key != "general.alignment") continue;
      if (entry.type != GgufType::kUint32)
        bad("general.alignment is a {}; expected a UINT32", gguf_type_name(entry.type));
      contents_.alignment = GgufCursor(entry.value).scalar<uint32_t>();
    }
    if (contents_.alignment == 0 || (contents_.alignment & (contents_.alignment - 1)) != 0)
      bad("general.alignment is {}; expected a power of two", contents_.alignment);
  }

  // A line of the tensor table; the tensor's size goes to `sizes`.
  GgufTensor tensor(uint64_t index, std::vector<uint64_t>& sizes) {
    GgufTensor entry;
    entry.name = string(fmt::format("the name of tensor {}", index));
    const std::string what = fmt::format("tensor {}", shown(entry.name));
    const auto dims = scalar<uint32_t>(what);
    if (dims > kMaxDims) bad("{} has {} dimensions; GGUF allows {}", what, dims, kMaxDims);
    CheckedSize elements(1);
    for (uint32_t i = 0; i < dims; ++i) {
      entry.dims.push_back(scalar<uint64_t>(what));
      elements = elements * CheckedSize(entry.dims.back());
      if (!elements.at_most(std::numeric_limits<int64_t>::max()))
        bad("{} has the dimensions [{}...: more elements than can be counted", what,
            fmt::join(entry.dims, ", "));
    }
    const auto type = scalar<uint32_t>(what);
    entry.type = ggml_type(type);
    if (entry.type == nullptr)
      bad("{} has the element type {}, which this program does not know", what, type);
    const uint64_t row = entry.dims.empty() ? 1 : entry.dims[0];
    if (row % entry.type->block_elements != 0)
      bad("{} has rows of {} elements, but {} comes in blocks of {}", what, row, entry.type->name,
          entry.type->block_elements);
    const CheckedSize size =
        CheckedSize(elements.value() / entry.type->block_elements) * CheckedSize(entry.type->block_bytes);
    if (!size.ok()) bad("{} has more bytes than can be counted", what);
    sizes.push_back(size.value());
    entry.offset = scalar<uint64_t>(what);
    if (entry.offset % contents_.alignment != 0)
      bad("{} has the offset {}, which is no multiple of the alignment {}", what, entry.offset,
          contents_.alignment);
    return entry;
  }

  void place_tensors(const std::vector<uint64_t>& sizes) {
    const CheckedSize start = CheckedSize(at_).aligned(contents_.alignment);
    contents_.data_start =
        start.value();  // far from overflow: at_ is inside a file, the alignment has 32 bits
    const uint64_t data_bytes = bytes_.size() - std::min<uint64_t>(bytes_.size(), contents_.data_start);
    for (size_t i = 0; i < sizes.size(); ++i) {
      GgufTensor& entry = contents_.tensors[i];
      const CheckedSize end = CheckedSize(entry.offset) + CheckedSize(sizes[i]);
      if (!end.at_most(data_bytes))
        bad("tensor {} has {} bytes from byte {} of the data on, but the file has {}; it is cut off or "
            "damaged: fetch it again",
            shown(entry.name), sizes[i], entry.offset, data_bytes);
      entry.bytes =
          bytes_.subspan(std::min<uint64_t>(bytes_.size(), contents_.data_start + entry.offset), sizes[i]);
    }
    check_apart();
  }

  void check_apart() const {
    std::vector<const GgufTensor*> order;
    order.reserve(contents_.tensors.size());
    for (const GgufTensor& entry : contents_.tensors)
      if (!entry.bytes.empty()) order.push_back(&entry);
    std::sort(order.begin(), order.end(),
              [](const GgufTensor* a, const GgufTensor* b) { return a->offset < b->offset; });
    for (size_t i = 1; i < order.size(); ++i) {
      if (order[i]->offset - order[i - 1]->offset < order[i - 1]->bytes.size())
        bad("tensor {} begins at byte {} of the data, inside tensor {}; the file is damaged",
            shown(order[i]->name), order[i]->offset, shown(order[i - 1]->name));
    }
  }

  std::span<const std::byte> bytes_;
  const std::string& origin_;
  uint64_t at_ = 0;
  GgufContents contents_;
};

}  // namespace

std::string_view gguf_type_name(GgufType type) { return kTypeNames[static_cast<size_t>(type)]; }

GgufContents Gguf::parse(std::span<const std::byte> bytes, const std::string& origin) {
  return GgufReader(bytes, origin).read();
}

Gguf Gguf::open(const std::string& path, LoadMode mode) {
  Gguf file(FileView(path, mode));
  file.contents_ = parse(file.view_.bytes(), path);
  return file;
}

}  // namespace hadal
