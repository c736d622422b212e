// moe over the pool, in two parallel regions. First: some rows of w1 and w3 of every expert, with SwiGLU,
// into the hidden values of each visit. Then: some outputs of every token, the experts one after the other in
// ascending order, which is the order of the sum. Decode is the case of one visit an expert.
#include <algorithm>

#include "ops/cpu/cpu_ops.h"

namespace hadal {
namespace {

constexpr int64_t kHiddenGrain = 32;  // hidden values that share an int8 scale
constexpr int64_t kOutGrain = 16;
constexpr int64_t kTileFloats = 32 * int64_t{1024};
constexpr int64_t kMinTileRows = 32;

// Rows of a product with `inputs` inputs whose outputs fit a worker's tile.
int64_t tile_rows_for(int64_t inputs) {
  return std::max(kTileFloats / inputs / kMinTileRows * kMinTileRows, kMinTileRows);
}

// Sorts the tokens by expert: fills first, token, weight.
void sort_visits(const int32_t* ids, const float* weights, int64_t tokens, int64_t top_k, int64_t experts,
                 MoeScratch& visits) {
  const int64_t routed = tokens * top_k;
  visits.first.assign(static_cast<size_t>(experts + 2), 0);
  for (int64_t i = 0; i < routed; ++i) {
    CHECK(ids[i] >= 0 && ids[i] < experts);
    ++visits.first[ids[i] + 1];
  }
  for (int64_t e = 0; e < experts; ++e) visits.first[e + 1] += visits.first[e];
  visits.first[experts + 1] = routed + tokens;
  visits.next.assign(visits.first.begin(), visits.first.end() - 2);
  visits.token.resize(static_cast<size_t>(routed + tokens));
  visits.weight.resize(visits.token.size());
  for (int64_t i = 0; i < routed; ++i) {
    const int64_t at = visits.next[ids[i]]++;
    visits.token[at] = i / top_k;
    visits.weight[at] = weights[i];
  }
  for (int64_t t = 0; t < tokens; ++t) {
    visits.token[routed + t] = t;
    visits.weight[routed + t] = 1.0f;
  }
}

}  // namespace

class CpuOps::MoeCall {
 public:
  MoeCall(CpuOps& ops, std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit)
      : ops_(ops), visits_(ops.moe_scratch_), experts_(experts), shared_(shared), limit_(limit) {}

  // Sizes everything and points each visit at its input and its hidden row.
  void prepare(ConstMat x) {
    bool int8_inputs = false;
    int64_t rows = 0;
    int64_t int8_rows = 0;
    int64_t hidden_cols = 0;
    int64_t most_visits = 0;
    for_each_expert([&](const ExpertWeights& expert, int64_t, int64_t count) {
      int8_inputs = int8_inputs || ops_.takes_int8(expert.w1) || ops_.takes_int8(expert.w3);
      (ops_.takes_int8(expert.w2) ? int8_rows : rows) += count;
      hidden_cols = std::max(hidden_cols, padded_to_lanes(expert.w1.out));
      most_visits = std::max(most_visits, count);
    });
    if (int8_inputs) ops_.quantise_rows(x);
    ops_.reserve_worker_scratch(std::max(x.cols, hidden_cols));
    reserve(rows * hidden_cols, most_visits);
    visits_.hidden_q_memory.resize(int8_rows, hidden_cols);
    for (size_t i = 0; i < visits_.token.size(); ++i) {
      visits_.x[i] = x.row(visits_.token[i]);
      visits_.q[i] = int8_inputs ? ops_.linear_scratch_.q_rows[visits_.token[i]] : nullptr;
    }
    rows = int8_rows = 0;
    for_each_expert([&](const ExpertWeights& expert, int64_t first, int64_t count) {
      const bool int8 = ops_.takes_int8(expert.w2);
      for (int64_t i = first; i < first + count; ++i) {
        visits_.hidden[i] = int8 ? nullptr : visits_.hidden_memory.data() + hidden_cols * rows++;
        visits_.hidden_q[i] = int8 ? visits_.hidden_q_memory.row(int8_rows++) : nullptr;
      }
    });
  }

  void fill_hidden(int worker) const {
    for_each_expert([&](const ExpertWeights& expert, int64_t first, int64_t count) {
      const Range rows = part_of(expert.w1.out, worker, ops_.pool_.threads(), kHiddenGrain);
      const int64_t step = tile_rows_for(2 * count);
      for (int64_t r = rows.first; r < rows.last; r += step)
        fill_hidden_rows(worker, expert, first, count, r, std::min(step, rows.last - r));
    });
  }

