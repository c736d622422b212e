// TapeOps: the ops of a forward pass, recorded, and the way back through them.
//
// Each call runs on the ops below and leaves a node: how the gradient of its result becomes the gradients of
// what it read. Values that a node needs are copied into the tape, once while nobody overwrites them.
// Gradients of activations live in the shadow of the scratch: forward is a program over memory that it writes
// again and again, and the way back undoes it write by write. After a node has used the gradient of what its
// op wrote, that gradient is zeroed: what the memory held before has its own. So aliases, slices, tiles and
// in-place ops need no bookkeeping.
//
// Rows of the sequence state (keys that are stored in one op and read in another) go through two tables of
// the present block instead: begin_block() starts new ones. A pass must begin at position 0 of every
// sequence: nothing is read from the rings then.
//
// Numerics are fp32; what is simulated of the stored forms (QAT) rounds values where they are stored, with
// the gradient passed straight through. One thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "ops/backward.h"
#include "ops/ops.h"
#include "train/key_table.h"
#include "train/op_times.h"
#include "train/residual.h"
#include "train/shadow.h"
#include "train/stream_gain.h"
#include "train/tape_arena.h"

namespace hadal {

struct TapeOptions {
  bool quantise_kv = false;      // window rows and entries through Sim8-64
  bool quantise_index = false;   // index queries and keys through Sim4-32
  float index_weight = 0;        // of each query's KL (index_kl)
  float balance_weight = 0;      // of each sequence's balance loss
  bool frozen_matrices = false;  // weights outside the parameters have no gradient
  Residual residual = Residual::kMhc;
};

// What the router did in one call of moe_route.
struct RouteRecord {
  const std::byte* bias = nullptr;  // null with hash routing
  std::vector<int64_t> load;        // [E] choices
  double entropy = 0;               // of s / sum s, summed over the tokens; with the balance loss only
  int64_t tokens = 0;
  double balance_loss = 0;  // sum over the sequences of sum_e f_e P_e
};

class TapeOps final : public Ops {
 public:
  TapeOps(Ops& forward, BackwardOps& backward);

  TapeOptions options;
  // Rows at which the sequences of the balance loss end; empty: no balance loss.
  std::vector<int64_t> sequence_ends;
  // Products with these weights do not pass their gradient on to their input (the indexer's inputs).
  std::set<const std::byte*> detached;

  // Memory of activations: gets a shadow.
  void cover(const float* base, int64_t count) { gradients_.cover(base, count); }
  // Parameters are the floats base[0, count); their gradients are added to gradients[0, count).
  void set_parameters(const float* base, int64_t count, float* gradients);

  // A pass begins: what its ops take is counted from now on.
  void begin_pass() { times_.start(); }
  // A block of the model (a layer or the MTP block) follows.
  void begin_block();
  // The next product with these weights makes logits of which only the rows that `targets` asks for matter
  // (a target below 0 asks for nothing). They are made, turned into losses [rows] and their gradients and
  // forgotten, some rows at a time: `out` of that product keeps what it held.
  struct HeadLoss {
    const std::byte* head = nullptr;
    std::span<const int32_t> targets;
    float weight = 0;  // of each target
    std::span<float> losses;
  };
  void expect_loss(const HeadLoss& loss) { head_loss_ = loss; }
  Mat gradient(ConstMat of) const { return {gradients_.at(of.data), of.rows, of.cols, of.stride}; }
  // All the way back; the tape is empty afterwards. Returns the sum of the queries' KL of the indexers.
  double backward();
  // Forgets what was recorded.
  void clear();
  const std::vector<RouteRecord>& routes() const { return routes_; }
  int64_t bytes() const { return arena_.bytes(); }
  OpTimes& times() { return times_; }
  // Of the streams between the first layer and here.
  double stream_gain() const { return gain_.value(); }

