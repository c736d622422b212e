// Checkpoints that cannot be run are refused with the tensor's name: every tensor missing, misshapen and of
// another dtype, and what else the loader promises.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <functional>

#include "base/file.h"
#include "model/model_cases.h"

namespace hadal {
namespace {

MakeRandomOptions least_model() {
  MakeRandomOptions options;
  options.format = RandomFormat::kFp8Fp4;
  options.sets = {"vocab_size=300",
                  "hidden_size=64",
                  "num_hidden_layers=4",
                  "sliding_window=16",
                  "index_topk=8",
                  "index_n_heads=2",
                  "n_routed_experts=2",
                  "num_experts_per_tok=1",
                  "q_lora_rank=32",
                  "o_lora_rank=32",
                  "moe_intermediate_size=32",
                  "num_hash_layers=1",
                  "compress_ratios=[0,4,128,4,0]",
                  "num_attention_heads=2"};
  return options;
}

// A checkpoint whose one file can be changed: its header as text of the same length, and its data.
class Editable {
 public:
  explicit Editable(const MakeRandomOptions& options = least_model()) {
    make_random(folder_.path(), options);
    const std::string whole = read_file(file(), 1 << 28);
    uint64_t length = 0;
    std::memcpy(&length, whole.data(), sizeof length);
    header_ = whole.substr(8, length);
    data_ = whole.substr(8 + length);
    config_ = read_file(folder_.path("config.json"), 1 << 20);
  }

  struct Entry {
    size_t begin, end;  // of its text in the header, name and all
    std::string name, dtype, shape;
    uint64_t data_begin;
  };
  std::vector<Entry> entries() const {
    std::vector<Entry> found;
    const auto text_after = [&](const char* key, size_t from, char open, char close) {
      const size_t begin = header_.find(open, header_.find(key, from) + std::strlen(key)) + 1;
      return header_.substr(begin, header_.find(close, begin) - begin);
    };
    for (size_t at = header_.find("{\"dtype\""); at != std::string::npos;
         at = header_.find("{\"dtype\"", at + 1)) {
      const size_t end = header_.find('}', at);
      const size_t name_end = header_.rfind('"', at);
      const size_t name_begin = header_.rfind('"', name_end - 1);
      found.push_back({name_begin, end + 1, header_.substr(name_begin + 1, name_end - name_begin - 1),
                       text_after("\"dtype\":", at, '"', '"'), text_after("\"shape\":", at, '[', ']'),
                       std::stoull(text_after("\"data_offsets\":", at, '[', ','))});
    }
    return found;
  }

  // Loads the checkpoint with `from` (within the entry) replaced by `to`.
  Model load_with(const Entry& entry, const std::string& from, const std::string& to) const {
    std::string header = header_;
    const size_t at = header.find(from, entry.begin);
    if (at == std::string::npos || at >= entry.end)
      throw std::runtime_error("no " + from + " in " + entry.name);
    header.replace(at, from.size(), to);
    return load(header, data_, config_);
  }
  Model load(std::string header, const std::string& data, const std::string& config) const {
    while (header.size() % 8 != 0) header += ' ';
    const uint64_t length = header.size();
    std::string whole(8, '\0');
    std::memcpy(whole.data(), &length, sizeof length);
    folder_.write("model.safetensors", whole + header + data);
    folder_.write("config.json", config);
    return Model::load(folder_.path(), LoadMode::kMmap);
  }

  const std::string& header() const { return header_; }
  const std::string& data() const { return data_; }
  const std::string& config() const { return config_; }

 private:
  std::string file() const { return folder_.path("model.safetensors"); }

