#include "tools/eval.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/error.h"
#include "base/printable.h"
#include "formats/safetensors.h"
#include "model/forward.h"
#include "quant/small_floats.h"
#include "tools/eval_output.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxIdsBytes = uint64_t{1} << 30;

// The golden streams that replace each layer's input.
class Teacher {
 public:
  Teacher(const std::string& path, const ModelConfig& config, int64_t tokens)
      : file_(Safetensors::open(path, LoadMode::kMmap)) {
    const std::vector<int64_t> shape{tokens, config.hc_mult, config.hidden_size};
    for (int64_t l = 0; l + 1 < config.num_hidden_layers; ++l) {
      const std::string name = fmt::format("layers.{}.out.official", l);
      const Tensor* const tensor = file_.find(name);
      if (tensor == nullptr)
        fail(ErrorCode::kInvalidModel, "{}: no tensor {}; --teacher needs it for every layer but the last",
             path, name);
      if ((tensor->dtype != DType::kBF16 && tensor->dtype != DType::kF32) || tensor->shape != shape)
        fail(ErrorCode::kInvalidModel,
             "{}: tensor {} is {} [{}], expected BF16 or F32 [{}] for this model and these ids", path, name,
             dtype_name(tensor->dtype), fmt::join(tensor->shape, ", "), fmt::join(shape, ", "));
      layers_.push_back(tensor);
    }
  }

  // Layer `layer`'s input for the tokens from `first` on. Layer 0 keeps the embedding.
  void overwrite(int64_t layer, int64_t first, Mat streams) const {
    if (layer == 0) return;
    const Tensor& golden = *layers_[static_cast<size_t>(layer - 1)];
    CHECK(streams.stride == streams.cols);
    const int64_t from = first * streams.cols;
    for (int64_t i = 0; i < streams.rows * streams.cols; ++i)
      streams.data[i] = golden.dtype == DType::kF32
                            ? load_as<float>(golden.bytes.data() + (from + i) * 4)
                            : bf16_to_f32(load_as<uint16_t>(golden.bytes.data() + (from + i) * 2));
  }

 private:
  Safetensors file_;
  std::vector<const Tensor*> layers_;
};

class Evaluation {
 public:
  Evaluation(const EvalOptions& options, const Model& model, Ops& ops, std::vector<int32_t> ids)
      : options_(options),
        model_(model),
        ops_(ops),
        ids_(std::move(ids)),
        chunk_(std::min(options.model.chunk, tokens())),
        state_(model.config(), ops.entry_format(), tokens(),
               wants_drafts() || options.mtp ? model.drafter_layers() : 0),
        workspace_(model, std::max(chunk_, draft_rows()),
                   std::max(wants_logits() ? chunk_ : 0, draft_rows())) {
    if (!options.teacher.empty())
      teacher_ = std::make_unique<Teacher>(options.teacher, model.config(), tokens());
    declare_output();
    hook_layers();
  }

  void run() {
    output_.open(options_.out);
    const int64_t decode_from = std::clamp<int64_t>(options_.decode_from.value_or(tokens()), 0, tokens());
    while (state_.length() < decode_from) feed(std::min(chunk_, decode_from - state_.length()));
    while (state_.length() < tokens()) feed(1);
    output_.finish();
  }

 private:
  int64_t tokens() const { return static_cast<int64_t>(ids_.size()); }
  bool wants_logits() const { return options_.teacher.empty(); }
  bool wants_drafts() const { return options_.trace && wants_logits() && model_.dspark != nullptr; }
  int64_t draft_rows() const { return wants_drafts() ? model_.config().dspark_block_size : 0; }
  bool wants_streams() const { return options_.trace || !options_.teacher.empty(); }

  void declare_output();
  void hook_layers();
  void write_layer(const LayerTrace& trace);
  void feed(int64_t count);
  void write_mtp(int64_t first, int64_t count, ConstMat streams);
  void write_drafts(DraftOutput& drafts, int64_t first, int64_t count, ConstMat taps);

  const EvalOptions& options_;
  const Model& model_;
  Ops& ops_;
  const std::vector<int32_t> ids_;
  const int64_t chunk_;
  SequenceState state_;
  Workspace workspace_;
  std::unique_ptr<Teacher> teacher_;

  EvalOutput output_;
  size_t logits_ = 0;
  size_t mtp_logits_ = 0;
  std::vector<LayerOutput> layers_;  // the MTP block last, where it is traced
  std::optional<DraftOutput> drafts_;
};

void Evaluation::declare_output() {
  const ModelConfig& config = model_.config();
  const int64_t n = tokens();
  if (wants_logits()) logits_ = output_.declare("logits", DType::kF32, {n, config.vocab_size});
  if (options_.mtp) mtp_logits_ = output_.declare("mtp_logits", DType::kF32, {n - 1, config.vocab_size});
  if (wants_drafts()) drafts_.emplace(output_, model_, n - 1);
  if (!wants_streams()) return;
  for (int64_t l = 0; l < config.num_hidden_layers; ++l)
    layers_.emplace_back(output_, config, model_.layers[static_cast<size_t>(l)], l, n, options_.trace);
  const bool traces_mtp = options_.trace && options_.mtp && config.family.attention == AttentionKind::kMla;
  if (traces_mtp)
    layers_.emplace_back(output_, config, model_.mtp->block, config.num_hidden_layers, n - 1, true);
}

