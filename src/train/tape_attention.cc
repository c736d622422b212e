// Recording: keys that are stored, the compressors, the indexer and attention.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "quant/index_key.h"
#include "quant/kv_entry.h"
#include "quant/small_floats.h"
#include "train/tape_ops.h"

namespace hadal {
namespace {

// x [128] as a stored index key gives it back.
void round_index_vector(float* x) {
  uint8_t codes[kIndexDim], scales[kIndexDim / 32];
  quantise_index_vector(x, kIndexDim, codes, scales);
  for (int64_t i = 0; i < kIndexDim; ++i) x[i] = e2m1_to_f32(codes[i]) * e8m0_to_f32(scales[i / 32]);
}

void add_rows(ConstMat from, Mat to) {
  for (int64_t t = 0; t < from.rows; ++t)
    for (int64_t c = 0; c < from.cols; ++c) to.row(t)[c] += from.row(t)[c];
}

}  // namespace

void TapeOps::store_kv(ConstMat kv, const KvRow& form, std::span<std::byte* const> rows) {
  CHECK(form.form == KvForm::kF32);
  if (keys_ == nullptr)  // window rows come first; entries of ratio 4 are the most that follow
    keys_ = std::make_shared<KeyTable>(arena_, kv.rows + kv.rows / 4, kv.cols, form.bytes());
  CHECK(keys_->has_room(kv.rows));
  const int64_t first = keys_->rows();
  const KvRow rounded = v4_kv_row(EntryFormat::kStored, kv.cols);
  std::vector<std::byte> stored(static_cast<size_t>(rounded.bytes()));
  std::vector<float> value(static_cast<size_t>(kv.cols));
  for (int64_t t = 0; t < kv.rows; ++t) {
    std::copy_n(kv.row(t), kv.cols, value.data());
    if (options.quantise_kv) {
      encode_kv_row(rounded, kv.row(t), stored.data());
      decode_kv_row(rounded, stored.data(), value.data());
    }
    forward_.store_kv({value.data(), 1, kv.cols, kv.cols}, form, rows.subspan(static_cast<size_t>(t), 1));
    keys_->add(rows[static_cast<size_t>(t)], value.data());
  }
  record(OpKind::kKeys,
         [=, this, table = keys_] { add_rows(table->gradients().slice(first, kv.rows), gradient(kv)); });
}

void TapeOps::store_index_keys(ConstMat k, int64_t first, const IndexKeyForm& form, std::byte* keys) {
  CHECK(form.form == IndexForm::kF32 && form.dim == kIndexDim);
  if (index_keys_ == nullptr)
    index_keys_ = std::make_shared<KeyTable>(arena_, keys_->values().rows / 4 + 1, kIndexDim, kIndexDim * 4);
  CHECK(index_keys_->has_room(k.rows));
  const int64_t first_row = index_keys_->rows();
  const Mat values = arena_.take_mat(k.rows, k.cols);
  for (int64_t t = 0; t < k.rows; ++t) {
    std::copy_n(k.row(t), k.cols, values.row(t));
    if (options.quantise_index) round_index_vector(values.row(t));
    index_keys_->add(keys + (first + t) * kIndexDim * 4, values.row(t));
  }
  forward_.store_index_keys(values, first, form, keys);
  record(OpKind::kKeys, [=, this, table = index_keys_] {
    add_rows(table->gradients().slice(first_row, k.rows), gradient(k));
  });
}

void TapeOps::add_ape(Mat score, const std::byte* ape, int64_t ratio, int64_t first_position) {
  forward_.add_ape(score, ape, ratio, first_position);
  wrote(score);
  record(OpKind::kKeys,
         [=, this] { backward_.add_ape(gradient(score), ratio, first_position, parameter_gradient(ape)); });
}

void TapeOps::compressor_pool(std::span<const PoolSlots> blocks, Mat out) {
  forward_.compressor_pool(blocks, out);
  wrote(out);
  int64_t slots = 0;
  for (const PoolSlots& block : blocks) slots += block.count;
  // The slots' values packed, and the places of their gradients: kv and score of each block in turn.
  const float** const values = arena_.take<const float*>(2 * slots);
  float** const gradients = arena_.take<float*>(2 * slots);
  PoolSlots* const kept = arena_.take<PoolSlots>(out.rows);
  auto* const kept_gradients = arena_.take<BackwardOps::PoolGradients>(out.rows);
  float* packed = arena_.take<float>(2 * slots * out.cols);
  int64_t at = 0;
  for (int64_t b = 0; b < out.rows; ++b) {
    const PoolSlots& block = blocks[static_cast<size_t>(b)];
    kept[b] = {values + at, values + at + block.count, block.count};
    kept_gradients[b] = {gradients + at, gradients + at + block.count};
    for (int64_t i = 0; i < 2 * block.count; ++i) {
      const float* const from = i < block.count ? block.kv[i] : block.score[i - block.count];
      values[at] = std::copy_n(from, out.cols, packed) - out.cols;
      gradients[at++] = gradients_.at(from);
      packed += out.cols;
    }
  }
  const auto count = static_cast<size_t>(out.rows);
  record(OpKind::kKeys, [=, this] {
    backward_.compressor_pool({kept, count}, gradient(out), {kept_gradients, count});
    zero(gradient(out));
  });
}

void TapeOps::index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                         std::span<const int64_t> visible, const IndexChoice& choice) {
  CHECK(choice.block == 0);
  const int64_t topk = choice.topk;
  const int64_t* const picks = choice.picks;
  if (options.quantise_index) {
    for (int64_t t = 0; t < q.rows; ++t)
      for (int64_t c = 0; c < q.cols; c += kIndexDim) round_index_vector(q.row(t) + c);
  }
  // Copies of their own: q may be overwritten.
  const Mat q_kept = arena_.take_mat(q.rows, q.cols);
  for (int64_t t = 0; t < q.rows; ++t) std::copy_n(q.row(t), q.cols, q_kept.row(t));
  const ConstMat w_kept = save(w);
  forward_.index_topk(q, w, score_scale, keys, visible, choice);
  wrote(q);

  IndexQueries queries;
  queries.first_token =
      index_queries_.empty() ? 0 : index_queries_.back().first_token + index_queries_.back().tokens;
  queries.tokens = q.rows;
  int64_t* const begin = arena_.take<int64_t>(q.rows + 1);
  int32_t* const rows = arena_.take<int32_t>(q.rows * topk);
  begin[0] = 0;
  for (int64_t t = 0; t < q.rows; ++t) {
    int64_t end = begin[t];
    for (int64_t i = 0; i < topk && picks[t * topk + i] >= 0; ++i)
      rows[end++] = static_cast<int32_t>(index_keys_->find(keys.data + picks[t * topk + i] * kIndexDim * 4));
    begin[t + 1] = end;
  }
  queries.picks = {begin, rows};
  queries.target = arena_.take<float>(begin[q.rows]);
  index_queries_.push_back(queries);
  record(OpKind::kIndexer, [=, this, table = index_keys_] {
    if (options.index_weight == 0 || table == nullptr) return;
    index_kl_ +=
        backward_.index_kl(q_kept, w_kept, score_scale, table->values(), queries.picks, queries.target,
                           options.index_weight, gradient(q), gradient(w), table->gradients());
  });
}

