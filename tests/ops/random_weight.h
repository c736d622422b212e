// Random weights in every stored format, random inputs with the values that go wrong, and the loop over what
// this machine can run; shared by the tests of the ops.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "ops/device.h"

namespace hadal {

enum class Stored { kF32, kBF16, kFp8, kFp8F32Scales, kFp4, kFp8Tiles32 };

inline std::string stored_name(Stored stored) {
  const char* const names[] = {"f32", "bf16", "fp8", "fp8 with f32 scales", "fp4", "fp8 in tiles of 32"};
  return names[static_cast<int>(stored)];
}

// Owns the bytes behind a Weight, at an odd address.
class RandomWeight {
 public:
  RandomWeight(Stored stored, int64_t out, int64_t in, uint64_t seed, int lowest_scale = 118,
               int highest_scale = 124)
      : random_(seed) {
    w_.out = out;
    w_.in = in;
    if (stored == Stored::kF32) w_.format = WeightFormat::kF32;
    if (stored == Stored::kBF16) w_.format = WeightFormat::kBF16;
    if (stored == Stored::kFp8 || stored == Stored::kFp8F32Scales) w_.format = WeightFormat::kFp8;
    if (stored == Stored::kFp8Tiles32) {
      w_.format = WeightFormat::kFp8;
      w_.tile_out = w_.tile_in = 32;
    }
    if (stored == Stored::kFp4) w_.format = WeightFormat::kFp4;
    if (stored == Stored::kFp8F32Scales) w_.scale_format = ScaleFormat::kF32;
    const int64_t code_bytes = out * w_.row_bytes();
    bytes_.resize(static_cast<size_t>(1 + w_.bytes()));
    w_.data = bytes_.data() + 1;
    w_.scales = w_.quantised() ? w_.data + code_bytes : nullptr;
    fill_codes();
    const bool floats = w_.format == WeightFormat::kFp8 && w_.scale_format == ScaleFormat::kF32;
    for (int64_t i = code_bytes; i < w_.bytes(); i += floats ? 4 : 1) {
      if (floats) {
        put(i, uniform(0.001f, 0.02f));
      } else {
        bytes_[1 + i] =
            static_cast<std::byte>(std::uniform_int_distribution<int>(lowest_scale, highest_scale)(random_));
      }
    }
  }
  RandomWeight(const RandomWeight&) = delete;
  RandomWeight& operator=(const RandomWeight&) = delete;

  const Weight& weight() const { return w_; }

 private:
  float uniform(float low, float high) { return std::uniform_real_distribution<float>(low, high)(random_); }
  template <typename T>
  void put(int64_t at, T value) {
    std::memcpy(bytes_.data() + 1 + at, &value, sizeof value);
  }
  void fill_codes() {
    const int64_t count = w_.out * w_.row_bytes();
    switch (w_.format) {
      case WeightFormat::kF32:
        for (int64_t i = 0; i < count; i += 4) put(i, uniform(-1, 1));
        break;
      case WeightFormat::kBF16:
        for (int64_t i = 0; i < count; i += 2) {
          const float value = uniform(-1, 1);
          uint32_t bits;
          std::memcpy(&bits, &value, 4);
          put(i, static_cast<uint16_t>(bits >> 16));
        }
        break;
      default:  // every code, the e4m3 NaNs too
        for (int64_t i = 0; i < count; ++i) bytes_[1 + i] = static_cast<std::byte>(random_());
    }
  }

  std::mt19937_64 random_;
  std::vector<std::byte> bytes_;
  Weight w_;
};

// Rows that do not touch each other, with zeros of both signs and some small and large values among them.
class RandomRows {
 public:
  RandomRows(int64_t rows, int64_t cols, uint64_t seed) : rows_(rows), cols_(cols) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    values_.resize(static_cast<size_t>(rows * stride()));
    for (float& value : values_) {
      value = normal(random);
      switch (random() % 32) {
        case 0:
          value = 0.0f;
          break;
        case 1:
          value = -0.0f;
          break;
        case 2:
          value *= 1e-30f;
          break;
        case 3:
          value *= 300.0f;
          break;
        default:
          break;
      }
    }
  }
  int64_t stride() const { return cols_ + 3; }
  Mat mat() { return {values_.data(), rows_, cols_, stride()}; }
  std::vector<float>& values() { return values_; }

 private:
  int64_t rows_;
  int64_t cols_;
  std::vector<float> values_;
};

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// fn(isa) for each fast instruction set; says so where this machine lacks one.
template <typename Fn>
void for_each_fast_isa(Fn fn) {
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    const std::vector<Isa> available = available_isas();
    if (std::find(available.begin(), available.end(), isa) == available.end()) {
      std::printf("SKIP: this machine cannot run %s, its kernels stay untested here\n",
                  isa_name(isa).c_str());
      continue;
    }
    SCOPED_TRACE(isa_name(isa));
    fn(isa);
  }
}

}  // namespace hadal
