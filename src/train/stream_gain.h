// StreamGain: how much the residual streams' own mixing can enlarge a signal between the first layer and
// here. The matrices `comb` of all sites so far are multiplied up for a sample of the tokens; the gain is
// the largest absolute row sum (what one stream can receive) or column sum (what one stream's gradient can)
// of the product, mean of the sample. 1 at every depth where they are doubly stochastic, as mHC's are.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace hadal {

class StreamGain {
 public:
  void begin(int64_t rows);
  void mix(ConstMat comb /*[t,16]*/);
  double value() const;

 private:
  std::vector<std::array<double, 16>> products_;  // of every sixteenth token
};

}  // namespace hadal
