// Small random models for the tests of model/, made once per process, and one way to run a token list through
// them.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/temporary.h"
#include "model/forward.h"
#include "ops/device.h"
#include "tools/loaded_model.h"
#include "tools/make_random.h"

namespace hadal {

// All kinds of layers in few weights: window 16, 8 picked entries, sizes that leave tails everywhere.
inline MakeRandomOptions small_model(RandomFormat format) {
  MakeRandomOptions options;
  options.format = format;
  options.seed = 11;
  options.sets = {"vocab_size=300",  "num_hidden_layers=6", "sliding_window=16",     "index_topk=8",
                  "index_n_heads=6", "n_routed_experts=6",  "num_experts_per_tok=2", "swiglu_limit=2.0"};
  const bool tiles = format == RandomFormat::kFp8Fp4;  // FP4 wants multiples of 32
  options.sets.push_back(tiles ? "hidden_size=160" : "hidden_size=150");
  options.sets.push_back(tiles ? "q_lora_rank=96" : "q_lora_rank=70");
  options.sets.push_back(tiles ? "o_lora_rank=64" : "o_lora_rank=30");
  options.sets.push_back(tiles ? "moe_intermediate_size=64" : "moe_intermediate_size=50");
  if (!tiles) options.sets.push_back("head_dim=192");
  return options;
}

class RandomModel {
 public:
  explicit RandomModel(const MakeRandomOptions& options, LoadMode mode = LoadMode::kMmap) {
    make_random(folder_.path(), options);
    model_ = std::make_unique<Model>(open_model(folder_.path(), mode));
  }
  const Model& operator*() const { return *model_; }
  const std::string& dir() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Model> model_;
};

inline const RandomModel& small_random_model(RandomFormat format) {
  static std::map<RandomFormat, std::unique_ptr<RandomModel>> models;
  std::unique_ptr<RandomModel>& model = models[format];
  if (model == nullptr) model = std::make_unique<RandomModel>(small_model(format));
  return *model;
}

inline std::vector<int32_t> random_ids(int64_t count, int64_t vocab_size, uint32_t seed) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    ids.push_back(static_cast<int32_t>((seed >> 8) % static_cast<uint32_t>(vocab_size)));
  }
  return ids;
}

// One sequence and what it gave: a row of logits for each token fed, and a row of MTP logits for each but the
// last.
class Feeder {
 public:
  Feeder(const Model& model, Ops& ops, int64_t max_tokens, int64_t max_rows)
      : state(model.config(), ops.entry_format(), max_tokens, model.drafter_layers()),
        model_(model),
        ops_(ops),
        workspace_(model, max_rows, max_rows),
        streams_(max_tokens * model.config().hc_mult * model.config().hidden_size) {}

  // Feeds these tokens in one pass. The MTP block follows one token behind, with the id of the next one.
  void feed(std::span<const int32_t> ids) {
    const int64_t first = state.length();
    const auto count = static_cast<int64_t>(ids.size());
    const Slice slice{&state, ids, count};
    const ForwardResult result = forward(model_, {&slice, 1}, workspace_, ops_);
    store(logits, first, result.logits);
    if (model_.mtp == nullptr) return;
    const Mat streams = streams_.mat(state.max_tokens(), result.streams.cols);
    for (int64_t r = 0; r < count; ++r)
      std::copy_n(result.streams.row(r), streams.cols, streams.row(first + r));
    if (first == 0) ids = ids.subspan(1);
    if (ids.empty()) return;
    const int64_t behind = std::max<int64_t>(first - 1, 0);
    store(mtp_logits, behind,
          mtp_forward(model_, state, behind, streams.slice(behind, static_cast<int64_t>(ids.size())), ids, -1,
                      workspace_, ops_)
              .logits);
  }
  // Feeds ids[state.length() .. end) in passes of `chunk`.
  void feed_to(std::span<const int32_t> ids, int64_t end, int64_t chunk) {
    while (state.length() < end)
      feed(ids.subspan(static_cast<size_t>(state.length()),
                       static_cast<size_t>(std::min(chunk, end - state.length()))));
  }

  SequenceState state;
  std::vector<std::vector<float>> logits, mtp_logits;  // by position

 private:
  static void store(std::vector<std::vector<float>>& rows, int64_t first, ConstMat from) {
    rows.resize(std::max(rows.size(), static_cast<size_t>(first + from.rows)));
    for (int64_t r = 0; r < from.rows; ++r)
      rows[static_cast<size_t>(first + r)].assign(from.row(r), from.row(r) + from.cols);
  }

  const Model& model_;
  Ops& ops_;
  Workspace workspace_;
  Buffer streams_;  // of every position
};

// Number of the first `count` rows that differ in any bit (or are missing).
inline int64_t different_rows(const std::vector<std::vector<float>>& a,
                              const std::vector<std::vector<float>>& b, int64_t count) {
  int64_t different = 0;
  for (int64_t i = 0; i < count; ++i) {
    const auto row = static_cast<size_t>(i);
    const bool equal =
        row < a.size() && row < b.size() && a[row].size() == b[row].size() && !a[row].empty() &&
        std::equal(
            a[row].begin(), a[row].end(), b[row].begin(),
            [](float x, float y) { return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y); });
    different += equal ? 0 : 1;
  }
  return different;
}

inline std::string numerics_name(Numerics numerics) {
  switch (numerics) {
    case Numerics::kFp32:
      return "fp32";
    case Numerics::kStored:
      return "stored";
    case Numerics::kNative:
      return "native";
    case Numerics::kOfficial:
      return "official";
  }
  return "";
}

inline constexpr Numerics kAllNumerics[] = {Numerics::kFp32, Numerics::kStored, Numerics::kNative,
                                            Numerics::kOfficial};
inline constexpr RandomFormat kAllFormats[] = {RandomFormat::kBf16, RandomFormat::kFp8Fp4};

}  // namespace hadal
