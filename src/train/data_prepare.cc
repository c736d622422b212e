#include "train/data_prepare.h"

#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "text/tokenizer_json.h"
#include "tools/loaded_model.h"
#include "tools/tokenize.h"

namespace hadal {
namespace {

// 1 for each token that begins in a learned range: ranges begin and end between tokens, because they end at
// control tokens.
std::vector<uint8_t> learned_tokens(const std::vector<int32_t>& ids, const std::vector<TextRange>& ranges,
                                    const Tokenizer& tokenizer) {
  std::vector<uint8_t> learned(ids.size());
  int64_t at = 0;
  size_t range = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    while (range < ranges.size() && ranges[range].end <= at) ++range;
    learned[i] = range < ranges.size() && ranges[range].begin <= at ? 1 : 0;
    at += static_cast<int64_t>(tokenizer.token_bytes(ids[i]).size());
  }
  return learned;
}

}  // namespace

DataManifest prepare_data(const DataPrepareOptions& options) {
  const std::string file =
      is_directory(options.tokenizer) ? options.tokenizer + "/tokenizer.json" : options.tokenizer;
  const Tokenizer tokenizer = load_tokenizer(file);
  const ChatLiterals literals = options.encoding.empty() ? own_chat_literals(ChatDialect::kV4Preview)
                                                         : load_model_literals(options.encoding);
  DataWriter writer(options.out, sha256_hex(read_file(file, kMaxTokenizerBytes)), tokenizer.vocab_size(),
                    options.shard_tokens);
  for (const std::string& path : options.files) {
    const uint64_t documents =
        for_each_training_text(path, literals, options.limit_bytes, [&](const TrainingText& document) {
          const std::vector<int32_t> ids = tokenizer.encode_segments(document.text, document.specials);
          writer.add(ids, learned_tokens(ids, document.learned, tokenizer));
        });
    if (documents == 0) fail(ErrorCode::kInvalidModel, "{}: the file has no document", path);
    log_info("{}: {} documents", path, documents);
  }
  return writer.finish();
}

}  // namespace hadal
