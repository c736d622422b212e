// WeightReader: tensors of a checkpoint by name -> views for the ops, each checked for its dtype and shape.
//
// Every failure is Error(kInvalidModel) naming folder, tensor, what was seen and what is expected. Reads no
// weight bytes except the hash tables' ids.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <unordered_set>
#include <vector>

#include "formats/checkpoint.h"
#include "ops/ops.h"

namespace hadal {

class WeightReader {
 public:
  explicit WeightReader(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint), block_(checkpoint.config().weight_block) {}

  bool has(const std::string& name) const { return checkpoint_.find(name) != nullptr; }

  // name.weight [out, in]: BF16, F32, F8_E4M3 with name.scale or name.weight_scale_inv (F8_E8M0 or F32 per
  // tile of the config's weight_block), or I8-packed FP4 with name.scale (F8_E8M0 per row and 32).
  Weight matrix(const std::string& name, int64_t out, int64_t in);
  // The same for what is never quantised: BF16 or F32 under its full name.
  Weight plain_matrix(const std::string& full_name, int64_t out, int64_t in);
  // A table of rows: BF16, F32, or F8_E4M3 with name.scale (F8_E8M0 per row and 32).
  Weight table(const std::string& name, int64_t rows, int64_t dim);
  // name.weight [size], BF16 or F32.
  NormWeight norm(const std::string& name, int64_t size);
  // The same under its full name, of the product of `shape` values.
  NormWeight vector(const std::string& full_name, std::initializer_list<int64_t> shape);
  const std::byte* f32(const std::string& full_name, std::initializer_list<int64_t> shape);
  // I64 [vocab, top_k]: expert ids, each in [0, experts).
  const std::byte* expert_table(const std::string& full_name, int64_t vocab, int64_t top_k, int64_t experts);

  int64_t tensors() const { return std::ssize(read_); }
  bool was_read(const Tensor& tensor) const { return read_.contains(&tensor); }
  int64_t bytes() const { return bytes_; }  // of all that was asked for

 private:
  const Tensor& need(const std::string& name);
  const Tensor& need_shape(const std::string& name, std::initializer_list<int64_t> shape);
  [[noreturn]] void refuse_dtype(const std::string& name, const Tensor& tensor, const char* expected) const;

  const Checkpoint& checkpoint_;
  const int64_t block_;
  std::unordered_set<const Tensor*> read_;
  int64_t bytes_ = 0;
};

}  // namespace hadal
