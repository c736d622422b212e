#include "model/weight_reader.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"

namespace hadal {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

std::string shape_text(std::span<const int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace

const Tensor& WeightReader::need(const std::string& name) {
  const Tensor* const tensor = checkpoint_.find(name);
  if (tensor == nullptr)
    fail(
        ErrorCode::kInvalidModel,
        "{}: tensor {} is missing; the checkpoint is incomplete, or its config.json belongs to another model",
        checkpoint_.dir(), name);
  read_.insert(tensor);
  bytes_ += static_cast<int64_t>(tensor->bytes.size());
  return *tensor;
}

const Tensor& WeightReader::need_shape(const std::string& name, std::initializer_list<int64_t> shape) {
  const Tensor& tensor = need(name);
  if (!std::equal(tensor.shape.begin(), tensor.shape.end(), shape.begin(), shape.end()))
    fail(ErrorCode::kInvalidModel,
         "{}: tensor {} has shape {}, but config.json asks for {}; one of the two belongs to another model",
         checkpoint_.dir(), name, shape_text(tensor.shape), shape_text({shape.begin(), shape.size()}));
  return tensor;
}

void WeightReader::refuse_dtype(const std::string& name, const Tensor& tensor, const char* expected) const {
  fail(ErrorCode::kInvalidModel, "{}: tensor {} has dtype {}, expected {}; convert it to one of these",
       checkpoint_.dir(), name, dtype_name(tensor.dtype), expected);
}

Weight WeightReader::matrix(const std::string& name, int64_t out, int64_t in) {
  const std::string weight_name = name + ".weight";
  const std::string inverse_name = name + ".weight_scale_inv";
  const std::string scale_name = has(inverse_name) ? inverse_name : name + ".scale";
  const Tensor* const seen = checkpoint_.find(weight_name);
  if (seen != nullptr && seen->dtype == DType::kF8E4M3) {
    const Tensor& codes = need_shape(weight_name, {out, in});
    const Tensor& scales = need_shape(scale_name, {ceil_div(out, block_), ceil_div(in, block_)});
    if (scales.dtype != DType::kF8E8M0 && scales.dtype != DType::kF32)
      refuse_dtype(scale_name, scales, "F8_E8M0 or F32");
    const ScaleFormat format = scales.dtype == DType::kF32 ? ScaleFormat::kF32 : ScaleFormat::kE8M0;
    return {WeightFormat::kFp8, format, out, in, codes.bytes.data(), scales.bytes.data(), block_, block_};
  }
  if (seen != nullptr && seen->dtype == DType::kI8) {
    if (in % 32 != 0)
      fail(ErrorCode::kInvalidModel,
           "{}: tensor {} is FP4 (I8), whose scales stand for 32 inputs, but it has {} inputs; convert it to "
           "BF16",
           checkpoint_.dir(), weight_name, in);
    const Tensor& codes = need_shape(weight_name, {out, in / 2});
    const Tensor& scales = need_shape(scale_name, {out, in / 32});
    if (scales.dtype != DType::kF8E8M0) refuse_dtype(scale_name, scales, "F8_E8M0");
    return {WeightFormat::kFp4, ScaleFormat::kE8M0, out, in, codes.bytes.data(), scales.bytes.data()};
  }
  if (seen != nullptr && seen->dtype != DType::kBF16 && seen->dtype != DType::kF32)
    refuse_dtype(weight_name, *seen, "BF16, F32, F8_E4M3 or I8 (FP4)");
  return plain_matrix(weight_name, out, in);
}

Weight WeightReader::plain_matrix(const std::string& full_name, int64_t out, int64_t in) {
  const Tensor& tensor = need_shape(full_name, {out, in});
  if (tensor.dtype != DType::kBF16 && tensor.dtype != DType::kF32)
    refuse_dtype(full_name, tensor, "BF16 or F32");
  const WeightFormat format = tensor.dtype == DType::kBF16 ? WeightFormat::kBF16 : WeightFormat::kF32;
  return {format, ScaleFormat::kE8M0, out, in, tensor.bytes.data(), nullptr};
}

Weight WeightReader::table(const std::string& name, int64_t rows, int64_t dim) {
  constexpr int64_t kBlock = 32;
  const Tensor* const seen = checkpoint_.find(name + ".weight");
  if (seen == nullptr || seen->dtype != DType::kF8E4M3) return plain_matrix(name + ".weight", rows, dim);
  const Tensor& codes = need_shape(name + ".weight", {rows, dim});
  const Tensor& scales = need_shape(name + ".scale", {rows, ceil_div(dim, kBlock)});
  if (scales.dtype != DType::kF8E8M0) refuse_dtype(name + ".scale", scales, "F8_E8M0");
  return {WeightFormat::kFp8, ScaleFormat::kE8M0,  rows, dim,
          codes.bytes.data(), scales.bytes.data(), 1,    kBlock};
}

NormWeight WeightReader::vector(const std::string& full_name, std::initializer_list<int64_t> shape) {
  const Tensor& tensor = need_shape(full_name, shape);
  if (tensor.dtype != DType::kBF16 && tensor.dtype != DType::kF32)
    refuse_dtype(full_name, tensor, "BF16 or F32");
  return {tensor.bytes.data(), tensor.dtype == DType::kBF16, tensor.elements()};
}

NormWeight WeightReader::norm(const std::string& name, int64_t size) {
  return vector(name + ".weight", {size});
}

const std::byte* WeightReader::f32(const std::string& full_name, std::initializer_list<int64_t> shape) {
  const Tensor& tensor = need_shape(full_name, shape);
  if (tensor.dtype != DType::kF32) refuse_dtype(full_name, tensor, "F32");
  return tensor.bytes.data();
}

const std::byte* WeightReader::expert_table(const std::string& full_name, int64_t vocab, int64_t top_k,
                                            int64_t experts) {
  const Tensor& tensor = need_shape(full_name, {vocab, top_k});
  if (tensor.dtype != DType::kI64) refuse_dtype(full_name, tensor, "I64");
  for (int64_t i = 0; i < vocab * top_k; ++i) {
    const auto id = load_as<int64_t>(tensor.bytes.data() + i * 8);
    if (id < 0 || id >= experts)
      fail(ErrorCode::kInvalidModel,
           "{}: tensor {} sends token {} to expert {}, but there are {} experts; the file is damaged",
           checkpoint_.dir(), full_name, i / top_k, id, experts);
  }
  return tensor.bytes.data();
}

}  // namespace hadal
