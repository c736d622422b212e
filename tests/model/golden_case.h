// A shared golden case and hadal eval logits' runs of it: what the golden tests of all members compare.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "formats/safetensors.h"
#include "formats/temporary.h"
#include "golden/golden.h"
#include "quant/small_floats.h"
#include "tools/eval.h"

namespace hadal {

struct Values {
  std::vector<double> data;
  int64_t rows = 0;
  int64_t cols = 0;
};

inline Values values(const Safetensors& file, const std::string& name) {
  const Tensor* const tensor = file.find(name);
  if (tensor == nullptr) throw std::runtime_error("no tensor " + name);
  Values v;
  v.rows = tensor->shape.at(0);
  v.cols = tensor->elements() / v.rows;
  const std::byte* const at = tensor->bytes.data();
  for (int64_t i = 0; i < tensor->elements(); ++i) {
    switch (tensor->dtype) {
      case DType::kF32:
        v.data.push_back(load_as<float>(at + i * 4));
        break;
      case DType::kBF16:
        v.data.push_back(bf16_to_f32(load_as<uint16_t>(at + i * 2)));
        break;
      case DType::kI32:
        v.data.push_back(static_cast<double>(load_as<int32_t>(at + i * 4)));
        break;
      case DType::kI64:
        v.data.push_back(static_cast<double>(load_as<int64_t>(at + i * 8)));
        break;
      default:
        throw std::runtime_error(name + ": unexpected dtype");
    }
  }
  return v;
}

// Largest distance; infinite where shapes differ or a value is not a number.
inline double max_distance(const Values& a, const Values& b) {
  if (a.rows != b.rows || a.cols != b.cols) return INFINITY;
  double max = 0;
  for (size_t i = 0; i < a.data.size(); ++i) {
    const double d = std::fabs(a.data[i] - b.data[i]);
    if (!(d <= max)) max = std::isnan(d) ? INFINITY : d;
  }
  return max;
}

// A golden case and the runs of it that a test wants.
class Case {
 public:
  // `name` below shared/golden.
  explicit Case(const std::string& name)
      : dir_(shared_path("golden/" + name)),
        expected_(Safetensors::open(dir_ + "/expected.safetensors", LoadMode::kMmap)) {
    std::ofstream ids(folder_.path("ids"));
    for (const double id : values(expected_, "input_ids").data) ids << static_cast<int64_t>(id) << '\n';
  }

  const Safetensors& expected() const { return expected_; }
  std::string expected_path() const { return dir_ + "/expected.safetensors"; }

  EvalOptions options(Numerics numerics) const {
    EvalOptions options;
    options.model.dir = dir_;
    options.model.numerics = numerics;
    options.model.threads = 1;
    options.model.chunk = 4096;
    options.ids = folder_.path("ids");
    options.out = folder_.path("out");
    return options;
  }
  static Safetensors run(const EvalOptions& options) {
    eval_logits(options);
    return Safetensors::open(options.out, LoadMode::kRead);
  }

 private:
  TemporaryFolder folder_;
  std::string dir_;
  Safetensors expected_;
};

struct Cut {
  int64_t chunk;
  std::optional<int64_t> decode_from;
};

}  // namespace hadal
