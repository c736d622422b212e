// Ops of a model with an adapter (LoRA): the products of some weights have a part of low rank.
//
// For such a weight linear, linear_grouped and moe (expert by expert) give
//   out[t,o] = fma(scale, dot16(B[o], low[t]), y[t,o]),  low[t,r] = dot16(A[r], x[t]),
// where y is the op's own result in its numerics and both dots are linear_fp32's. In a grouped product low is
// made of each group's part of x. So what ops/ops.h says about bits stays true. All other ops are untouched.
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "ops/backward.h"
#include "ops/device.h"

namespace hadal {

struct LowRank {
  Weight a;  // [rank, in]
  Weight b;  // [out, rank]
  float scale = 1;
  float* d_a = nullptr;  // of a and b while they are trained (F32 then)
  float* d_b = nullptr;
};

// By where the adapted weight's bytes lie.
using LowRanks = std::unordered_map<const std::byte*, LowRank>;

// `adapters` must outlive the result. Error(kUsage) for numerics official.
std::unique_ptr<Ops> make_ops(const DeviceOptions& options, const LowRanks& adapters);

// Backward ops for a model whose own weights stay as they are, in any format: gradients go to the inputs and
// to the adapters. A null d_w or d_table is nothing to add to. `forward` must be made with the same adapters.
std::unique_ptr<BackwardOps> make_backward(const DeviceOptions& options, Ops& forward,
                                           const LowRanks& adapters);

}  // namespace hadal
