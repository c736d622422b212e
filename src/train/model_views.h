// Every view of a model's weights, visited in one fixed order.
#pragma once

#include "base/error.h"
#include "model/model.h"

namespace hadal {

// visit() takes a Weight&, a NormWeight& or, for what is always F32, a const std::byte*&. A tensor that two
// views share is visited twice.
template <typename Visit>
class ModelViews {
 public:
  explicit ModelViews(Visit visit) : visit_(visit) {}

  // Error(kUsage) for members of the family whose gradients are still to be written.
  void model(Model& m) {
    visit_(m.embed);
    for (Block& b : m.layers) block(b);
    visit_(m.norm);
    hc(m.hc_head);
    visit_(m.head);
    if (m.mtp == nullptr) return;
    for (NormWeight* w : {&m.mtp->enorm, &m.mtp->hnorm}) visit_(*w);
    for (Weight* w : {&m.mtp->e_proj, &m.mtp->h_proj}) visit_(*w);
    block(m.mtp->block);
    visit_(m.mtp->norm);
    hc(m.mtp->hc_head);
    for (std::optional<Weight>* w : {&m.mtp->embed, &m.mtp->head})
      if (*w) visit_(**w);
  }

 private:
  void hc(HcParams& w) {
    visit_(w.fn);
    visit_(w.base);
    visit_(w.scale);
  }
  void compressor(Compressor& w) {
    visit_(w.ape);
    visit_(w.wkv);
    visit_(w.wgate);
    visit_(w.norm);
  }
  void expert(ExpertWeights& w) {
    visit_(w.w1);
    visit_(w.w2);
    visit_(w.w3);
  }
  void block(Block& b) {
    auto* const a = std::get_if<CompressedAttention>(&b.attn);
    if (a == nullptr || b.engram)
      fail(ErrorCode::kUsage, "this is not a DeepSeek-V4 model: only those can be trained yet");
    hc(b.hc_attn);
    visit_(b.attn_norm);
    visit_(a->attn_sink);
    for (Weight* w : {&a->wq_a, &a->wq_b, &a->wkv, &a->wo_a, &a->wo_b}) visit_(*w);
    visit_(a->q_norm);
    visit_(a->kv_norm);
    if (a->keys.ratio != 0) compressor(a->compressor);
    if (a->keys.ratio == 4) {
      visit_(a->indexer.wq_b);
      visit_(a->indexer.weights_proj);
      compressor(a->indexer.compressor);
    }
    hc(b.hc_ffn);
    visit_(b.ffn_norm);
    visit_(b.ffn.gate);
    if (b.ffn.route.bias != nullptr) visit_(b.ffn.route.bias);
    for (ExpertWeights& e : b.ffn.experts) expert(e);
    expert(b.ffn.shared_experts);
  }

  Visit visit_;
};

}  // namespace hadal
