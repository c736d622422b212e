// LayerHook: asks before every layer of the forward passes of a workspace whether to stop, for as long as it
// lives.
#pragma once

#include <functional>
#include <utility>

#include "model/forward.h"

namespace hadal {

// Thrown between two layers, to be caught around forward(): the states that it fed must be taken back.
struct PassStopped {};

class LayerHook {
 public:
  // Empty: nothing is asked.
  LayerHook(Workspace& workspace, std::function<bool()> stops) : workspace_(workspace) {
    if (!stops) return;
    workspace_.before_layer = [stops = std::move(stops)](int64_t, Mat) {
      if (stops()) throw PassStopped{};
    };
  }
  ~LayerHook() { workspace_.before_layer = nullptr; }
  LayerHook(const LayerHook&) = delete;
  LayerHook& operator=(const LayerHook&) = delete;

 private:
  Workspace& workspace_;
};

}  // namespace hadal
