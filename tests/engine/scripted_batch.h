// A BatchModel without a model: logits are a function of the tokens before them, parts of a state are the
// tokens themselves. Checks what its user promises.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "base/error.h"
#include "engine/batch_model.h"
#include "engine/rng.h"

namespace hadal {

class ScriptedBatch final : public BatchModel {
 public:
  static constexpr int64_t kVocab = 61;
  static constexpr int kLayers = 3;

  ScriptedBatch(int64_t slot_count, int64_t max_tokens, int64_t max_rows)
      : slots_(static_cast<size_t>(slot_count)), max_tokens_(max_tokens), max_rows_(max_rows) {}

  int64_t vocab_size() const override { return kVocab; }
  int64_t max_tokens() const override { return max_tokens_; }
  int64_t slots() const override { return std::ssize(slots_); }
  int64_t max_rows(Lane lane) const override {
    return lane == Lane::kPrompt ? max_rows_ : std::max<int64_t>(slots(), 5);
  }
  int64_t max_logit_rows(Lane lane) const override {
    return lane == Lane::kPrompt ? slots() + 3 : max_rows(lane);
  }

  std::optional<ConstMat> run(Lane lane, std::span<const Piece> pieces, const GoOn& go_on) override {
    const auto which = static_cast<size_t>(lane);
    EXPECT_FALSE(running_[which]);
    EXPECT_TRUE(lane == Lane::kDecode || !running_[1]);
    int64_t rows = 0;
    for (const Piece& piece : pieces) {
      Slot& slot = slots_[static_cast<size_t>(piece.slot)];
      EXPECT_FALSE(slot.broken || slot.in_pass);
      EXPECT_LE(std::ssize(slot.tokens) + std::ssize(piece.ids), max_tokens_);
      slot.in_pass = true;
      slot.written = std::max(slot.written, std::ssize(slot.tokens) + std::ssize(piece.ids));
      rows += std::ssize(piece.ids);
    }
    EXPECT_LE(rows, max_rows(lane));
    running_[which] = true;
    bool stopped = false;
    try {
      for (int layer = 0; layer < kLayers && !stopped; ++layer) {
        if (go_on && !go_on())
          stopped = true;
        else if (before_layer)
          before_layer(lane, pieces);
      }
    } catch (...) {
      leave(which, pieces, true);
      throw;
    }
    leave(which, pieces, stopped);
    if (stopped) return {};
    ++passes[which];
    rows_of_last[which] = rows;
    std::vector<float>& logits = logits_[which];
    logits.clear();
    for (const Piece& piece : pieces) {
      Slot& slot = slots_[static_cast<size_t>(piece.slot)];
      for (int64_t i = 0; i < std::ssize(piece.ids); ++i) {
        slot.tokens.push_back(piece.ids[static_cast<size_t>(i)]);
        if (i >= std::ssize(piece.ids) - piece.logit_rows) append_logits(slot.tokens, logits);
      }
    }
    const auto logit_rows = static_cast<int64_t>(logits.size()) / kVocab;
    EXPECT_LE(logit_rows, max_logit_rows(lane));
    return ConstMat{logits.data(), logit_rows, kVocab, kVocab};
  }

  int64_t length(int64_t slot) const override { return std::ssize(at(slot).tokens); }
  void clear(int64_t slot) override { slots_[static_cast<size_t>(slot)] = {}; }
  void truncate(int64_t slot, int64_t length) override {
    Slot& s = slots_[static_cast<size_t>(slot)];
    EXPECT_LE(s.written - length, kMaxRollback);
    EXPECT_GE(length, s.lowest);
    s.tokens.resize(static_cast<size_t>(length));
  }

