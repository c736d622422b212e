// Data for a model at hand, and how well models predict it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/forward.h"
#include "train/train_pass.h"

namespace hadal {

// A folder of hadal data prepare as it is; else the files, prepared into `folder` (anew if it is there) with
// the model's own tokenizer and chat format. Error(kUsage) where it was made with another tokenizer.
std::string prepared_data(const std::vector<std::string>& data, const std::string& model,
                          const std::string& folder);

// Calls fn(documents, logits of each model) for some rows of the data after another, all in the same order.
// Every model has ops of its own; parts of at most max_tokens tokens.
struct ModelUnderTest {
  const Model* model = nullptr;
  Ops* ops = nullptr;
};
void for_each_logits(const std::string& data, std::span<const ModelUnderTest> models, int64_t max_tokens,
                     const std::function<void(const TrainRows&, std::span<const ConstMat>)>& fn);

}  // namespace hadal
