// A Sequence without a model: logits are a function of the tokens before them, drafts are scripted.
//
// It goes back exactly within the last `kExact` tokens, else to a multiple of seven, as a real one goes to a
// snapshot.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "engine/rng.h"
#include "engine/sequence.h"

namespace hadal {

class ScriptedSequence : public Sequence {
 public:
  static constexpr int64_t kVocab = 41;
  static constexpr int64_t kExact = 8;

  ScriptedSequence(int64_t max_tokens, int64_t max_rows, int64_t vocab = kVocab)
      : max_tokens_(max_tokens), max_rows_(max_rows), vocab_(vocab) {}

  int64_t vocab_size() const override { return vocab_; }
  int64_t max_tokens() const override { return max_tokens_; }
  int64_t max_rows() const override { return max_rows_; }
  int64_t length() const override { return static_cast<int64_t>(tokens.size()); }

  std::optional<ConstMat> feed(std::span<const int32_t> ids, int64_t logit_rows,
                               const Cancelled& cancelled) override {
    EXPECT_LE(std::ssize(ids), max_rows_);
    EXPECT_LE(length() + std::ssize(ids), max_tokens_);
    EXPECT_FALSE(needs_rewind_);
    if (cancelled && cancelled()) {
      needs_rewind_ = true;
      return {};
    }
    feeds.push_back(std::ssize(ids));
    logits_.clear();
    for (int64_t i = 0; i < std::ssize(ids); ++i) {
      tokens.push_back(ids[i]);
      if (i >= std::ssize(ids) - logit_rows) append_logits();
    }
    return ConstMat{logits_.data(), logit_rows, vocab_, vocab_};
  }

  int64_t rewind(int64_t to) override {
    EXPECT_LE(to, length());
    needs_rewind_ = false;
    if (to < length() - kExact) to -= to % 7;
    tokens.resize(to);
    return to;
  }
  void remember() override { remembered.push_back(length()); }

  int64_t max_drafts() const override { return drafts ? 4 : 0; }
  std::vector<int32_t> draft(int32_t last, int64_t count, const Draw& draw) override {
    std::vector<int32_t> proposed = drafts(last, count, draw);
    EXPECT_LE(std::ssize(proposed), count);
    return proposed;
  }

  std::vector<int32_t> tokens;
  std::vector<int64_t> feeds;       // rows of each
  std::vector<int64_t> remembered;  // lengths
  std::function<std::vector<int32_t>(int32_t next, int64_t count, const Draw& draw)> drafts;
  // The token that surely follows; without it logits are noise.
  std::function<int32_t(const std::vector<int32_t>& tokens)> next;

 private:
  void append_logits() {
    if (next) {
      logits_.resize(logits_.size() + vocab_, 0.0f);
      logits_[logits_.size() - vocab_ + next(tokens)] = 1000.0f;
      return;
    }
    uint64_t key = 1469598103934665603u;
    for (const int32_t id : tokens) key = (key ^ static_cast<uint64_t>(id)) * 1099511628211u;
    for (int64_t id = 0; id < vocab_; ++id)
      logits_.push_back(static_cast<float>(philox4x32({static_cast<uint32_t>(id), 77, 0, 0}, key)[0] % 1000) /
                        150.0f);
  }

  int64_t max_tokens_;
  int64_t max_rows_;
  int64_t vocab_;
  bool needs_rewind_ = false;
  std::vector<float> logits_;
};

}  // namespace hadal
