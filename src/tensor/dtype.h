// Element types of stored tensors, named as safetensors names them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hadal {

enum class DType {
  kBool,
  kU8,
  kI8,
  kI16,
  kU16,
  kI32,
  kU32,
  kI64,
  kU64,
  kF16,
  kBF16,
  kF32,
  kF64,
  kF8E4M3,
  kF8E5M2,
  kF8E8M0
};

size_t dtype_bytes(DType dtype);
std::string_view dtype_name(DType dtype);  // "F8_E4M3", ...
std::optional<DType> dtype_from_name(std::string_view name);

}  // namespace hadal
