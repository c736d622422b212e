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
  kScalar,   // mHC base and scale, sinks, ape
  kBias,     // the router's: moved by the balance rule, not by gradients
  kAdapter,  // matrices of low rank beside a frozen model
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

// Which of a model's tensors become parameters.
enum class ParameterScope {
  kAll,         // all; Error(kUsage) naming one that is quantised
  kAllDecoded,  // all, quantised ones as what they are worth
  kVectors,     // all that is no matrix: what backward ops read as fp32 of a frozen model
};

class Parameters {
 public:
  // Takes the values of `model`'s checkpoint and binds the model to them. The model must not outlive the
  // result.
  explicit Parameters(Model& model, ParameterScope scope = ParameterScope::kAll);
  // Of no model, all zero; offsets are filled in.
  explicit Parameters(std::vector<Parameter> list);

  const std::vector<Parameter>& list() const { return list_; }
  int64_t size() const { return values_.size(); }
  float* values() const { return values_.data(); }
  float* masters() const { return masters_.data(); }
  float* gradients() const { return gradients_.data(); }
  float* gradient(const Parameter& p) const { return gradients_.data() + p.offset; }
  // The parameter whose values start at `bytes`; null for anything else.
  const Parameter* find(const std::byte* bytes) const;

 private:
  void add(Parameter p);
  void make_room();

  std::vector<Parameter> list_;
  int64_t size_ = 0;
  Buffer values_, masters_, gradients_;
};

}  // namespace hadal
