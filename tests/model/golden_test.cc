// The shared golden cases through hadal eval logits, the interface that others check with: fp32 to 1e-4 at
// every position and equal selections, stored and native by KL, official layer by layer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "model/golden_case.h"

namespace hadal {
namespace {

// KL(softmax(p) || softmax(q)) of each row, natural log.
std::vector<double> kl_of_rows(const Values& p, const Values& q) {
  const auto log_softmax = [](const Values& v, int64_t row) {
    const double* const x = v.data.data() + row * v.cols;
    const double max = *std::max_element(x, x + v.cols);
    double sum = 0;
    for (int64_t c = 0; c < v.cols; ++c) sum += std::exp(x[c] - max);
    std::vector<double> out;
    out.reserve(static_cast<size_t>(v.cols));
    for (int64_t c = 0; c < v.cols; ++c) out.push_back(x[c] - max - std::log(sum));
    return out;
  };
  std::vector<double> kl;
  for (int64_t r = 0; r < p.rows; ++r) {
    const std::vector<double> lp = log_softmax(p, r);
    const std::vector<double> lq = log_softmax(q, r);
    double sum = 0;
    for (size_t c = 0; c < lp.size(); ++c) sum += std::exp(lp[c]) * (lp[c] - lq[c]);
    kl.push_back(sum);
  }
  return kl;
}

double mean(const std::vector<double>& v) {
  double sum = 0;
  for (const double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, Fp32MeetsEveryPosition) {
  HADAL_NEED_SHARED("golden/v4");
  const Case golden(std::string("v4/") + GetParam());
  for (const Cut& cut :
       {Cut{4096, {}}, Cut{1, {}}, Cut{7, {}}, Cut{64, {}}, Cut{128, {}}, Cut{129, {}}, Cut{100, 200}}) {
    SCOPED_TRACE(fmt::format("chunk {}, decode from {}", cut.chunk, cut.decode_from.value_or(-1)));
    EvalOptions options = golden.options(Numerics::kFp32);
    options.model.chunk = cut.chunk;
    options.decode_from = cut.decode_from;
    options.mtp = options.trace = true;
    const Safetensors seen = Case::run(options);
    EXPECT_LE(max_distance(values(seen, "logits"), values(golden.expected(), "logits.fp32")), 1e-4);
    EXPECT_LE(max_distance(values(seen, "mtp_logits"), values(golden.expected(), "mtp_logits.fp32")), 1e-4);
    for (int l = 0; l < 6; ++l) {
      const auto distance = [&](const std::string& what) {
        const std::string name = fmt::format("layers.{}.{}", l, what);
        return max_distance(values(seen, name), values(golden.expected(), name + ".fp32"));
      };
      EXPECT_LE(distance("out"), 1e-4) << l;
      EXPECT_EQ(distance("experts"), 0) << l;
      if (l == 2 || l == 4) {
        EXPECT_EQ(distance("index_topk"), 0) << l;
      }
    }
  }
}

TEST_P(Golden, StoredIsNearTheReferenceWithStoredState) {
  HADAL_NEED_SHARED("golden/v4");
  const Case golden(std::string("v4/") + GetParam());
  const Safetensors seen = Case::run(golden.options(Numerics::kStored));
  const std::vector<double> kl =
      kl_of_rows(values(golden.expected(), "logits.fp32_kvsim"), values(seen, "logits"));
  EXPECT_LE(median(kl), 1e-4);
  EXPECT_LE(mean(kl), 1e-2);
}

INSTANTIATE_TEST_SUITE_P(V4, Golden, testing::Values("tiny-bf16", "tiny-fp8"), [](const auto& which) {
  return std::string(which.param) == "tiny-bf16" ? "bf16" : "fp8";
});

TEST(GoldenNative, IsNearOurOwnStored) {
  HADAL_NEED_SHARED("golden/v4");
  const Case golden("v4/tiny-fp8");
  const Values stored = values(Case::run(golden.options(Numerics::kStored)), "logits");
  const Values native = values(Case::run(golden.options(Numerics::kNative)), "logits");
  EXPECT_LE(mean(kl_of_rows(stored, native)), 0.09);
  EXPECT_GT(max_distance(stored, native), 0);  // FP4 experts: native does something else
}

TEST(GoldenNative, EqualsStoredWithBf16Weights) {
  HADAL_NEED_SHARED("golden/v4");
  const Case golden("v4/tiny-bf16");
  const Values stored = values(Case::run(golden.options(Numerics::kStored)), "logits");
  EXPECT_EQ(max_distance(stored, values(Case::run(golden.options(Numerics::kNative)), "logits")), 0);
}

TEST(GoldenOfficial, LayersFedWithTheGoldenInputMeetTheirOutput) {
  HADAL_NEED_SHARED("golden/v4");
  const Case golden("v4/tiny-fp8");
  EvalOptions options = golden.options(Numerics::kOfficial);
  options.teacher = golden.expected_path();
  const Safetensors seen = Case::run(options);
  EXPECT_EQ(seen.find("logits"), nullptr);
  for (int l = 0; l < 6; ++l) {
    const Values ours = values(seen, fmt::format("layers.{}.out", l));
    const Values theirs = values(golden.expected(), fmt::format("layers.{}.out.official", l));
    ASSERT_EQ(ours.data.size(), theirs.data.size());
    int64_t near = 0;
    for (size_t i = 0; i < ours.data.size(); ++i) {
      const double a = ours.data[i];
      const double b = theirs.data[i];
      const double magnitude = std::max({std::fabs(a), std::fabs(b), std::ldexp(1.0, -14)});
      near += std::fabs(a - b) <= 2 * std::ldexp(1.0, std::ilogb(magnitude) - 7) ? 1 : 0;
    }
    EXPECT_GE(static_cast<double>(near), 0.99 * static_cast<double>(ours.data.size())) << "layer " << l;
  }
}

}  // namespace
}  // namespace hadal
