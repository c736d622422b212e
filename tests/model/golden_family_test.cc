// The shared golden cases of V3.2 and V4.1 through hadal eval logits: fp32 (and V4.1's stored) within the
// cases' own tolerances at every position, every choice equal, and the same bits for every chunk and for
// decode.
#include <cstring>

#include "model/golden_case.h"

namespace hadal {
namespace {

constexpr Cut kCuts[] = {{4096, {}}, {1, {}}, {7, {}}, {64, {}}, {128, {}}, {129, {}}, {100, 150}};

// The tensors of `seen` whose bytes differ from those of `first`.
std::vector<std::string> different(const Safetensors& first, const Safetensors& seen) {
  std::vector<std::string> names;
  for (const NamedTensor& tensor : first.tensors()) {
    const Tensor* const other = seen.find(tensor.name);
    const auto bytes = tensor.tensor.bytes;
    if (other == nullptr || other->bytes.size() != bytes.size() ||
        std::memcmp(other->bytes.data(), bytes.data(), bytes.size()) != 0)
      names.push_back(tensor.name);
  }
  return names;
}

TEST(GoldenV32, Fp32MeetsEveryPositionAndChoice) {
  HADAL_NEED_SHARED("golden/v32");
  constexpr double kTolerance = 2e-4;
  const Case golden("v32/tiny");
  EvalOptions options = golden.options(Numerics::kFp32);
  options.mtp = options.trace = true;
  const Safetensors seen = Case::run(options);
  const auto distance = [&](const std::string& name, const std::string& expected) {
    return max_distance(values(seen, name), values(golden.expected(), expected));
  };
  EXPECT_LE(distance("logits", "logits.fp32"), kTolerance);
  EXPECT_LE(distance("mtp_logits", "mtp.logits.fp32"), kTolerance);
  for (const std::string layer : {"layers.0", "layers.1", "layers.2", "layers.3", "mtp"}) {
    SCOPED_TRACE(layer);
    const auto same_name = [&](const std::string& what) { return distance(layer + what, layer + what); };
    EXPECT_LE(same_name(".out"), kTolerance);
    EXPECT_EQ(same_name(".index_topk"), 0);
    if (layer == "layers.0") continue;
    EXPECT_EQ(same_name(".router_topk"), 0);
    EXPECT_LE(same_name(".router_weights"), kTolerance);
  }
}

class Chunks : public testing::TestWithParam<Numerics> {};

void expect_chunks_do_not_show(const std::string& name, Numerics numerics, bool mtp) {
  const Case golden(name);
  std::optional<Safetensors> whole;
  for (const Cut& cut : kCuts) {
    EvalOptions options = golden.options(numerics);
    options.model.chunk = cut.chunk;
    options.decode_from = cut.decode_from;
    options.mtp = mtp;
    options.trace = true;
    Safetensors seen = Case::run(options);
    if (!whole) {
      whole.emplace(std::move(seen));
      continue;
    }
    EXPECT_EQ(different(*whole, seen), std::vector<std::string>())
        << name << ", chunk " << cut.chunk << ", decode from " << cut.decode_from.value_or(-1);
  }
}

TEST_P(Chunks, DoNotShow) {
  HADAL_NEED_SHARED("golden/v32");
  HADAL_NEED_SHARED("golden/v41");
  expect_chunks_do_not_show("v32/tiny", GetParam(), true);
  expect_chunks_do_not_show("v41/tiny-fp8", GetParam(), false);
}

INSTANTIATE_TEST_SUITE_P(GoldenFamily, Chunks, testing::Values(Numerics::kFp32, Numerics::kNative),
                         [](const auto& which) {
                           return which.param == Numerics::kFp32 ? "fp32" : "native";
                         });

struct V41Run {
  const char* name;
  Numerics numerics;
  const char* suffix;  // of the expected tensors
};

class GoldenV41 : public testing::TestWithParam<V41Run> {};

TEST_P(GoldenV41, MeetsEveryPositionAndChoice) {
  HADAL_NEED_SHARED("golden/v41");
  constexpr double kTolerance = 3e-4;
  const V41Run& run = GetParam();
  const Case golden(std::string("v41/") + run.name);
  EvalOptions options = golden.options(run.numerics);
  options.trace = true;
  const Safetensors seen = Case::run(options);
  const std::string suffix = run.suffix;
  EXPECT_LE(max_distance(values(seen, "logits"), values(golden.expected(), "logits.fp32" + suffix)),
            kTolerance);
  // The case names a thing what<suffix>.N.
  const auto distance = [&](const std::string& what, int layer) {
    return max_distance(values(seen, fmt::format("{}.{}", what, layer)),
                        values(golden.expected(), fmt::format("{}{}.{}", what, suffix, layer)));
  };
  const std::vector<double> kept = values(golden.expected(), "out_positions").data;
  for (int l = 0; l < 12; ++l) {
    SCOPED_TRACE(l);
    EXPECT_EQ(distance("experts", l), 0);
    const Values ours = values(seen, fmt::format("layers.{}.out", l));
    const Values theirs = values(golden.expected(), fmt::format("layers.{}.out{}", l, suffix));
    double largest = 0;
    for (size_t p = 0; p < kept.size(); ++p) {
      for (int64_t c = 0; c < ours.cols; ++c) {
        const auto row = static_cast<int64_t>(kept[p]);
        largest = std::max(largest, std::fabs(ours.data[row * ours.cols + c] -
                                              theirs.data[static_cast<int64_t>(p) * ours.cols + c]));
      }
    }
    EXPECT_LE(largest, kTolerance);
  }
  for (const int l : {2, 4, 6, 8, 10}) EXPECT_EQ(distance("index_topk", l), 0) << l;
  EXPECT_EQ(distance("candidate_blocks", 6), 0);
  const std::vector<double> positions = values(golden.expected(), "dspark.positions").data;
  const std::vector<double> tokens = values(golden.expected(), "dspark.tokens").data;
  const Values next = values(seen, "dspark.tokens");
  for (const std::string what : {"ids", "experts", "logits", "confidence"}) {
    const Values ours = values(seen, "dspark." + what);
    const Values theirs = values(golden.expected(), "dspark" + suffix + "." + what);
    ASSERT_EQ(ours.cols, theirs.cols);
    double largest = 0;
    for (size_t i = 0; i < positions.size(); ++i) {
      const auto row = static_cast<size_t>(positions[i]);
      EXPECT_EQ(next.data[row], tokens[i]);
      for (size_t c = 0; c < static_cast<size_t>(ours.cols); ++c)
        largest = std::max(largest, std::fabs(ours.data[row * static_cast<size_t>(ours.cols) + c] -
                                              theirs.data[i * static_cast<size_t>(ours.cols) + c]));
    }
    EXPECT_LE(largest, what == "ids" || what == "experts" ? 0 : kTolerance) << what;
  }
  for (const int l : {1, 4}) {
    const std::string rows = fmt::format("engram_rows.{}", l);
    EXPECT_EQ(max_distance(values(seen, rows), values(golden.expected(), rows)), 0) << l;
    EXPECT_LE(distance("engram_gate", l), kTolerance) << l;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenV41,
                         testing::Values(V41Run{"tiny-bf16", Numerics::kFp32, ""},
                                         V41Run{"tiny-bf16", Numerics::kStored, "_kvsim"},
                                         V41Run{"tiny-fp8", Numerics::kFp32, ""},
                                         V41Run{"tiny-fp8", Numerics::kStored, "_kvsim"}),
                         [](const auto& which) {
                           std::string name = which.param.name;
                           name.replace(4, 1, "_");
                           return name + (which.param.numerics == Numerics::kFp32 ? "_fp32" : "_stored");
                         });

}  // namespace
}  // namespace hadal
