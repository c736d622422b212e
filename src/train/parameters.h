// Parameters: every floating-point tensor of a model as fp32 in one array, with a gradient for each value.
//
// bind() points a model's views at these values: the forward pass reads them in place, and what an optimiser
// writes is what the next pass sees. Three arrays of one layout: masters (what the optimiser moves), values
// (what the pass reads: masters rounded as the export will round them) and gradients.
#pragma once

#include <string>
#include <vector>

#include "model/model.h"
#include "tensor/tensor.h"

namespace hadal {

// Which rule moves a tensor, and how the official layout stores it.
enum class ParameterRole {
  kMatrix,     // products: FP8 at export
  kExpert,     // matrices of routed experts: FP4 at export
  kPlain,      // matrices that are never quantised: gates, compressors, mHC functions
  kEmbedding,  // embed and head
  kNorm,
  kScalar,  // mHC base and scale, sinks, ape
  kBias,    // the router's: moved by the balance rule, not by gradients
};

struct Parameter {
  std::string name;
  std::vector<int64_t> shape;
  ParameterRole role = ParameterRole::kMatrix;
  DType stored = DType::kF32;  // in the official layout without quantisation: BF16 or F32
  int64_t offset = 0;          // in the arrays
  int64_t size = 0;
  bool two_dimensional() const { return shape.size() == 2; }
};

ParameterRole role_of(const std::string& name, size_t dimensions);

class Parameters {
 public:
  // Takes the values of `model`'s checkpoint, whose tensors must be BF16 or F32, and binds the model to them.
  // Error(kUsage) naming a tensor that is quantised. The model must not outlive the result.
  explicit Parameters(Model& model);

  const std::vector<Parameter>& list() const { return list_; }
  int64_t size() const { return values_.size(); }
  float* values() const { return values_.data(); }
  float* masters() const { return masters_.data(); }
  float* gradients() const { return gradients_.data(); }
  float* gradient(const Parameter& p) const { return gradients_.data() + p.offset; }
  // The place of the values that start at `bytes`.
  const Parameter* find(const std::byte* bytes) const;

 private:
  std::vector<Parameter> list_;
  Buffer values_, masters_, gradients_;
};

}  // namespace hadal
