// Stacks: where a match stands in the rules, as threads. A thread is a state and a node; a node is an
// immutable set of frames, each "go on in this state, then as that node says". Threads that call the same
// rule at the same byte share its node, so that ambiguity costs no more than the grammar's own width.
//
// Nodes are made once (equal ones have one number) and die last in, first out: undoing is forgetting the
// newest ones. One Stacks belongs to one match; the automata are shared.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/grammar/automata.h"

namespace hadal::grammar {

struct Thread {
  uint32_t state;
  uint32_t node;
  bool operator==(const Thread&) const = default;
};
// Where a match stands: distinct threads. Complete if one of them is kDone.
using Threads = std::vector<Thread>;

class Stacks {
 public:
  // More ways at once than this is an Error(kUsage).
  static constexpr size_t kMaxThreads = 2048;
  static constexpr uint32_t kMaxNodes = 8'000'000;
  // Below the outermost rule: its end is kDone.
  static constexpr uint32_t kOutermost = 0;

  explicit Stacks(const Automata& automata);

  // Appends the threads after `byte` of those from `begin` to `end`; nothing: the byte cannot come here.
  void step(Threads& threads, size_t begin, size_t end, uint8_t byte);
  // Appends what follows the rule that went on as `node`, to the threads from `first` on.
  void leave(uint32_t node, size_t first, Threads& out);
  // The bytes that step() would take.
  ByteSet next_bytes(std::span<const Thread> from) const;

  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  // Forgets the nodes from number `size` on.
  void truncate(uint32_t size);

 private:
  struct Node {
    uint32_t frames_end;  // they begin where those of the node before end
    uint32_t newest;      // the newest node that was made upon this one
    uint32_t next;        // an older node made upon the same one
  };
  struct Pending {
    RuleId rule;
    Thread frame;
  };

  std::span<const Thread> frames(uint32_t node) const;
  uint32_t node_of(std::span<const Thread> frames);
  void arrive(Thread thread, size_t first, Threads& out);
  void call(RuleId rule, uint8_t byte, size_t first, Threads& out);
  void collect_calls(Thread thread, uint8_t byte);

  const Automata* automata_;
  std::vector<Node> nodes_;
  std::vector<Thread> frames_;
  std::vector<Pending> pending_;
  std::vector<Thread> called_from_;
  std::vector<uint32_t> left_;  // nodes that were left at this byte
};

}  // namespace hadal::grammar
