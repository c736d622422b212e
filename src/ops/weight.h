// Weight: a matrix [out, in] as it lies in the checkpoint, K (= in) contiguous, in one of four formats.
// No format is inflated at load; an op decodes what it needs while it works.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hadal {

enum class WeightFormat {
  kF32,
  kBF16,
  kFp8,  // e4m3 codes; one scale per tile of tile_out x tile_in, ceil(out/tile_out) x ceil(in/tile_in),
         // row-major
  kFp4,  // two e2m1 codes a byte, low nibble = even k; one e8m0 scale per row and 32 k (in % 32 == 0)
};

enum class ScaleFormat { kE8M0, kF32 };

struct Weight {
  WeightFormat format = WeightFormat::kF32;
  ScaleFormat scale_format = ScaleFormat::kE8M0;  // of kFp8; kFp4 is always kE8M0
  int64_t out = 0;
  int64_t in = 0;
  const std::byte* data = nullptr;    // any alignment
  const std::byte* scales = nullptr;  // null for kF32 and kBF16
  int64_t tile_out = 128;             // of kFp8
  int64_t tile_in = 128;              // a multiple of 16

  bool quantised() const { return format == WeightFormat::kFp8 || format == WeightFormat::kFp4; }
  int64_t row_bytes() const {
    switch (format) {
      case WeightFormat::kF32:
        return in * 4;
      case WeightFormat::kBF16:
        return in * 2;
      case WeightFormat::kFp8:
        return in;
      case WeightFormat::kFp4:
        return in / 2;
    }
    return 0;
  }
  // Codes and scales together.
  int64_t bytes() const {
    int64_t scale_bytes = 0;
    if (format == WeightFormat::kFp8)
      scale_bytes = (out + tile_out - 1) / tile_out * ((in + tile_in - 1) / tile_in) *
                    (scale_format == ScaleFormat::kF32 ? 4 : 1);
    if (format == WeightFormat::kFp4) scale_bytes = out * (in / 32);
    return out * row_bytes() + scale_bytes;
  }
};

}  // namespace hadal
