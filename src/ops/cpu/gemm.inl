// Products of the backward pass: every element of c is one chain of fused multiply-adds in ascending order,
// so how the work is blocked does not show in the bits. Included inside the namespace of an instruction set,
// which defines kGemmTileRows and the registers' Part with load_part, store_part_of, splat_part and fma_part.
//
// Blocks of a and b are packed into the order in which a tile of kGemmTileRows x (2 registers) meets them.

inline constexpr int64_t kPartFloats = 16 / kParts;
inline constexpr int64_t kGemmTileColumns = 2 * kPartFloats;

// c tile += the packed panels; c has gaps of c_stride.
inline void gemm_tile(const float* a, const float* b, int64_t k, float* c, int64_t c_stride) {
  Part sums[kGemmTileRows][2];
#pragma GCC unroll 16
  for (int64_t r = 0; r < kGemmTileRows; ++r) {
    sums[r][0] = load_part(c + r * c_stride, 0);
    sums[r][1] = load_part(c + r * c_stride + kPartFloats, 0);
  }
  for (int64_t p = 0; p < k; ++p) {
    const Part b0 = load_part(b, 0);
    const Part b1 = load_part(b + kPartFloats, 0);
#pragma GCC unroll 16
    for (int64_t r = 0; r < kGemmTileRows; ++r) {
      const Part value = splat_part(a[r]);
      sums[r][0] = fma_part(value, b0, sums[r][0]);
      sums[r][1] = fma_part(value, b1, sums[r][1]);
    }
    a += kGemmTileRows;
    b += kGemmTileColumns;
  }
#pragma GCC unroll 16
  for (int64_t r = 0; r < kGemmTileRows; ++r) {
    store_part_of(c + r * c_stride, sums[r][0]);
    store_part_of(c + r * c_stride + kPartFloats, sums[r][1]);
  }
}

// A tile at the edge of c: through a copy.
inline void gemm_edge(const float* a, const float* b, int64_t k, float* c, int64_t c_stride, int64_t rows,
                      int64_t columns) {
  alignas(64) float tile[kGemmTileRows * kGemmTileColumns] = {};
  for (int64_t r = 0; r < rows; ++r) std::copy_n(c + r * c_stride, columns, tile + r * kGemmTileColumns);
  gemm_tile(a, b, k, tile, kGemmTileColumns);
  for (int64_t r = 0; r < rows; ++r) std::copy_n(tile + r * kGemmTileColumns, columns, c + r * c_stride);
}

// `steps` steps of kGemmTileRows rows that lie one after another: four by four through the registers.
inline void pack_whole_rows(const float* source, int64_t a_row, int64_t steps, float* to) {
  constexpr int64_t kFours = kGemmTileRows / 4 * 4;
  int64_t p = 0;
  for (; p + 4 <= steps; p += 4) {
    float* const at = to + p * kGemmTileRows;
#pragma GCC unroll 4
    for (int64_t i = 0; i < kFours; i += 4) {
      const float* const from = source + i * a_row + p;
      __m128 r0 = _mm_loadu_ps(from), r1 = _mm_loadu_ps(from + a_row);
      __m128 r2 = _mm_loadu_ps(from + 2 * a_row), r3 = _mm_loadu_ps(from + 3 * a_row);
      _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
      _mm_storeu_ps(at + i, r0);
      _mm_storeu_ps(at + kGemmTileRows + i, r1);
      _mm_storeu_ps(at + 2 * kGemmTileRows + i, r2);
      _mm_storeu_ps(at + 3 * kGemmTileRows + i, r3);
    }
    for (int64_t i = kFours; i < kGemmTileRows; ++i)
      for (int64_t q = 0; q < 4; ++q) at[q * kGemmTileRows + i] = source[i * a_row + p + q];
  }
  for (; p < steps; ++p)
    for (int64_t i = 0; i < kGemmTileRows; ++i) to[p * kGemmTileRows + i] = source[i * a_row + p];
}

// Rows [first, first + rows) of a, steps [from, from + steps): tiles of kGemmTileRows, step after step.
inline void pack_a(const GemmJob& job, int64_t first, int64_t rows, int64_t from, int64_t steps, float* to) {
  for (int64_t r = 0; r < rows; r += kGemmTileRows) {
    const int64_t count = std::min<int64_t>(kGemmTileRows, rows - r);
    const float* const source = job.a + (first + r) * job.a_row + from * job.a_step;
    if (count < kGemmTileRows) {
      std::fill_n(to, steps * kGemmTileRows, 0.0f);
      for (int64_t i = 0; i < count; ++i)
        for (int64_t p = 0; p < steps; ++p)
          to[p * kGemmTileRows + i] = source[i * job.a_row + p * job.a_step];
    } else if (job.a_row == 1) {
      for (int64_t p = 0; p < steps; ++p)
        std::memcpy(to + p * kGemmTileRows, source + p * job.a_step, kGemmTileRows * sizeof(float));
    } else {
      CHECK(job.a_step == 1);
      pack_whole_rows(source, job.a_row, steps, to);
    }
    to += steps * kGemmTileRows;
  }
}

inline void pack_b(const GemmJob& job, int64_t first, int64_t columns, int64_t from, int64_t steps,
                   float* to) {
  for (int64_t c = 0; c < columns; c += kGemmTileColumns) {
    const int64_t count = std::min<int64_t>(kGemmTileColumns, columns - c);
    for (int64_t p = 0; p < steps; ++p) {
      const float* const source = job.b + (from + p) * job.b_stride + first + c;
      if (count == kGemmTileColumns) {
        store_part_of(to, load_part(source, 0));
        store_part_of(to + kPartFloats, load_part(source + kPartFloats, 0));
      } else {
        std::fill_n(std::copy_n(source, count, to), kGemmTileColumns - count, 0.0f);
      }
      to += kGemmTileColumns;
    }
  }
}

inline void gemm(const GemmJob& job) {
  float* const packed_a = job.scratch;
  float* const packed_b = job.scratch + kGemmSteps * kGemmRows;
  for (int64_t column = 0; column < job.n; column += kGemmColumns) {
    const int64_t columns = std::min<int64_t>(kGemmColumns, job.n - column);
    for (int64_t from = 0; from < job.k; from += kGemmSteps) {
      const int64_t steps = std::min<int64_t>(kGemmSteps, job.k - from);
      pack_b(job, column, columns, from, steps, packed_b);
      for (int64_t row = 0; row < job.m; row += kGemmRows) {
        const int64_t rows = std::min<int64_t>(kGemmRows, job.m - row);
        pack_a(job, row, rows, from, steps, packed_a);
        for (int64_t c = 0; c < columns; c += kGemmTileColumns) {
          const float* const b = packed_b + c * steps;
          for (int64_t r = 0; r < rows; r += kGemmTileRows) {
            if (job.lower && column + c >= row + r + kGemmTileRows) continue;
            const float* const a = packed_a + r * steps;
            float* const to = job.c + (row + r) * job.c_stride + column + c;
            if (r + kGemmTileRows <= rows && c + kGemmTileColumns <= columns) {
              gemm_tile(a, b, steps, to, job.c_stride);
            } else {
              gemm_edge(a, b, steps, to, job.c_stride, std::min<int64_t>(kGemmTileRows, rows - r),
                        std::min<int64_t>(kGemmTileColumns, columns - c));
            }
          }
        }
      }
    }
  }
}
