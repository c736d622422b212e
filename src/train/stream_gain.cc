#include "train/stream_gain.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace hadal {
namespace {

constexpr int64_t m = 4;
constexpr int64_t kEvery = 16;

}  // namespace

void StreamGain::begin(int64_t rows) {
  std::array<double, m * m> identity{};
  for (size_t k = 0; k < m; ++k) identity[k * m + k] = 1;
  products_.assign(static_cast<size_t>((rows + kEvery - 1) / kEvery), identity);
}

// Stream k becomes the sum of comb[j, k] times stream j.
void StreamGain::mix(ConstMat comb) {
  CHECK(comb.cols == m * m);
  for (size_t i = 0; i < products_.size() && static_cast<int64_t>(i) * kEvery < comb.rows; ++i) {
    const float* const c = comb.row(static_cast<int64_t>(i) * kEvery);
    std::array<double, m * m> next{};
    for (size_t k = 0; k < m; ++k)
      for (size_t j = 0; j < m; ++j)
        for (size_t l = 0; l < m; ++l) next[k * m + l] += c[j * m + k] * products_[i][j * m + l];
    products_[i] = next;
  }
}

double StreamGain::value() const {
  double sum = 0;
  for (const std::array<double, m * m>& p : products_) {
    double largest = 0;
    for (size_t k = 0; k < m; ++k) {
      double row = 0, column = 0;
      for (size_t l = 0; l < m; ++l) {
        row += std::fabs(p[k * m + l]);
        column += std::fabs(p[l * m + k]);
      }
      largest = std::max({largest, row, column});
    }
    sum += largest;
  }
  return products_.empty() ? 1 : sum / static_cast<double>(products_.size());
}

}  // namespace hadal