KeyLists TapeOps::key_lists(std::span<const KeyRows> keys) {
  int64_t count = 0;
  for (const KeyRows& of_token : keys) count += of_token.count;
  int64_t* const begin = arena_.take<int64_t>(static_cast<int64_t>(keys.size()) + 1);
  int32_t* const rows = arena_.take<int32_t>(count);
  begin[0] = 0;
  for (size_t t = 0; t < keys.size(); ++t) {
    for (int64_t i = 0; i < keys[t].count; ++i)
      rows[begin[t] + i] = static_cast<int32_t>(keys_->find(keys[t].rows[i]));
    begin[t + 1] = begin[t] + keys[t].count;
  }
  return {begin, rows};
}

// The picks are the last keys of each token; their share of the attention becomes the indexer's target.
void TapeOps::spread_mass(const IndexQueries& queries, const KeyLists& keys, const float* mass) {
  for (int64_t t = 0; t < queries.tokens; ++t) {
    const int64_t picks = queries.picks.begin[t + 1] - queries.picks.begin[t];
    const float* const from = mass + keys.begin[queries.first_token + t + 1] - picks;
    float* const to = queries.target + queries.picks.begin[t];
    float sum = 0;
    for (int64_t i = 0; i < picks; ++i) sum += from[i];
    for (int64_t i = 0; i < picks; ++i) to[i] = sum > 0 ? from[i] / sum : 1.0f / static_cast<float>(picks);
  }
}

void TapeOps::sparse_attention(ConstMat q, std::span<const KeyRows> keys, const KeyForms& forms,
                               const std::byte* sink, float scale, Mat out) {
  CHECK(sink != nullptr);
  const ConstMat q_kept = save(q);
  const KeyLists lists = key_lists(keys);
  forward_.sparse_attention(q, keys, forms, sink, scale, out);
  wrote(out);
  const ConstMat out_kept = save(out);
  float* const mass =
      index_queries_.empty() ? nullptr : arena_.take<float>(lists.begin[static_cast<int64_t>(keys.size())]);
  record(OpKind::kAttention, [=, this, table = keys_, queries = std::exchange(index_queries_, {})] {
    backward_.sparse_attention(q_kept, table->values(), lists, sink, scale, out_kept, gradient(out),
                               gradient(q), table->gradients(), parameter_gradient(sink), mass);
    for (const IndexQueries& of_segment : queries) spread_mass(of_segment, lists, mass);
    zero(gradient(out));
  });
}

}  // namespace hadal
