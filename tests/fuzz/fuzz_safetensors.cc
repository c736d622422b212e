// The bytes are a safetensors file: it is refused with an Error, or each tensor's bytes are inside it and
// apart.
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  try {
    std::vector<std::pair<std::string, std::string>> metadata;
    const std::byte* end = nullptr;
    for (const hadal::NamedTensor& named : hadal::Safetensors::parse(file, "fuzz", &metadata)) {
      const hadal::Tensor& tensor = named.tensor;
      CHECK(tensor.bytes.size() == static_cast<size_t>(tensor.elements()) * hadal::dtype_bytes(tensor.dtype));
      CHECK(tensor.bytes.data() >= file.data() &&
            tensor.bytes.data() + tensor.bytes.size() <= file.data() + size);
      CHECK(end == nullptr || tensor.bytes.data() == end);
      end = tensor.bytes.data() + tensor.bytes.size();
    }
    CHECK(end == nullptr || end == file.data() + size);
  } catch (const hadal::Error& e) {
    CHECK(e.code() == hadal::ErrorCode::kInvalidModel);
  }
  return 0;
}
