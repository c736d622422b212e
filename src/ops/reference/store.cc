// What the state keeps: kv rows and indexer keys, in their stored form or as fp32.
#include <cstring>

#include "base/check.h"
#include "ops/reference/reference_ops.h"
#include "quant/index_key.h"
#include "quant/kv_entry.h"

namespace hadal {

int64_t kv_row_bytes(EntryFormat format, int64_t head_dim) {
  return format == EntryFormat::kF32 ? head_dim * 4 : kv_entry_bytes(head_dim);
}

int64_t index_keys_bytes(EntryFormat format, int64_t count) {
  return format == EntryFormat::kF32 ? count * kIndexDim * 4 : index_key_bytes(count);
}

void ReferenceOps::store_kv(ConstMat kv, std::span<std::byte* const> rows) {
  CHECK(static_cast<int64_t>(rows.size()) == kv.rows);
  for (int64_t t = 0; t < kv.rows; ++t) {
    if (entry_format() == EntryFormat::kF32) {
      std::memcpy(rows[t], kv.row(t), kv.cols * sizeof(float));
    } else {
      encode_kv_entry(kv.row(t), kv.cols, rows[t]);
    }
  }
}

void ReferenceOps::store_index_keys(ConstMat k, int64_t first, std::byte* keys) {
  CHECK(k.cols == kIndexDim);
  for (int64_t t = 0; t < k.rows; ++t) {
    if (entry_format() == EntryFormat::kF32) {
      std::memcpy(keys + (first + t) * kIndexDim * 4, k.row(t), kIndexDim * sizeof(float));
    } else {
      encode_index_key(k.row(t), first + t, keys);
    }
  }
}

}  // namespace hadal
