// OpTimes: the seconds that the ops of training took, by kind, forward and backward; for `hadal bench
// --train`. Nothing depends on them.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace hadal {

enum class OpKind {
  kEmbedding,
  kStreams,  // mHC
  kNorms,
  kProducts,   // of matrices outside the experts
  kRotations,  // RoPE, Hadamard, sums
  kKeys,       // compressors, keys as they are stored
  kIndexer,
  kAttention,
  kRouter,
  kExperts,
  kLosses,
};
inline constexpr std::array kOpKindNames{"embedding", "streams (mHC)",     "norms",   "products",
                                         "rotations", "compressors, keys", "indexer", "attention",
                                         "router",    "experts",           "losses"};

class OpTimes {
 public:
  struct Seconds {
    double forward = 0;
    double backward = 0;
  };

  void start() { mark_ = Clock::now(); }
  // What passed since start() or the last call was this kind's.
  void add_forward(OpKind kind) { at(kind).forward += lap(); }
  void add_backward(OpKind kind) { at(kind).backward += lap(); }
  const Seconds& of(OpKind kind) const { return seconds_[static_cast<size_t>(kind)]; }

 private:
  using Clock = std::chrono::steady_clock;
  double lap() {
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - mark_).count();
    mark_ = now;
    return seconds;
  }
  Seconds& at(OpKind kind) { return seconds_[static_cast<size_t>(kind)]; }

  Clock::time_point mark_ = Clock::now();
  std::array<Seconds, kOpKindNames.size()> seconds_{};
};

}  // namespace hadal
