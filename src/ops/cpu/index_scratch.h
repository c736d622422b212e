// IndexScratch: the memory that index_topk works in for one token, kept between calls; it grows where a call
// needs more.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/cpu/index_kernels.h"

namespace hadal {

struct IndexScratch {
  void reserve(int64_t heads, int64_t keys);

  std::vector<IndexQuery> queries;
  std::vector<float> values;  // of a query's FP8 codes
  std::vector<float> scores;  // for choices of two levels
  std::vector<float> w;
  std::vector<int32_t> order;
};

}  // namespace hadal