  StatePart save_block(int64_t slot, int64_t first, int64_t end) const override {
    EXPECT_EQ(first % kBlockTokens, 0);
    const auto& tokens = at(slot).tokens;
    EXPECT_LE(end, std::ssize(tokens));
    StatePart part(static_cast<size_t>(block_bytes(first, end)));
    std::memcpy(part.data(), tokens.data() + first, part.size());
    return part;
  }
  bool has_tail(int64_t slot, int64_t length, int64_t rollback) const override {
    const Slot& s = at(slot);
    return length <= std::ssize(s.tokens) && s.written - length <= kMaxRollback - rollback;
  }
  StatePart save_tail(int64_t slot, int64_t length, int64_t rollback) const override {
    EXPECT_TRUE(has_tail(slot, length, rollback));
    StatePart part(16);
    const uint64_t values[2] = {hash(std::span(at(slot).tokens).first(static_cast<size_t>(length))),
                                static_cast<uint64_t>(rollback)};
    std::memcpy(part.data(), values, sizeof values);
    return part;
  }
  void load(int64_t slot, const StateParts& parts) override {
    Slot& s = slots_[static_cast<size_t>(slot)];
    s = {};
    s.tokens.resize(static_cast<size_t>(parts.length));
    for (size_t b = 0; b < parts.blocks.size(); ++b) {
      const int64_t first = static_cast<int64_t>(b) * kBlockTokens;
      EXPECT_EQ(std::ssize(*parts.blocks[b]),
                block_bytes(first, std::min(first + kBlockTokens, parts.length)));
      std::memcpy(s.tokens.data() + first, parts.blocks[b]->data(), parts.blocks[b]->size());
    }
    uint64_t values[2];
    std::memcpy(values, parts.tail->data(), sizeof values);
    EXPECT_EQ(values[0], hash(s.tokens));
    EXPECT_EQ(values[1], static_cast<uint64_t>(parts.rollback));
    s.written = parts.length;
    s.lowest = parts.length - parts.rollback;
    ++loads;
  }
  int64_t block_bytes(int64_t first, int64_t end) const override { return (end - first) * 4; }
  int64_t tail_bytes(int64_t, int64_t) const override { return 16; }

  int64_t max_drafts() const override { return drafts ? 3 : 0; }
  std::vector<int32_t> draft(int64_t slot, int32_t next, int64_t count, const Draw&) override {
    EXPECT_FALSE(running_[0] || running_[1]);
    std::vector<int32_t> proposed = drafts(at(slot).tokens, next);
    proposed.resize(static_cast<size_t>(std::min(count, std::ssize(proposed))));
    return proposed;
  }

  // Called in every layer, on the engine's thread; may sleep or throw.
  std::function<void(Lane, std::span<const Piece>)> before_layer;
  std::function<std::vector<int32_t>(const std::vector<int32_t>& tokens, int32_t next)> drafts;
  std::atomic<int64_t> passes[2] = {0, 0};  // by lane
  std::atomic<int64_t> rows_of_last[2] = {0, 0};
  std::atomic<int64_t> loads{0};

 private:
  struct Slot {
    std::vector<int32_t> tokens;
    int64_t written = 0;
    int64_t lowest = 0;
    bool broken = false;
    bool in_pass = false;
  };
  const Slot& at(int64_t slot) const { return slots_[static_cast<size_t>(slot)]; }

  void leave(size_t lane, std::span<const Piece> pieces, bool stopped) {
    running_[lane] = false;
    for (const Piece& piece : pieces) {
      Slot& slot = slots_[static_cast<size_t>(piece.slot)];
      slot.in_pass = false;
      slot.broken = stopped && std::ssize(piece.ids) > kMaxRollback;
    }
  }

  static uint64_t hash(std::span<const int32_t> tokens) {
    uint64_t key = 1469598103934665603u;
    for (const int32_t id : tokens) key = (key ^ static_cast<uint64_t>(id)) * 1099511628211u;
    return key;
  }
  static void append_logits(const std::vector<int32_t>& tokens, std::vector<float>& logits) {
    const uint64_t key = hash(tokens);
    for (uint32_t id = 0; id < kVocab; ++id)
      logits.push_back(static_cast<float>(philox4x32({id, 77, 0, 0}, key)[0] % 1000) / 150.0f);
  }

  std::vector<Slot> slots_;
  int64_t max_tokens_;
  int64_t max_rows_;
  bool running_[2] = {false, false};
  std::vector<float> logits_[2];
};

}  // namespace hadal
