// What `hadal tokenizer train` does: training data -> a tokenizer.json of its own.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace hadal {

struct TokenizerTrainOptions {
  std::vector<std::string> files;  // as training_text.h reads them
  size_t vocab = 4096;             // bytes and control tokens included
  bool merges_digits = true;
  std::string out;
};

// The same file for the same documents, in whatever order. Error(kUsage) where the vocabulary has no room for
// the bytes and the control tokens; Error(kInvalidModel) where the data have no document or too few pairs for
// it.
void train_tokenizer(const TokenizerTrainOptions& options);

}  // namespace hadal