  TemporaryFolder folder_;
  std::string header_, data_, config_;
};

// Another type of the same size that this tensor cannot have.
std::string wrong_dtype(const std::string& dtype) {
  if (dtype == "BF16") return "F16";
  if (dtype == "F32") return "I32";
  if (dtype == "I64") return "U64";
  return "U8";  // FP8 codes, their scales, packed FP4
}

void expect_refused(const std::string& name, const std::function<void()>& load) {
  const std::string message = message_of(ErrorCode::kInvalidModel, load);
  EXPECT_NE(message.find(name), std::string::npos) << message;
}

TEST(LoadModel, RefusesEveryTensorMissingOrWrong) {
  const Editable checkpoint;
  const std::vector<Editable::Entry> entries = checkpoint.entries();
  ASSERT_GT(entries.size(), 150u);
  for (const Editable::Entry& entry : entries) {
    SCOPED_TRACE(entry.name);
    // Without this one there is no MTP block to speak of.
    if (entry.name != "mtp.0.e_proj.weight")
      expect_refused(entry.name, [&] { checkpoint.load_with(entry, entry.name, "x" + entry.name); });
    expect_refused(entry.name,
                   [&] { checkpoint.load_with(entry, "[" + entry.shape + "]", "[" + entry.shape + ",1]"); });
    expect_refused(entry.name, [&] {
      checkpoint.load_with(entry, "\"" + entry.dtype + "\"", "\"" + wrong_dtype(entry.dtype) + "\"");
    });
  }
}

TEST(LoadModel, RefusesAnExpertThatIsNotThere) {
  const Editable checkpoint;
  for (const int64_t id : {int64_t{2}, int64_t{-1}}) {
    for (const Editable::Entry& entry : checkpoint.entries()) {
      if (entry.dtype != "I64") continue;
      std::string data = checkpoint.data();
      std::memcpy(data.data() + entry.data_begin + 7 * sizeof id, &id, sizeof id);
      const std::string message = message_of(
          ErrorCode::kInvalidModel, [&] { checkpoint.load(checkpoint.header(), data, checkpoint.config()); });
      EXPECT_NE(message.find(entry.name), std::string::npos) << message;
      EXPECT_NE(message.find(fmt::format("token 7 to expert {}", id)), std::string::npos) << message;
    }
  }
}

MakeRandomOptions least_model_with_dspark() {
  MakeRandomOptions options = least_model();
  options.sets.pop_back();
  options.sets.back() = "compress_ratios=[0,4,128,4,0,0,0]";
  options.sets.emplace_back("num_attention_heads=2");
  options.sets.emplace_back("dspark_block_size=5");
  return options;
}

std::string with_dspark(const std::string& config) {
  return config.substr(0, config.rfind('}')) +
         R"(, "dspark_block_size": 5, "dspark_noise_token_id": 7, "dspark_target_layer_ids": [1], "dspark_markov_rank": 8})";
}

TEST(LoadModel, TellsMtpFromDspark) {
  const Editable checkpoint;
  const Model plain = checkpoint.load(checkpoint.header(), checkpoint.data(), checkpoint.config());
  EXPECT_NE(plain.mtp, nullptr);
  EXPECT_EQ(plain.dspark, nullptr);
  EXPECT_EQ(plain.weight_bytes(), static_cast<int64_t>(checkpoint.data().size()));

  const Editable later(least_model_with_dspark());
  const Model drafter = later.load(later.header(), later.data(), later.config());
  EXPECT_EQ(drafter.mtp, nullptr);
  ASSERT_NE(drafter.dspark, nullptr);
  EXPECT_EQ(drafter.drafter_layers(), 3);
  EXPECT_EQ(drafter.weight_bytes(), static_cast<int64_t>(later.data().size()));

  // Only one of the two, and config and tensors must agree on it.
  expect_refused("mtp.0.e_proj.weight", [&] {
    checkpoint.load(checkpoint.header(), checkpoint.data(), with_dspark(checkpoint.config()));
  });
  expect_refused("dspark_block_size", [&] {
    std::string config = later.config();
    config.replace(config.find("dspark_block_size\": 5"), 21, "dspark_block_size\": 0");
    later.load(later.header(), later.data(), config);
  });
  expect_refused("compress_ratios", [&] {
    std::string config = later.config();
    const size_t at = config.find("4,0,0,0]");
    ASSERT_NE(at, std::string::npos);
    config.replace(at, 8, "4,0,0]");
    later.load(later.header(), later.data(), config);
  });
}

// Without one of them drafts would be poor and nobody would notice.
TEST(LoadModel, RefusesEveryDrafterTensorMissingOrUnknown) {
  for (const bool v41 : {false, true}) {
    MakeRandomOptions options = least_model_with_dspark();
    if (v41) {
      options = {};
      options.preset = "v41-tiny";
      options.format = RandomFormat::kFp8Fp4;
      options.sets = {"vocab_size=800",
                      "hidden_size=64",
                      "n_routed_experts=2",
                      "num_experts_per_tok=1",
                      "q_lora_rank=32",
                      "o_lora_rank=32",
                      "moe_intermediate_size=32",
                      "dspark_block_size=3",
                      "dspark_n_routed_experts=1",
                      "dspark_num_experts_per_tok=1"};
    }
    const Editable checkpoint(options);
    int64_t seen = 0;
    for (const Editable::Entry& entry : checkpoint.entries()) {
      if (!entry.name.starts_with("mtp.")) continue;
      ++seen;
      expect_refused(entry.name, [&] { checkpoint.load_with(entry, entry.name, "x" + entry.name); });
    }
    EXPECT_GT(seen, 80);
    std::string header = checkpoint.header();
    header.insert(checkpoint.entries()[0].begin,
                  R"("mtp.1.more":{"dtype":"BF16","shape":[0],"data_offsets":[0,0]},)");
    expect_refused("mtp.1.more", [&] { checkpoint.load(header, checkpoint.data(), checkpoint.config()); });
  }
}

TEST(LoadModel, RefusesFp4WhoseRowsAreNotWholeBlocks) {
  MakeRandomOptions options = least_model();
  options.format = RandomFormat::kBf16;
  options.sets.push_back("moe_intermediate_size=48");
  const Editable checkpoint(options);
  for (const Editable::Entry& entry : checkpoint.entries()) {
    if (entry.name != "layers.0.ffn.experts.0.w2.weight") continue;
    // 64 x 48 BF16 values are as many bytes as 64 x 96 I8 ones.
    std::string text = checkpoint.header().substr(entry.begin, entry.end - entry.begin);
    text.replace(text.find("BF16"), 4, "I8");
    text.replace(text.find("[64,48]"), 7, "[64,96]");
    std::string header = checkpoint.header();
    header.replace(entry.begin, entry.end - entry.begin, text);
    expect_refused(entry.name, [&] { checkpoint.load(header, checkpoint.data(), checkpoint.config()); });
    return;
  }
  FAIL() << "no such expert";
}

}  // namespace
}  // namespace hadal
