#include "train/train_costs.h"

#include "tools/costs.h"

namespace hadal {

int64_t active_matrix_parameters(const Model& model, const Parameters& parameters, bool with_mtp) {
  const ModelConfig& c = model.config();
  const bool mtp = with_mtp && model.mtp != nullptr;
  int64_t active = 0;
  for (const Parameter& p : parameters.list()) {
    if (!p.two_dimensional() || p.name == "embed.weight" || p.role == ParameterRole::kScalar) continue;
    if (!mtp && p.name.starts_with("mtp.")) continue;
    active += p.role == ParameterRole::kExpert ? p.size * c.num_experts_per_tok / c.n_routed_experts : p.size;
    if (mtp && p.name == "head.weight") active += p.size;
  }
  return active;
}

double training_flops(const Model& model, const Parameters& parameters, const TrainRows& rows,
                      bool with_mtp) {
  const ModelConfig& c = model.config();
  const int64_t blocks = c.num_hidden_layers + (with_mtp && model.mtp != nullptr ? 1 : 0);
  int64_t keys = 0;
  for_each_document(rows, [&](int64_t first, int64_t end) {
    for (int64_t position = 0; position < end - first; ++position)
      for (int64_t block = 0; block < blocks; ++block) keys += attended_keys(c, block, position);
  });
  return 6.0 * static_cast<double>(active_matrix_parameters(model, parameters, with_mtp)) *
             static_cast<double>(rows.ids.size()) +
         12.0 * static_cast<double>(c.num_attention_heads * c.head_dim) * static_cast<double>(keys);
}

}  // namespace hadal
