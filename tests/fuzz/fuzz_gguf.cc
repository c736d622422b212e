// The bytes are a GGUF file: it is refused with an Error, or all its metadata can be walked and its tensors
// lie inside it.
#include <cstdint>
#include <span>

#include "base/check.h"
#include "base/error.h"
#include "base/utf8.h"
#include "formats/gguf.h"

namespace hadal {
namespace {

void walk(GgufType type, GgufCursor& cursor) {
  switch (type) {
    case GgufType::kUint8:
    case GgufType::kInt8:
    case GgufType::kBool:
      cursor.scalar<uint8_t>();
      return;
    case GgufType::kUint16:
    case GgufType::kInt16:
      cursor.scalar<uint16_t>();
      return;
    case GgufType::kUint32:
    case GgufType::kInt32:
    case GgufType::kFloat32:
      cursor.scalar<uint32_t>();
      return;
    case GgufType::kUint64:
    case GgufType::kInt64:
    case GgufType::kFloat64:
      cursor.scalar<uint64_t>();
      return;
    case GgufType::kString:
      CHECK(is_valid_utf8(cursor.string()));
      return;
    case GgufType::kArray: {
      const GgufArray array = cursor.array();
      for (uint64_t i = 0; i < array.count; ++i) walk(array.of, cursor);
    }
  }
}

void use(std::span<const std::byte> file) {
  const GgufContents contents = Gguf::parse(file, "fuzz");
  for (const GgufMetadata& entry : contents.metadata) {
    CHECK(is_valid_utf8(entry.key) && !gguf_type_name(entry.type).empty());
    GgufCursor cursor(entry.value);
    walk(entry.type, cursor);
  }
  for (const GgufTensor& tensor : contents.tensors) {
    CHECK(is_valid_utf8(tensor.name) && tensor.offset % contents.alignment == 0);
    if (tensor.bytes.empty()) continue;
    CHECK(tensor.bytes.data() == file.data() + contents.data_start + tensor.offset);
    CHECK(tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size());
  }
}

}  // namespace
}  // namespace hadal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    hadal::use({reinterpret_cast<const std::byte*>(data), size});
  } catch (const hadal::Error& e) {
    CHECK(e.code() == hadal::ErrorCode::kInvalidModel);
  }
  return 0;
}