void Evaluation::hook_layers() {
  if (teacher_)
    workspace_.before_layer = [this](int64_t layer, Mat streams) {
      teacher_->overwrite(layer, state_.length(), streams);
    };
  if (wants_streams()) workspace_.trace = [this](const LayerTrace& trace) { write_layer(trace); };
}

void Evaluation::write_layer(const LayerTrace& trace) {
  const auto layer = static_cast<size_t>(trace.layer);
  if (layer < layers_.size()) return layers_[layer].append(output_, trace);
  if (drafts_) drafts_->append_stage(output_, trace);
}

void Evaluation::feed(int64_t count) {
  const int64_t first = state_.length();
  const std::span<const int32_t> ids(ids_);
  const Slice slice{&state_, ids.subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
                    wants_logits() ? count : 0};
  const ForwardResult result = forward(model_, {&slice, 1}, workspace_, ops_);
  if (wants_logits()) output_.append(logits_, bytes_of(result.logits));
  const int64_t pairs = std::min(count, tokens() - 1 - first);  // the last token has no next one
  if (pairs == 0) return;
  if (options_.mtp) write_mtp(first, pairs, result.streams);
  if (drafts_) write_drafts(*drafts_, first, pairs, result.taps);
}

void Evaluation::write_mtp(int64_t first, int64_t count, ConstMat streams) {
  const std::span<const int32_t> next_ids =
      std::span(ids_).subspan(static_cast<size_t>(first) + 1, static_cast<size_t>(count));
  output_.append(mtp_logits_, bytes_of(mtp_forward(model_, state_, first, streams.slice(0, count), next_ids,
                                                   -1, workspace_, ops_)
                                           .logits));
}

void Evaluation::write_drafts(DraftOutput& drafts, int64_t first, int64_t count, ConstMat taps) {
  const auto best = [&](const DraftRow& row) -> std::optional<int32_t> {
    const auto chosen = static_cast<int32_t>(std::ranges::max_element(row.logits) - row.logits.begin());
    drafts.append_row(output_, row, chosen);
    return chosen;
  };
  for (int64_t i = 0; i < count; ++i) {
    const int32_t next = ids_[static_cast<size_t>(first + i + 1)];
    drafts.append_position(output_, first + i, next);
    dspark_keep(model_, state_, first + i, taps.slice(i, 1), workspace_, ops_);
    dspark_draft(model_, state_, first + i + 1, next, model_.config().dspark_block_size, best, workspace_,
                 ops_);
  }
}

void check_options(const EvalOptions& options, const Model& model) {
  if (options.mtp && !options.teacher.empty())
    fail(ErrorCode::kUsage,
         "--mtp and --teacher exclude each other: a taught model has no logits of its own");
  check_numerics(model.config(), options.model.numerics);
  if (!options.teacher.empty() && model.config().family.attention != AttentionKind::kCompressed)
    fail(ErrorCode::kUsage, "--teacher is known for {} only, and this is {}", kV4.name,
         model.config().family.name);
  if (options.mtp && model.mtp == nullptr)
    fail(ErrorCode::kUsage, "--mtp: {} has no MTP block{}", options.model.dir,
         model.dspark ? "; the drafts of its DSpark stages come with --trace" : "; leave --mtp out");
}

}  // namespace

std::vector<int32_t> parse_token_ids(std::string_view text, int64_t vocab_size, const std::string& origin) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  std::vector<int32_t> ids;
  size_t at = 0;
  while ((at = text.find_first_not_of(kSpace, at)) != std::string_view::npos) {
    const size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    const std::string_view word = text.substr(at, end - at);
    int64_t id = 0;
    const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if ((error != std::errc() && error != std::errc::result_out_of_range) ||
        rest != word.data() + word.size())
      fail(ErrorCode::kUsage,
           "{}: word {} is {}, which is not a token id; expected whitespace-separated numbers", origin,
           ids.size() + 1, in_quotes(word.substr(0, 40)));
    if (error != std::errc() || id < 0 || id >= vocab_size)
      fail(ErrorCode::kUsage, "{}: token id number {} is {}, but this model has the ids 0 to {}", origin,
           ids.size() + 1, word.substr(0, 40), vocab_size - 1);
    ids.push_back(static_cast<int32_t>(id));
    at = end;
  }
  if (ids.empty()) fail(ErrorCode::kUsage, "{}: no token ids; expected whitespace-separated numbers", origin);
  if (static_cast<int64_t>(ids.size()) > kMaxTokens)
    fail(ErrorCode::kUsage, "{}: {} token ids, more than the {} that a sequence can have", origin, ids.size(),
         kMaxTokens);
  return ids;
}

std::vector<int32_t> read_token_ids(const std::string& file, const ModelConfig& config) {
  std::vector<int32_t> ids = parse_token_ids(read_file(file, kMaxIdsBytes), config.vocab_size, file);
  if (static_cast<int64_t>(ids.size()) > config.max_position_embeddings)
    fail(ErrorCode::kUsage, "{}: {} token ids, but this model has positions for {}", file, ids.size(),
         config.max_position_embeddings);
  return ids;
}

void eval_logits(const EvalOptions& options) {
  const Model model = open_model(options.model.dir, options.model.load, options.model.engram);
  check_options(options, model);
  std::vector<int32_t> ids = read_token_ids(options.ids, model.config());
  const std::unique_ptr<Ops> ops = make_ops(
      {.numerics = options.model.numerics, .isa = chosen_isa(), .threads = chosen_threads(options.model)});
  Evaluation(options, model, *ops, std::move(ids)).run();
}

}  // namespace hadal
