#include "train/held_out.h"

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "text/tokenizer_json.h"
#include "train/data_prepare.h"
#include "train/data_rows.h"

namespace hadal {

namespace fs = std::filesystem;

std::string prepared_data(const std::vector<std::string>& data, const std::string& model,
                          const std::string& folder) {
  const std::string tokenizer = model + "/tokenizer.json";
  if (data.size() == 1 && is_directory(data[0])) {
    const DataSet set = DataSet::open(data[0]);
    if (set.manifest().tokenizer_sha256 != sha256_hex(read_file(tokenizer, kMaxTokenizerBytes)))
      fail(ErrorCode::kUsage, "{}: it was made with another tokenizer than that of {}; prepare it again",
           data[0], model);
    return data[0];
  }
  const std::string fresh = folder + ".tmp";
  fs::remove_all(fresh);
  DataPrepareOptions options;
  options.files = data;
  options.tokenizer = tokenizer;
  options.encoding = model;
  options.out = fresh;
  prepare_data(options);
  fs::remove_all(folder);
  fs::rename(fresh, folder);
  return folder;
}

void for_each_logits(const std::string& data, std::span<const ModelUnderTest> models, int64_t max_tokens,
                     const std::function<void(const TrainRows&, std::span<const ConstMat>)>& fn) {
  const DataSet set = DataSet::open(data);
  RowReader reader(set, {static_cast<uint64_t>(max_tokens), 0, false});
  std::vector<std::unique_ptr<Workspace>> workspaces;
  for (const ModelUnderTest& m : models)
    workspaces.push_back(std::make_unique<Workspace>(*m.model, max_tokens, max_tokens));
  DataPosition position;
  while (position.epoch == 0) {
    TrainRows rows;
    rows.append(reader.read(position));
    std::vector<ConstMat> logits;
    for (size_t i = 0; i < models.size(); ++i) {
      std::vector<std::unique_ptr<SequenceState>> states;
      std::vector<Slice> batch;
      for_each_document(rows, [&](int64_t first, int64_t end) {
        states.push_back(std::make_unique<SequenceState>(models[i].model->config(),
                                                         models[i].ops->entry_format(), end - first, 0));
        batch.push_back(
            {states.back().get(),
             std::span(rows.ids).subspan(static_cast<size_t>(first), static_cast<size_t>(end - first)),
             end - first});
      });
      logits.push_back(forward(*models[i].model, batch, *workspaces[i], *models[i].ops).logits);
    }
    fn(rows, logits);
  }
}

}  // namespace hadal
