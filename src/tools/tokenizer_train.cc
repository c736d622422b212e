#include "tools/tokenizer_train.h"

#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "text/bpe_trainer.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_writer.h"
#include "tools/training_text.h"

namespace hadal {
namespace {

// The content between the control tokens.
void add_document(const TrainingText& document, BpeTrainer& trainer) {
  const std::string_view text = document.text;
  size_t at = 0;
  for (const TextRange& special : document.specials) {
    trainer.add(text.substr(at, static_cast<size_t>(special.begin) - at));
    at = static_cast<size_t>(special.end);
  }
  trainer.add(text.substr(at));
}

}  // namespace

void train_tokenizer(const TokenizerTrainOptions& options) {
  if (options.vocab < kFixedTokens || options.vocab > Vocabulary::kMaxTokens)
    fail(ErrorCode::kUsage,
         "--vocab is {}; the bytes and the control tokens alone are {}, and {} is the most", options.vocab,
         kFixedTokens, Vocabulary::kMaxTokens);
  const ChatLiterals literals = own_chat_literals(ChatDialect::kV4Preview);
  BpeTrainer trainer(options.merges_digits);
  uint64_t documents = 0;
  for (const std::string& file : options.files)
    documents += for_each_training_text(file, literals, kMaxDocumentBytes, [&](const TrainingText& document) {
      add_document(document, trainer);
    });
  if (documents == 0)
    fail(ErrorCode::kInvalidModel, "{}: no document in {} files", options.files.front(),
         options.files.size());
  log_info("{} documents, {} different pieces", documents, trainer.distinct_pieces());
  const size_t wanted = options.vocab - kFixedTokens;
  const std::string json = tokenizer_json(trainer.train(wanted));
  const size_t made = read_tokenizer_json(json, options.out).vocabulary.size();
  if (made < options.vocab)
    fail(ErrorCode::kInvalidModel,
         "the data give {} tokens, not the {} of --vocab: no further pair comes twice; give more data or a "
         "smaller "
         "--vocab",
         made, options.vocab);
  write_file_atomically(options.out, json);
  log_info("{}: {} tokens", options.out, made);
}

}  // namespace hadal
