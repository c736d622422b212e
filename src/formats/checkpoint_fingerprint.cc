#include "formats/checkpoint_fingerprint.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.h"

namespace hadal {
namespace {

constexpr size_t kSampledTensors = 256;
constexpr size_t kSampleBytes = 256;

void append_sample(std::string& text, const Tensor& tensor) {
  const size_t count = std::min(kSampleBytes, tensor.bytes.size());
  const auto middle = tensor.bytes.subspan((tensor.bytes.size() - count) / 2, count);
  text.append(reinterpret_cast<const char*>(middle.data()), middle.size());
}

}  // namespace

std::string checkpoint_fingerprint(const Checkpoint& checkpoint) {
  const auto& tensors = checkpoint.tensors();
  std::string text;
  const size_t stride = tensors.size() / kSampledTensors + 1;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const NamedTensor& named = *tensors[i].tensor;
    text += fmt::format("{} {} ", named.name, dtype_name(named.tensor.dtype));
    for (const int64_t d : named.tensor.shape) text += fmt::format("{} ", d);
    text += '\n';
    if (i % stride == 0) append_sample(text, named.tensor);
  }
  return sha256_hex(text);
}

}  // namespace hadal