  void sum_experts(int worker, Mat out) const {
    const Range cols = part_of(out.cols, worker, ops_.pool_.threads(), kOutGrain);
    for (int64_t t = 0; t < out.rows; ++t) std::fill(out.row(t) + cols.first, out.row(t) + cols.last, 0.0f);
    for_each_expert([&](const ExpertWeights& expert, int64_t first, int64_t count) {
      const int64_t step = tile_rows_for(count);
      for (int64_t c = cols.first; c < cols.last; c += step) {
        const int64_t width = std::min(step, cols.last - c);
        float* const* const y = tile(worker, 0, count, width);
        product(worker, expert.w2, c, width, count, &visits_.hidden[first], &visits_.hidden_q[first], y);
        for (int64_t i = 0; i < count; ++i) {
          float* const sum = out.row(visits_.token[first + i]) + c;
          for (int64_t k = 0; k < width; ++k) sum[k] += y[i][k];
        }
      }
    });
  }

 private:
  // fn(expert, first visit, visits) for each expert that has any, ascending, the shared one last.
  template <typename Fn>
  void for_each_expert(Fn fn) const {
    for (size_t e = 0; e <= experts_.size(); ++e) {
      const int64_t count = visits_.first[e + 1] - visits_.first[e];
      if (count > 0) fn(e < experts_.size() ? experts_[e] : shared_, visits_.first[e], count);
    }
  }

  void reserve(int64_t hidden_floats, int64_t most_visits) {
    const size_t count = visits_.token.size();
    visits_.x.resize(count);
    visits_.q.resize(count);
    visits_.hidden.resize(count);
    visits_.hidden_q.resize(count);
    if (visits_.hidden_memory.size() < hidden_floats) visits_.hidden_memory = Buffer(hidden_floats);
    const int64_t tile_floats = std::max(kTileFloats, 2 * kMinTileRows * most_visits);
    for (Buffer& tile : visits_.tiles) {
      if (tile.size() < tile_floats) tile = Buffer(tile_floats);
    }
    for (auto& rows : visits_.tile_rows) rows.resize(static_cast<size_t>(2 * most_visits));
  }

  // Rows of a worker's tile number `index`: `count` of them, `width` wide.
  float* const* tile(int worker, int64_t index, int64_t count, int64_t width) const {
    float** const rows = visits_.tile_rows[worker].data() + index * count;
    float* const memory = visits_.tiles[worker].data() + index * count * width;
    for (int64_t i = 0; i < count; ++i) rows[i] = memory + i * width;
    return rows;
  }

  void product(int worker, const Weight& w, int64_t first, int64_t rows, int64_t count, const float* const* x,
               const Int8Span* const* q, float* const* out) const {
    const ProductJob job{.weight = &w,
                         .first = first,
                         .last = first + rows,
                         .tokens = count,
                         .x = x,
                         .q = q,
                         .out = out,
                         .scratch = ops_.linear_scratch_.workers[worker].data()};
    ops_.takes_int8(w) ? ops_.linear_.products_int8(job) : ops_.linear_.products(job);
  }

  void fill_hidden_rows(int worker, const ExpertWeights& expert, int64_t first, int64_t count, int64_t row,
                        int64_t rows) const {
    float* const* const g = tile(worker, 0, count, rows);
    float* const* const u = tile(worker, 1, count, rows);
    product(worker, expert.w1, row, rows, count, &visits_.x[first], &visits_.q[first], g);
    product(worker, expert.w3, row, rows, count, &visits_.x[first], &visits_.q[first], u);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t visit = first + i;
      const bool int8 = visits_.hidden_q[visit] != nullptr;
      float* const hidden = int8 ? g[i] : visits_.hidden[visit] + row;
      ops_.linear_.swiglu(g[i], u[i], rows, limit_, visits_.weight[visit], hidden);
      if (int8) ops_.linear_.quantise_int8(hidden, row, rows, expert.w1.out, visits_.hidden_q[visit]);
    }
  }

  CpuOps& ops_;
  MoeScratch& visits_;
  const std::span<const ExpertWeights> experts_;
  const ExpertWeights& shared_;
  const float limit_;
};

void CpuOps::moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
                 std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit, Mat out) {
  CHECK(x.rows == out.rows && x.cols == out.cols);
  sort_visits(ids, weights, x.rows, top_k, static_cast<int64_t>(experts.size()), moe_scratch_);
  MoeCall call(*this, experts, shared, limit);
  call.prepare(x);
  pool_.run([&](int worker) { call.fill_hidden(worker); });
  pool_.run([&](int worker) { call.sum_experts(worker, out); });
}

}  // namespace hadal
