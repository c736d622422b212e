#include "model/model.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "model/engram_hash.h"
#include "model/read_block.h"
#include "model/read_drafter.h"
#include "model/rope_table.h"
#include "model/weight_reader.h"

namespace hadal {
namespace {

Engram read_engram(WeightReader& reader, const ModelConfig& config, size_t index) {
  const EngramConfig& e = config.engram;
  const std::string prefix = fmt::format("layers.{}.engram", e.layer_ids[index]);
  const int64_t m = config.hc_mult;
  const int64_t d = config.hidden_size;
  Engram engram;
  engram.index = static_cast<int64_t>(index);
  engram.hash = engram_hash(e, index);
  engram.embed = reader.table(prefix + ".embed", e.num_embeddings[index], e.head_dim);
  engram.wkv = reader.matrix(prefix + ".wkv", (m + 1) * d, e.rows_per_token() * e.head_dim);
  engram.q_weight = reader.vector(prefix + ".q_weight", {m, d});
  engram.k_weight = reader.vector(prefix + ".k_weight", {m, d});
  return engram;
}

RopeFrequencies rope_of(const ModelConfig& config, double theta, bool scaled) {
  if (scaled && config.rope_scaling)
    return yarn_frequencies(theta, *config.rope_scaling, config.qk_rope_head_dim);
  return rope_frequencies(theta, config.qk_rope_head_dim);
}

// What an official checkpoint may hold beside the main model and its drafter is no surprise; anything else
// is.
void report_unused(const Checkpoint& checkpoint, const WeightReader& reader) {
  const auto vision = std::ranges::count_if(checkpoint.tensors(), [](const Checkpoint::Place& place) {
    const std::string_view name = place.tensor->name;
    return name.starts_with("vision.") || name.starts_with("aligner.") || name.starts_with("image_");
  });
  const auto unused = static_cast<int64_t>(checkpoint.tensors().size()) - reader.tensors() - vision;
  if (unused > 0)
    log_warning("{}: {} of its {} tensors are not part of this model and are not used", checkpoint.dir(),
                unused, checkpoint.tensors().size());
}

}  // namespace

DrafterKind drafter_kind(const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config();
  DrafterKind kind;
  kind.mtp = config.family.attention != AttentionKind::kMla
                 ? checkpoint.find("mtp.0.e_proj.weight") != nullptr
                 : checkpoint.find(fmt::format("model.layers.{}.eh_proj.weight", config.num_hidden_layers)) !=
                       nullptr;
  const bool has_tensors = checkpoint.find("mtp.0.main_proj.weight") != nullptr;
  kind.dspark = config.dspark_block_size > 0;
  if (kind.mtp && (kind.dspark || has_tensors))
    fail(ErrorCode::kInvalidModel,
         "{}: it has both an MTP block (mtp.0.e_proj.weight) and DSpark drafters (dspark_* in config.json or "
         "mtp.0.main_proj.weight); only one of them can belong to this model",
         checkpoint.dir());
  if (kind.dspark && !has_tensors)
    fail(ErrorCode::kInvalidModel,
         "{}: tensor mtp.0.main_proj.weight is missing, but config.json announces a DSpark drafter "
         "(dspark_block_size {}); complete the checkpoint, or take the dspark_* keys out of config.json to "
         "run "
         "the main model alone",
         checkpoint.dir(), config.dspark_block_size);
  if (has_tensors && !kind.dspark)
    fail(
        ErrorCode::kInvalidModel,
        "{}: it has a DSpark drafter (mtp.0.main_proj.weight), but config.json has no dspark_block_size; use "
        "the config.json that came with it",
        checkpoint.dir());
  kind.layers = kind.dspark ? checkpoint.mtp_blocks() : kind.mtp ? 1 : 0;
  return kind;
}

Model Model::load(const std::string& dir, LoadMode mode) {
  Model model;
  model.checkpoint_ = std::make_unique<Checkpoint>(Checkpoint::open(dir, mode));
  const ModelConfig& config = model.config();
  WeightReader reader(*model.checkpoint_);

  const bool mla = config.family.attention == AttentionKind::kMla;
  const std::string prefix = mla ? "model." : "";
  model.embed = reader.plain_matrix(mla ? "model.embed_tokens.weight" : "embed.weight", config.vocab_size,
                                    config.hidden_size);
  BlockReader blocks(reader, config);
  model.layers.reserve(static_cast<size_t>(config.num_hidden_layers));
  for (int64_t l = 0; l < config.num_hidden_layers; ++l)
    model.layers.push_back(blocks.layer(fmt::format("{}layers.{}", prefix, l), l));
  for (size_t i = 0; i < config.engram.layer_ids.size(); ++i)
    model.layers[static_cast<size_t>(config.engram.layer_ids[i])].engram = read_engram(reader, config, i);
  model.norm = reader.norm(prefix + "norm", config.hidden_size);
  if (config.family.residual == ResidualKind::kMhc) model.hc_head = blocks.hc_head("hc_head");
  model.head =
      reader.plain_matrix(mla ? "lm_head.weight" : "head.weight", config.vocab_size, config.hidden_size);

  const DrafterKind drafter = drafter_kind(*model.checkpoint_);
  if (drafter.mtp) model.mtp = std::make_unique<MtpBlock>(read_mtp(reader, config));
  if (drafter.dspark)
    model.dspark = std::make_unique<Dspark>(read_dspark(reader, *model.checkpoint_, drafter.layers));

  model.rope_window = rope_of(config, config.rope_theta, mla);
  model.rope_compressed = rope_of(config, config.compress_rope_theta, true);
  model.rope_index = mla ? model.rope_window : model.rope_compressed;
  if (mla) model.rope_index.layout = RopeLayout::kFirstHalves;
  model.weight_bytes_ = reader.bytes();
  report_unused(*model.checkpoint_, reader);
  return model;
}

void Model::set_compressed_vocabulary(std::vector<int32_t> classes) {
  const EngramConfig& engram = config().engram;
  const int64_t seen = classes.empty() ? 0 : int64_t{*std::ranges::max_element(classes)} + 1;
  if (seen != engram.compressed_vocab_size)
    fail(ErrorCode::kInvalidModel,
         "{}: the tokens of its tokenizer.json have {} spellings, but config.json says "
         "engram_compressed_vocab_size {}; with another number every n-gram would read the wrong rows: use "
         "the "
         "tokenizer that this model was trained with",
         checkpoint_->dir(), seen, engram.compressed_vocab_size);
  if (static_cast<int64_t>(classes.size()) <= engram.pad_token_id)
    fail(ErrorCode::kInvalidModel, "{}: engram_pad_token_id is {}, but its tokenizer.json has {} tokens",
         checkpoint_->dir(), engram.pad_token_id, classes.size());
  // Rows of the embedding without a token count as the pad.
  classes.resize(static_cast<size_t>(config().vocab_size), classes[static_cast<size_t>(engram.pad_token_id)]);
  compressed_vocabulary_ = std::move(classes);
}

int64_t engram_table_bytes(const Checkpoint& checkpoint) {
  int64_t bytes = 0;
  for (const int64_t layer : checkpoint.config().engram.layer_ids) {
    for (const char* const part : {"weight", "scale"}) {
      const Tensor* const tensor = checkpoint.find(fmt::format("layers.{}.engram.embed.{}", layer, part));
      if (tensor != nullptr) bytes += std::ssize(tensor->bytes);
    }
  }
  return bytes;
}

void Model::set_engram_source(EngramSource source) {
  const auto in_memory = [this](const std::byte* data, int64_t size) -> const std::byte* {
    if (size == 0) return nullptr;
    return tables_in_memory_.emplace_back(data, data + size).data();
  };
  for (Block& layer : layers) {
    if (!layer.engram) continue;
    Engram& engram = *layer.engram;
    const Weight& table = engram.embed;
    const int64_t code_bytes = table.out * table.row_bytes();
    engram.prefetch = source == EngramSource::kMmap;
    if (source == EngramSource::kRam) {
      engram.embed.data = in_memory(table.data, code_bytes);
      engram.embed.scales = in_memory(table.scales, table.bytes() - code_bytes);
    }
    if (source != EngramSource::kDisk) continue;
    const auto holds = [&](const Checkpoint::Place& place) {
      return place.tensor->tensor.bytes.data() == table.data;
    };
    const Safetensors& file = *std::ranges::find_if(checkpoint_->tensors(), holds)->file;
    const std::byte* const base = file.bytes().data();
    const bool scales_beside = table.scales != nullptr;
    const std::span<const std::byte> whole = file.bytes();
    if (scales_beside && (table.scales < base || table.scales >= base + whole.size()))
      fail(ErrorCode::kInvalidModel,
           "{}: the table of layer {} has its scales in another file; choose --engram mmap or ram",
           file.path(), config().engram.layer_ids[static_cast<size_t>(engram.index)]);
    engram.disk = std::make_shared<EngramDisk>(file.path(), table, table.data - base,
                                               scales_beside ? table.scales - base : 0);
  }
}

EngramStats Model::engram_stats() const {
  EngramStats sum;
  for (const Block& layer : layers) {
    if (!layer.engram || layer.engram->disk == nullptr) continue;
    sum.rows += layer.engram->disk->stats().rows;
    sum.hits += layer.engram->disk->stats().hits;
  }
  return sum;
}

}  // namespace hadal
