// What the state keeps: kv rows and indexer keys, in the form asked for.
#include "base/check.h"
#include "ops/reference/reference_ops.h"

namespace hadal {

void ReferenceOps::store_kv(ConstMat kv, const KvRow& form, std::span<std::byte* const> rows) {
  CHECK(static_cast<int64_t>(rows.size()) == kv.rows && form.dim == kv.cols);
  for (int64_t t = 0; t < kv.rows; ++t) encode_kv_row(form, kv.row(t), rows[t]);
}

void ReferenceOps::store_index_keys(ConstMat k, int64_t first, const IndexKeyForm& form, std::byte* keys) {
  CHECK(k.cols == form.dim);
  for (int64_t t = 0; t < k.rows; ++t) encode_index_key(form, k.row(t), first + t, keys);
}

}  // namespace hadal
