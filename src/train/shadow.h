// Shadow: for every float of some memory, a value of type T at a place that follows from its address.
//
// The forward pass writes its activations into scratch that it uses again and again; gradients live in the
// shadow of that scratch (tape_ops.h). Zeroed at first; pages that are never touched cost nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "base/check.h"
#include "model/state.h"
#include "tensor/tensor.h"

namespace hadal {

template <typename T>
class Shadow {
 public:
  void cover(const float* base, int64_t count) {
    regions_.push_back({base, count, StateBytes(count * static_cast<int64_t>(sizeof(T)))});
  }
  T* at(const float* p) const {
    for (const Region& region : regions_) {
      if (p >= region.base && p < region.base + region.count)
        return reinterpret_cast<T*>(region.values.data()) + (p - region.base);
    }
    CHECK(false && "memory that no shadow covers");
    return nullptr;
  }
  // fn(float, T&) for every float of the memory.
  template <typename Fn>
  void for_each(Fn fn) const {
    for (const Region& region : regions_) {
      T* const values = reinterpret_cast<T*>(region.values.data());
      for (int64_t i = 0; i < region.count; ++i) fn(region.base[i], values[i]);
    }
  }

 private:
  struct Region {
    const float* base;
    int64_t count;
    StateBytes values;
  };
  std::vector<Region> regions_;
};

}  // namespace hadal
