#include "tools/make_random.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "formats/config.h"
#include "formats/safetensors.h"
#include "golden/golden.h"
#include "quant/fp4_weight.h"
#include "quant/small_floats.h"
#include "text/tokenizer.h"
#include "tools/random_layout.h"
#include "tools/random_tokenizer.h"
#include "tools/random_values.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

// A fresh folder for each test, removed after it.
class MakeRandom : public testing::Test {
 protected:
  MakeRandom() : dir_(fs::temp_directory_path() / fmt::format("make_random_test_{}", ::getpid())) {
    fs::remove_all(dir_);
  }
  ~MakeRandom() override { fs::remove_all(dir_); }

  std::string folder(const std::string& name) const { return (dir_ / name).string(); }
  std::string file(const std::string& name) const { return read_file((dir_ / name).string(), 1 << 28); }
  static MakeRandomOptions small(RandomFormat format = RandomFormat::kBf16) {
    MakeRandomOptions options;
    options.format = format;
    options.sets = {"hidden_size=160", "n_routed_experts=5",  "num_experts_per_tok=2",
                    "vocab_size=300",  "num_hidden_layers=4", "moe_intermediate_size=64"};
    return options;
  }

  fs::path dir_;
};

ErrorCode error_of(const std::string& dir, const MakeRandomOptions& options, std::string* message = nullptr) {
  try {
    make_random(dir, options);
  } catch (const Error& e) {
    if (message != nullptr) *message = e.what();
    return e.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kFailure;
}

TEST(RandomValues, AreNormalAndDependOnSeedNameAndIndex) {
  const RandomValues values(7, "x");
  double sum = 0;
  double squares = 0;
  constexpr int kCount = 200000;
  for (int i = 0; i < kCount; ++i) {
    const double x = values.normal(i);
    ASSERT_LT(std::fabs(x), kNormalBound);
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 0.01);
  EXPECT_NEAR(squares / kCount, 1.0, 0.01);
  std::set<uint64_t> seen;
  for (const RandomValues& v : {values, RandomValues(8, "x"), RandomValues(7, "y"), RandomValues(7, "xx")})
    for (int i = 0; i < 4; ++i) seen.insert(v.bits(i));
  EXPECT_EQ(seen.size(), 16u);
  EXPECT_EQ(values.bits(3), 0x4ae9e78acff78356u);  // these numbers are files of people: they never change
}

TEST_F(MakeRandom, DependsOnTheSeedAndNotOnThreadsOrShards) {
  for (const RandomFormat format : {RandomFormat::kBf16, RandomFormat::kFp8Fp4}) {
    fs::remove_all(dir_);
    MakeRandomOptions options = small(format);
    make_random(folder("a"), options);
    options.threads = 3;
    make_random(folder("b"), options);
    EXPECT_EQ(file("a/model.safetensors"), file("b/model.safetensors"));
    options.seed = 2;
    make_random(folder("b"), options);
    EXPECT_NE(file("a/model.safetensors"), file("b/model.safetensors"));

    options.seed = 1;
    options.shard_bytes = 300000;
    const MakeRandomResult made = make_random(folder("b"), options);
    EXPECT_FALSE(file_exists(folder("b/model.safetensors")));
    ASSERT_GT(made.files, 2);
    const Safetensors whole = Safetensors::open(folder("a/model.safetensors"), LoadMode::kRead);
    size_t found = 0;
    for (int64_t i = 1; i <= made.files; ++i) {
      const std::string name = fmt::format("b/model-{:05}-of-{:05}.safetensors", i, made.files);
      const Safetensors shard = Safetensors::open(folder(name), LoadMode::kRead);
      for (const NamedTensor& part : shard.tensors()) {
        const Tensor* const same = whole.find(part.name);
        ASSERT_NE(same, nullptr) << part.name;
        EXPECT_TRUE(std::ranges::equal(same->bytes, part.tensor.bytes)) << part.name;
        ++found;
      }
    }
    EXPECT_EQ(found, whole.tensors().size());
  }
}

// Names, dtypes and shapes are those of a published-layout checkpoint made elsewhere, config.json is the same
// too.
TEST_F(MakeRandom, HasTheOfficialLayout) {
  HADAL_NEED_SHARED("golden/v4");
  for (const RandomFormat format : {RandomFormat::kBf16, RandomFormat::kFp8Fp4}) {
    const std::string golden =
        shared_path(format == RandomFormat::kBf16 ? "golden/v4/tiny-bf16" : "golden/v4/tiny-fp8");
    MakeRandomOptions options;
    options.format = format;
    options.sets = {
        "hidden_size=128",  "num_attention_heads=4", "o_lora_rank=64",        "sliding_window=16",
        "index_topk=16",    "n_routed_experts=8",    "num_experts_per_tok=3", "moe_intermediate_size=128",
        "swiglu_limit=2.0", "vocab_size=512"};
    make_random(folder("m"), options);
    const Safetensors theirs = Safetensors::open(golden + "/model.safetensors", LoadMode::kMmap);
    const Safetensors ours = Safetensors::open(folder("m/model.safetensors"), LoadMode::kMmap);
    EXPECT_EQ(ours.tensors().size(), theirs.tensors().size());
    for (const NamedTensor& expected : theirs.tensors()) {
      const Tensor* const tensor = ours.find(expected.name);
      ASSERT_NE(tensor, nullptr) << expected.name;
      EXPECT_EQ(tensor->dtype, expected.tensor.dtype) << expected.name;
      EXPECT_EQ(tensor->shape, expected.tensor.shape) << expected.name;
    }
  }
}

// A row of a table comes alone, so its scales are its own, one for every 32 values.
TEST_F(MakeRandom, TablesOfEngramHaveScalesForEachRow) {
  MakeRandomOptions options;
  options.preset = "v41-tiny";
  options.format = RandomFormat::kFp8Fp4;
  options.sets = {"vocab_size=800"};
  make_random(folder("m"), options);
  const Safetensors made = Safetensors::open(folder("m/model.safetensors"), LoadMode::kMmap);
  const Tensor* const codes = made.find("layers.1.engram.embed.weight");
  const Tensor* const scales = made.find("layers.1.engram.embed.scale");
  ASSERT_TRUE(codes != nullptr && scales != nullptr);
  EXPECT_EQ(codes->dtype, DType::kF8E4M3);
  EXPECT_EQ(scales->dtype, DType::kF8E8M0);
  EXPECT_EQ(scales->shape, (std::vector<int64_t>{codes->shape[0], (codes->shape[1] + 31) / 32}));
}

// The formats hold the same matrices: FP8 within half a step of the 3-bit mantissa, FP4 within half a step of
// a block.
TEST_F(MakeRandom, FormatsHoldTheSameNumbers) {
  make_random(folder("a"), small(RandomFormat::kBf16));
  make_random(folder("b"), small(RandomFormat::kFp8Fp4));
  const Safetensors wide = Safetensors::open(folder("a/model.safetensors"), LoadMode::kMmap);
  const Safetensors narrow = Safetensors::open(folder("b/model.safetensors"), LoadMode::kMmap);
  const auto bf16 = [](const Tensor& t, int64_t i) {
    return bf16_to_f32(load_as<uint16_t>(t.bytes.data() + 2 * i));
  };

  const Tensor& w = *wide.find("layers.2.attn.wq_b.weight");
  const Tensor& codes = *narrow.find("layers.2.attn.wq_b.weight");
  const Tensor& scales = *narrow.find("layers.2.attn.wq_b.scale");
  const int64_t cols = w.shape[1];
  std::set<float> tile_scales;
  for (int64_t i = 0; i < w.elements(); ++i) {
    const int64_t tile = i / cols / 128 * ((cols + 127) / 128) + i % cols / 128;
    const float scale = e8m0_to_f32(static_cast<uint8_t>(scales.bytes[static_cast<size_t>(tile)]));
    tile_scales.insert(scale);
    const float value = scale * e4m3_to_f32(static_cast<uint8_t>(codes.bytes[static_cast<size_t>(i)]));
    const float expected = bf16(w, i);
    ASSERT_NEAR(value, expected, std::fabs(expected) * 0.07f + scale * 0x1p-9f) << i;
  }
  EXPECT_GE(tile_scales.size(), 2u);

  const Tensor& e = *wide.find("layers.0.ffn.experts.4.w2.weight");
  const Tensor& packed = *narrow.find("layers.0.ffn.experts.4.w2.weight");
  const Tensor& steps = *narrow.find("layers.0.ffn.experts.4.w2.scale");
  EXPECT_EQ(packed.shape, (std::vector<int64_t>{160, 32}));
  EXPECT_EQ(steps.shape, (std::vector<int64_t>{160, 2}));
  float row[64];
  for (int64_t r = 0; r < 160; ++r) {
    decode_fp4_row(packed.bytes.data() + r * 32, steps.bytes.data() + r * 2, 64, row);
    for (int64_t c = 0; c < 64; ++c) {
      const float step = e8m0_to_f32(static_cast<uint8_t>(steps.bytes[static_cast<size_t>(r * 2 + c / 32)]));
      ASSERT_NEAR(row[c], bf16(e, r * 64 + c), 1.01f * step);
    }
  }
}

TEST_F(MakeRandom, HashTablesNameDifferentExperts) {
  make_random(folder("m"), small());
  const Safetensors model = Safetensors::open(folder("m/model.safetensors"), LoadMode::kMmap);
  const Tensor& table = *model.find("layers.2.ffn.gate.tid2eid");
  EXPECT_EQ(table.shape, (std::vector<int64_t>{300, 2}));
  std::set<int64_t> seen;
  for (int64_t token = 0; token < 300; ++token) {
    const auto first = load_as<int64_t>(table.bytes.data() + token * 16);
    const auto second = load_as<int64_t>(table.bytes.data() + token * 16 + 8);
    EXPECT_NE(first, second);
    seen.insert({first, second});
  }
  EXPECT_EQ(seen, (std::set<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(model.find("layers.3.ffn.gate.tid2eid"), nullptr);
  EXPECT_NE(model.find("layers.3.ffn.gate.bias"), nullptr);
}

TEST_F(MakeRandom, RefusesWhatNamesNoLegalModel) {
  std::string message;
  const auto with = [](const std::string& set) {
    MakeRandomOptions options;
    options.sets = {set};
    return options;
  };
  for (const std::string set : {"hidden_size", "=1", "no_such_key=1", "hidden_size=", "hidden_size=abc",
                                "hidden_size=-1", "hidden_size=1.5", "head_dim=100", "num_hidden_layers=0",
                                "compress_ratios=[0]", "compress_ratios=[0,1,2,3,4,5,6]",
                                "hidden_act=\"gelu\"", "o_groups=3", "num_nextn_predict_layers=2"}) {
    EXPECT_EQ(error_of(folder("m"), with(set), &message), ErrorCode::kUsage) << set << ": " << message;
  }
  MakeRandomOptions odd = with("hidden_size=100");
  odd.format = RandomFormat::kFp8Fp4;
  EXPECT_EQ(error_of(folder("m"), odd, &message), ErrorCode::kUsage);
  EXPECT_NE(message.find("multiple of 32"), std::string::npos) << message;
  MakeRandomOptions preset;
  preset.preset = "huge";
  EXPECT_EQ(error_of(folder("m"), preset), ErrorCode::kUsage);
  EXPECT_FALSE(fs::exists(dir_));
}

TEST_F(MakeRandom, NeverReplacesSomebodysModel) {
  fs::create_directories(dir_ / "m");
  {
    SafetensorsWriter writer(folder("m/model.safetensors"), {{"w", DType::kU8, {1}}});
    const std::byte one{1};
    writer.append({&one, 1});
    writer.finish();
  }
  EXPECT_EQ(error_of(folder("m"), small()), ErrorCode::kUsage);
  fs::remove(dir_ / "m/model.safetensors");
  write_file_atomically(folder("m/config.json"), "{}");
  EXPECT_EQ(error_of(folder("m"), small()), ErrorCode::kUsage);
  EXPECT_EQ(file("m/config.json"), "{}");
}

TEST(RandomTokenizer, NamesEveryIdAndGivesBackEveryText) {
  for (const int64_t vocab : {271, 272, 900, 2101, 32768, 129280}) {
    const auto json = random_tokenizer_json(vocab);
    ASSERT_TRUE(json.has_value()) << vocab;
    const Tokenizer tokenizer = Tokenizer::from_json(*json, "random");
    EXPECT_EQ(tokenizer.vocab_size(), static_cast<size_t>(vocab));
    EXPECT_EQ(tokenizer.find_added("<｜begin▁of▁sentence｜>"), 0);
    EXPECT_EQ(tokenizer.find_added("<｜end▁of▁sentence｜>"), 1);
    EXPECT_EQ(tokenizer.find_added("<｜read_url｜>"), vocab - 1);
    const std::string text = "The deepest point, 10935 m: \"漢字\" \\ \n\té \xff";
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
  EXPECT_FALSE(random_tokenizer_json(270).has_value());
  const Tokenizer of_v41 = Tokenizer::from_json(random_tokenizer_json(900, true).value_or(""), "random");
  EXPECT_EQ(of_v41.vocab_size(), 900u);
  EXPECT_EQ(of_v41.find_added("<｜System｜>"), 899);
}

}  // namespace
}  // namespace hadal