  Numerics numerics() const override { return Numerics::kFp32; }
  void embed(const Weight& table, std::span<const int32_t> ids, Mat out) override;
  void hc_expand(ConstMat x, int64_t mult, Mat streams) override;
  void hc_pre(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
              Mat comb) override;
  void hc_post(Mat streams, ConstMat y, ConstMat post, ConstMat comb) override;
  void hc_head(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u) override;
  void hc_collapse(ConstMat streams, ConstMat pre, Mat u) override;
  void hc_coefficients(ConstMat streams, const HcParams& params, const HcConfig& config, Mat pre, Mat post,
                       Mat comb) override;
  void engram_gate(Mat streams, ConstMat kv, const NormWeight& q_weight, const NormWeight& k_weight,
                   float eps, Mat gate) override;
  void mla_absorb(ConstMat q, const Weight& w, int64_t nope, int64_t rope, Mat out) override;
  void mla_values(ConstMat o, const Weight& w, int64_t nope, int64_t rope, Mat out) override;
  void layer_norm(ConstMat x, const NormWeight& weight, const NormWeight& bias, float eps, Mat out) override;
  void rms_norm(ConstMat x, const NormWeight& weight, float eps, Mat out) override;
  void head_rms_norm(Mat q, int64_t head_dim, float eps) override;
  void linear(ConstMat x, const Weight& w, Mat out) override;
  void linear_fp32(ConstMat x, const Weight& w, Mat out) override;
  void linear_grouped(ConstMat x, const Weight& w, int64_t groups, Mat out) override;
  void add(Mat x, ConstMat y) override;
  void rope(Mat x, int64_t head_dim, std::span<const int64_t> positions, const RopeFrequencies& f,
            bool inverse) override;
  void hadamard(Mat x) override;
  void store_kv(ConstMat kv, const KvRow& form, std::span<std::byte* const> rows) override;
  void store_index_keys(ConstMat k, int64_t first, const IndexKeyForm& form, std::byte* keys) override;
  void add_ape(Mat score, const std::byte* ape, int64_t ratio, int64_t first_position) override;
  void compressor_pool(std::span<const PoolSlots> blocks, Mat out) override;
  void index_topk(Mat q, ConstMat w, float score_scale, const IndexKeys& keys,
                  std::span<const int64_t> visible, const IndexChoice& choice) override;
  void sparse_attention(ConstMat q, std::span<const KeyRows> keys, const KeyForms& forms,
                        const std::byte* sink, float scale, Mat out) override;
  void moe_route(ConstMat logits, const RouteParams& params, std::span<const int32_t> token_ids, int32_t* ids,
                 float* weights) override;
  void moe(ConstMat x, const int32_t* ids, const float* weights, int64_t top_k,
           std::span<const ExpertWeights> experts, const ExpertWeights& shared, float limit,
           Mat out) override;

 private:
  // A copy of a matrix that an earlier node made and nothing has overwritten since.
  struct Saved {
    ConstMat original;
    ConstMat copy;
  };
  // The queries of an index_topk, which the next sparse_attention answers; all in the arena.
  struct IndexQueries {
    int64_t first_token = 0;  // in the tile of that sparse_attention
    int64_t tokens = 0;
    KeyLists picks;           // rows of index_keys_
    float* target = nullptr;  // for each pick, filled on the way back
  };

  ConstMat save(ConstMat m);
  template <typename T>
  T* save_values(const T* from, int64_t count);
  void wrote(ConstMat m);
  // What went on since the last op was this kind's.
  void record(OpKind kind, std::function<void()> node) {
    nodes_.push_back({kind, std::move(node)});
    times_.add_forward(kind);
  }
  float* parameter_gradient(const std::byte* parameter) const;
  HcGradients hc_gradients(const HcParams& params) const;
  // The gradient of m as it is, copied away and zeroed in place.
  ConstMat take_gradient(Mat m);
  static void zero(Mat m);
  void product(ConstMat x, const Weight& w, int64_t groups, Mat out);
  void mix_by_arm(ConstMat streams, const HcParams& params, const HcConfig& config, Mat u, Mat post,
                  Mat comb);
  void losses_at_head(ConstMat x, const Weight& w);
  KeyLists key_lists(std::span<const KeyRows> keys);
  static void spread_mass(const IndexQueries& queries, const KeyLists& keys, const float* mass);
  // The gradients by s_e / sum of all s of each sequence, [sequences, E]; fills in the route's figures.
  const float* balance(RouteRecord& route, ConstMat logits, const int32_t* ids, int64_t top_k);

  Ops& forward_;
  BackwardOps& backward_;
  Shadow<float> gradients_;
  const float* parameters_ = nullptr;
  int64_t parameter_count_ = 0;
  float* parameter_gradients_ = nullptr;
  TapeArena arena_;
  std::vector<Saved> saved_;
  struct Node {
    OpKind kind;
    std::function<void()> back;
  };
  std::vector<Node> nodes_;
  OpTimes times_;
  StreamGain gain_;
  std::shared_ptr<KeyTable> keys_;
  std::shared_ptr<KeyTable> index_keys_;
  std::vector<IndexQueries> index_queries_;
  std::vector<RouteRecord> routes_;
  HeadLoss head_loss_;
  Buffer head_memory_;
  double index_kl_ = 0;
};

}  // namespace hadal
