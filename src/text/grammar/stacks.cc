#include "text/grammar/stacks.h"

#include <algorithm>

namespace hadal::grammar {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

bool has(const Threads& threads, size_t first, Thread thread) {
  return std::find(threads.begin() + static_cast<ptrdiff_t>(first), threads.end(), thread) != threads.end();
}

}  // namespace

Stacks::Stacks(const Automata& automata) : automata_(&automata) { nodes_.push_back({0, kNone, kNone}); }

std::span<const Thread> Stacks::frames(uint32_t node) const {
  const uint32_t begin = node == 0 ? 0 : nodes_[node - 1].frames_end;
  return {frames_.data() + begin, nodes_[node].frames_end - begin};
}

void Stacks::truncate(uint32_t size) {
  while (nodes_.size() > size) {
    const auto newest = static_cast<uint32_t>(nodes_.size() - 1);
    nodes_[frames(newest)[0].node].newest = nodes_[newest].next;
    frames_.resize(nodes_[newest - 1].frames_end);
    nodes_.pop_back();
  }
}

uint32_t Stacks::node_of(std::span<const Thread> wanted) {
  if (wanted.size() == 1 && wanted[0].state == Automata::kDone) return kOutermost;
  const uint32_t below = wanted[0].node;
  for (uint32_t node = nodes_[below].newest; node != kNone; node = nodes_[node].next) {
    if (std::ranges::equal(frames(node), wanted)) return node;
  }
  if (nodes_.size() >= kMaxNodes) fail(ErrorCode::kUsage, "the output is nested too deeply for its grammar");
  frames_.insert(frames_.end(), wanted.begin(), wanted.end());
  const auto node = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({static_cast<uint32_t>(frames_.size()), kNone, nodes_[below].newest});
  nodes_[below].newest = node;
  return node;
}

void Stacks::leave(uint32_t node, size_t first, Threads& out) {
  left_.assign(1, node);
  for (size_t at = 0; at < left_.size(); ++at) {
    if (left_[at] == kOutermost) {
      const Thread done{Automata::kDone, kOutermost};
      if (!has(out, first, done)) out.push_back(done);
      continue;
    }
    for (const Thread& frame : frames(left_[at])) {
      const Automata::State& state = automata_->states[frame.state];
      if ((state.goes_on || frame.state == Automata::kDone) && !has(out, first, frame)) out.push_back(frame);
      if (!state.final || frame.state == Automata::kDone) continue;
      if (std::find(left_.begin(), left_.end(), frame.node) == left_.end()) left_.push_back(frame.node);
    }
    if (out.size() - first > kMaxThreads) fail(ErrorCode::kUsage, "the grammar is too ambiguous");
  }
}

void Stacks::arrive(Thread thread, size_t first, Threads& out) {
  const Automata::State& state = automata_->states[thread.state];
  if (state.goes_on && !has(out, first, thread)) out.push_back(thread);
  if (state.final) leave(thread.node, first, out);
}

void Stacks::collect_calls(Thread thread, uint8_t byte) {
  const Automata::State& state = automata_->states[thread.state];
  for (uint32_t c = state.calls_begin; c < state.calls_end; ++c) {
    const Automata::Call& call = automata_->calls[c];
    if (automata_->rules[call.rule].first[byte]) pending_.push_back({call.rule, {call.to, thread.node}});
  }
}

// All calls of one rule at this byte, which have been collected: its callers come before it in order.
void Stacks::call(RuleId rule, uint8_t byte, size_t first, Threads& out) {
  called_from_.clear();
  std::erase_if(pending_, [&](const Pending& pending) {
    if (pending.rule != rule) return false;
    // A call at the very end of a rule goes back to where that rule would: stacks do not grow by it.
    if (automata_->states[pending.frame.state].goes_on) {
      called_from_.push_back(pending.frame);
    } else if (pending.frame.node == kOutermost) {
      called_from_.push_back({Automata::kDone, kOutermost});
    } else {
      const std::span<const Thread> further = frames(pending.frame.node);
      called_from_.insert(called_from_.end(), further.begin(), further.end());
    }
    return true;
  });
  std::sort(called_from_.begin(), called_from_.end(),
            [](Thread a, Thread b) { return a.node != b.node ? a.node > b.node : a.state < b.state; });
  called_from_.erase(std::unique(called_from_.begin(), called_from_.end()), called_from_.end());
  const uint32_t node = node_of(called_from_);
  const uint32_t start = automata_->rules[rule].state;
  const uint32_t next = automata_->step(start, byte);
  if (next != Automata::kDead) arrive({next, node}, first, out);
  collect_calls({start, node}, byte);
}

void Stacks::step(Threads& threads, size_t begin, size_t end, uint8_t byte) {
  const size_t first = threads.size();
  pending_.clear();
  for (size_t i = begin; i < end; ++i) {
    const Thread thread = threads[i];
    const uint32_t next = automata_->step(thread.state, byte);
    if (next != Automata::kDead) arrive({next, thread.node}, first, threads);
    collect_calls(thread, byte);
  }
  while (!pending_.empty()) {
    const auto next =
        std::max_element(pending_.begin(), pending_.end(), [&](const Pending& a, const Pending& b) {
          return automata_->rules[a.rule].order < automata_->rules[b.rule].order;
        });
    call(next->rule, byte, first, threads);
  }
}

ByteSet Stacks::next_bytes(std::span<const Thread> from) const {
  ByteSet bytes;
  for (const Thread& thread : from) {
    const Automata::State& state = automata_->states[thread.state];
    for (uint32_t byte = 0; byte < 256; ++byte) {
      if (automata_->step(thread.state, static_cast<uint8_t>(byte)) != Automata::kDead) bytes.set(byte);
    }
    for (uint32_t c = state.calls_begin; c < state.calls_end; ++c) {
      bytes |= automata_->rules[automata_->calls[c].rule].first;
    }
  }
  return bytes;
}

}  // namespace hadal::grammar
