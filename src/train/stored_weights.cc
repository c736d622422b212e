#include "train/stored_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "quant/blocks.h"
#include "quant/fp4_weight.h"
#include "quant/small_floats.h"

namespace hadal {
namespace {

constexpr int64_t kTile = 128;
constexpr int64_t kFp4Block = 32;

enum class Form { kF32, kBf16, kFp8, kFp4 };

Form form_of(const Parameter& p, StoreMode mode) {
  if (mode == StoreMode::kF32 || p.stored == DType::kF32) return Form::kF32;
  if (mode == StoreMode::kFp8Fp4 && p.role == ParameterRole::kMatrix) return Form::kFp8;
  if (mode == StoreMode::kFp8Fp4 && p.role == ParameterRole::kExpert) return Form::kFp4;
  return Form::kBf16;
}

// Calls fn(first row, first column, rows, columns, number of the tile) for each 128 x 128 tile.
template <typename Fn>
void for_each_tile(int64_t rows, int64_t columns, Fn fn) {
  int64_t number = 0;
  for (int64_t r = 0; r < rows; r += kTile)
    for (int64_t c = 0; c < columns; c += kTile)
      fn(r, c, std::min(kTile, rows - r), std::min(kTile, columns - c), number++);
}

int tile_exponent(const float* x, int64_t rows, int64_t columns, int64_t stride) {
  float largest = 0;
  for (int64_t r = 0; r < rows; ++r) largest = std::max(largest, largest_magnitude(x + r * stride, columns));
  return fp8_scale_exponent(largest);
}

// a rounded to a multiple of the step, ties to the even one; magic is 1.5 * 2^23 steps, and a is far below
// it.
inline float nearest_multiple(float a, float magic) { return (a + magic) - magic; }

// e4m3_to_f32(f32_to_e4m3(x)) without branches: steps of 2^-3 of the value's power of two, 2^-9 at least.
inline float nearest_e4m3(float x) {
  const float a = std::min(std::fabs(x), 448.0f);
  constexpr uint32_t kOne = 1u << 23;  // of the exponent
  const uint32_t power = std::max(std::bit_cast<uint32_t>(a) & 0x7F800000u, (127 - 6) * kOne);
  const auto magic = std::bit_cast<float>((power + 20 * kOne) | 0x400000u);
  return std::copysign(nearest_multiple(a, magic), x);
}

// e2m1_to_f32(f32_to_e2m1(x)) without branches.
inline float nearest_e2m1(float x) {
  const float a = std::min(std::fabs(x), 6.0f);
  constexpr float kMagic = 0x1.8p23f;
  const float magic = a < 2 ? 0.5f * kMagic : a < 4 ? kMagic : 2 * kMagic;
  return std::copysign(nearest_multiple(a, magic), x);
}

void store_fp8(const float* x, int64_t rows, int64_t columns, StoredTensor& to) {
  to.dtype = DType::kF8E4M3;
  to.bytes.resize(static_cast<size_t>(rows * columns));
  to.scales = StoredTensor::Scales{{(rows + kTile - 1) / kTile, (columns + kTile - 1) / kTile}, {}};
  for_each_tile(rows, columns, [&](int64_t r, int64_t c, int64_t height, int64_t width, int64_t) {
    const int e = tile_exponent(x + r * columns + c, height, width, columns);
    const float inverse = power_of_two(-e);
    for (int64_t i = r; i < r + height; ++i)
      for (int64_t j = c; j < c + width; ++j)
        to.bytes[static_cast<size_t>(i * columns + j)] = std::byte{f32_to_e4m3(x[i * columns + j] * inverse)};
    to.scales->bytes.push_back(std::byte{static_cast<uint8_t>(e + 127)});
  });
}

void round_fp8(const float* x, int64_t rows, int64_t columns, float* to) {
  for_each_tile(rows, columns, [&](int64_t r, int64_t c, int64_t height, int64_t width, int64_t) {
    const int e = tile_exponent(x + r * columns + c, height, width, columns);
    const float inverse = power_of_two(-e);
    const float scale = power_of_two(e);
    for (int64_t i = r; i < r + height; ++i)
      for (int64_t j = c; j < c + width; ++j)
        to[i * columns + j] = nearest_e4m3(x[i * columns + j] * inverse) * scale;
  });
}

void store_fp4(const float* x, int64_t rows, int64_t columns, StoredTensor& to) {
  to.dtype = DType::kI8;
  to.shape[1] = columns / 2;
  to.bytes.resize(static_cast<size_t>(rows * columns / 2));
  to.scales = StoredTensor::Scales{{rows, columns / kFp4Block}, {}};
  to.scales->bytes.resize(static_cast<size_t>(rows * columns / kFp4Block));
  for (int64_t r = 0; r < rows; ++r)
    encode_fp4_row(x + r * columns, columns, to.bytes.data() + r * columns / 2,
                   to.scales->bytes.data() + r * columns / kFp4Block);
}

void round_fp4(const float* x, int64_t rows, int64_t columns, float* to) {
  for (int64_t i = 0; i < rows * columns; i += kFp4Block) {
    const int e = fp4_scale_exponent(largest_magnitude(x + i, kFp4Block));
    const float inverse = power_of_two(-e);
    const float scale = power_of_two(e);
    for (int64_t j = i; j < i + kFp4Block; ++j) to[j] = nearest_e2m1(x[j] * inverse) * scale;
  }
}

}  // namespace

StoredTensor store_tensor(const Parameter& p, const float* values, StoreMode mode) {
  StoredTensor stored;
  stored.shape = p.shape;
  switch (form_of(p, mode)) {
    case Form::kF32:
      stored.bytes.resize(static_cast<size_t>(p.size) * 4);
      std::memcpy(stored.bytes.data(), values, stored.bytes.size());
      break;
    case Form::kBf16:
      stored.dtype = DType::kBF16;
      stored.bytes.resize(static_cast<size_t>(p.size) * 2);
      for (int64_t i = 0; i < p.size; ++i) {
        const uint16_t code = f32_to_bf16(values[i]);
        std::memcpy(stored.bytes.data() + i * 2, &code, 2);
      }
      break;
    case Form::kFp8:
      store_fp8(values, p.shape[0], p.shape[1], stored);
      break;
    case Form::kFp4:
      store_fp4(values, p.shape[0], p.shape[1], stored);
      break;
  }
  return stored;
}

void round_as_stored(const Parameter& p, const float* from, StoreMode mode, float* values) {
  switch (form_of(p, mode)) {
    case Form::kF32:
      if (from != values) std::copy_n(from, p.size, values);
      break;
    case Form::kBf16:
      for (int64_t i = 0; i < p.size; ++i) values[i] = round_to_bf16(from[i]);
      break;
    case Form::kFp8:
      round_fp8(from, p.shape[0], p.shape[1], values);
      break;
    case Form::kFp4:
      round_fp4(from, p.shape[0], p.shape[1], values);
      break;
  }
}

void round_values(const Parameters& parameters, StoreMode mode, ThreadPool& pool) {
  const std::vector<Parameter>& list = parameters.list();
  pool.run([&](int worker) {
    for (size_t i = static_cast<size_t>(worker); i < list.size(); i += static_cast<size_t>(pool.threads()))
      round_as_stored(list[i], parameters.masters() + list[i].offset, mode,
                      parameters.values() + list[i].offset);
  });
}

std::string scale_name(const std::string& weight) {
  return weight.substr(0, weight.size() - std::string_view("weight").size()) + "scale";
}

void require_storable(const Parameters& parameters, StoreMode mode) {
  for (const Parameter& p : parameters.list()) {
    if (form_of(p, mode) == Form::kFp4 && p.shape[1] % kFp4Block != 0)
      fail(ErrorCode::kUsage, "{} has rows of {} values; FP4 needs a multiple of {}", p.name, p.shape[1],
           kFp4Block);
  }
}

}  // namespace hadal
