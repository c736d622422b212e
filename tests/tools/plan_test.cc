#include "tools/plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "tools/costs.h"
#include "tools/make_random.h"
#include "tools/memory.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

class Plan : public testing::Test {
 protected:
  Plan() : dir_(fs::temp_directory_path() / fmt::format("plan_test_{}", ::getpid())) { fs::remove_all(dir_); }
  ~Plan() override { fs::remove_all(dir_); }

  Checkpoint make(RandomFormat format, std::vector<std::string> more = {}) const {
    MakeRandomOptions options;
    options.format = format;
    options.sets = {"hidden_size=128",       "num_attention_heads=2", "o_groups=1",
                    "q_lora_rank=64",        "o_lora_rank=32",        "n_routed_experts=8",
                    "num_experts_per_tok=2", "vocab_size=512",        "compress_ratios=[0,4,128,0]",
                    "num_hidden_layers=3",   "index_topk=16",         "moe_intermediate_size=64"};
    options.sets.insert(options.sets.end(), more.begin(), more.end());
    make_random(dir_.string(), options);
    return Checkpoint::open(dir_.string(), LoadMode::kMmap);
  }
  void put(const std::string& below, const std::string& text) const {
    fs::create_directories((dir_ / below).parent_path());
    std::ofstream(dir_ / below) << text;
  }

  fs::path dir_;
};

// By hand, for the sizes above: what each layer's matrices are.
constexpr int64_t kAttention = 64 * 128 + 2 * 128 * 64 + 128 * 128 + 32 * 256 + 128 * 32;
constexpr int64_t kCsa = 2 * 256 * 128 + 16 * 128 * 64 + 16 * 128 + 2 * 256 * 128;
constexpr int64_t kHca = 2 * 128 * 128;
constexpr int64_t kExpert = 3 * 128 * 64;
constexpr int64_t kRouter = 8 * 128;
constexpr int64_t kStreams = 2 * 24 * 512;
constexpr int64_t kLayers = 3 * (kAttention + kRouter + kStreams + 3 * kExpert) + kCsa + kHca;
constexpr int64_t kHeads = 4 * 512;  // hc_head
constexpr int64_t kVocabulary = 512 * 128;

TEST_F(Plan, CountsOperationsOfAToken) {
  for (const RandomFormat format : {RandomFormat::kBf16, RandomFormat::kFp8Fp4}) {
    const Costs costs(make(format));
    const double products = 2.0 * (kLayers + kHeads);
    const double head = 2.0 * kVocabulary;
    // The first token sees itself in three windows of 2 heads of 128.
    EXPECT_DOUBLE_EQ(costs.decode_flops(0), products + head + 4.0 * 3 * 2 * 128);
    // Token 999: full windows, 16 of 250 entries (all scored by 16 heads of 128), 7 entries.
    const double attention = 4.0 * (3 * 128 + 16 + 7) * 2 * 128 + 2.0 * 250 * 16 * 129;
    EXPECT_DOUBLE_EQ(costs.decode_flops(999), products + head + attention);
    EXPECT_DOUBLE_EQ(costs.prefill_flops(0, 1), costs.decode_flops(0));
    EXPECT_DOUBLE_EQ(costs.prefill_flops(998, 2), costs.decode_flops(998) + costs.decode_flops(999) - head);
  }
}

TEST_F(Plan, CountsBytesOfAToken) {
  const Costs costs(make(RandomFormat::kFp8Fp4));
  const auto vectors = [](int64_t ratio) {  // norms BF16, sinks, base and scale F32, bias or ids of the token
    const int64_t norms = 2 * (2 * 128 + 64 + 128);
    const int64_t compressor = ratio == 0 ? 0 : ratio == 4 ? 2 * 128 + 4 * 4 * 256 : 2 * 128 + 4 * 128 * 128;
    const int64_t indexer = ratio == 4 ? 2 * 128 + 4 * 4 * 256 : 0;
    return norms + 4 * 2 + 2 * 4 * 27 + compressor + indexer + 2 * 8;
  };
  const int64_t fp8_scales =
      1 + 2 + 1 + 2 + 1 + 3;  // ceil(out/128) * ceil(in/128) of each matrix, shared expert too
  int64_t bytes = 0;
  for (const int64_t ratio : {0, 4, 128}) {
    bytes += kAttention + kExpert + fp8_scales;  // FP8
    bytes += 2 * (kExpert / 2 + kExpert / 32);   // FP4, two experts
    bytes += 2 * kRouter + 4 * kStreams + vectors(ratio);
    if (ratio == 4) bytes += 2 * (2 * 2 * 256 * 128 + 16 * 128) + 16 * 128 * 64 + 16;
    if (ratio == 128) bytes += 2 * kHca;
  }
  bytes += 2 * 128 + 2 * kVocabulary + 4 * (kHeads + 4 + 1) + 2 * 128;  // embedding row, head, hc_head, norm
  EXPECT_EQ(costs.weight_bytes(), bytes);
  EXPECT_EQ(costs.decode_bytes(0, EntryFormat::kStored), bytes + 3 * 193);
  EXPECT_EQ(costs.decode_bytes(999, EntryFormat::kStored), bytes + (3 * 128 + 16 + 7) * 193 + 16 * 1088);
}

TEST_F(Plan, RefusesWhatDoesNotFitWithTheNumbers) {
  const Checkpoint checkpoint = make(RandomFormat::kBf16);
  const ModelOptions options;
  MemoryPlan plan = plan_memory(checkpoint, options, 4096, 0);
  EXPECT_EQ(plan.weights, static_cast<int64_t>(checkpoint.tensor_bytes()));
  EXPECT_EQ(plan.state.csa_entries, 1024 * 193);
  EXPECT_GT(plan.scratch, 0);
  EXPECT_GT(plan.available, 0);
  EXPECT_GT(plan.state.drafter, 0);
  plan.available = plan.total();
  EXPECT_NO_THROW(require_fits(plan));
  plan.available -= 1;
  try {
    require_fits(plan);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNoMemory);
    const std::string message = e.what();
    EXPECT_NE(message.find("4096 tokens"), std::string::npos) << message;
    EXPECT_NE(message.find("smaller --ctx"), std::string::npos) << message;
  }
  ModelOptions no_drafts;
  no_drafts.speculate = Speculation::kOff;
  EXPECT_EQ(plan_memory(checkpoint, no_drafts, 4096, 0).state.drafter, 0);
  EXPECT_EQ(plan_memory(checkpoint, no_drafts, 1048576, 0).tokens, 1048576);
  EXPECT_THROW(plan_memory(checkpoint, no_drafts, 1048577, 0), Error);  // beyond its positions
}

// Tables of Engram need memory only where they are read into it.
TEST_F(Plan, CountsTablesOfEngramWhereTheyAre) {
  MakeRandomOptions random;
  random.preset = "v41-tiny";
  random.sets = {"vocab_size=800", "n_routed_experts=6"};
  const std::string folder = dir_.string() + "/engram";
  make_random(folder, random);
  const Checkpoint checkpoint = Checkpoint::open(folder, LoadMode::kMmap);
  const int64_t tables = engram_table_bytes(checkpoint);
  EXPECT_GT(tables, 1 << 20);
  const auto plan = [&](std::optional<EngramSource> source) {
    ModelOptions options;
    options.engram = source;
    return plan_memory(checkpoint, options, 100, 0);
  };
  const auto all = static_cast<int64_t>(checkpoint.tensor_bytes());
  EXPECT_EQ(plan(EngramSource::kRam).weights, all);
  EXPECT_EQ(plan(EngramSource::kRam).left_in_files, 0);
  EXPECT_EQ(plan(EngramSource::kDisk).weights, all - tables);
  EXPECT_EQ(plan({}).weights, all - tables);
  EXPECT_EQ(plan({}).left_in_files, tables);
  EXPECT_GT(plan(EngramSource::kDisk).scratch, plan({}).scratch);
  ModelOptions read;
  read.load = LoadMode::kRead;
  EXPECT_EQ(plan_memory(checkpoint, read, 100, 0).weights, all);
}

TEST_F(Plan, AvailableMemoryIsTheLeastLimit) {
  const std::string root = dir_.string() + "/";
  put("proc/meminfo", "MemTotal:       8000 kB\nMemAvailable:   5000 kB\n");
  EXPECT_EQ(available_memory_bytes(root), 5000 * 1024);
  // A group of the unified hierarchy, its parent tighter; cache counts as free.
  put("proc/self/cgroup", "0::/a/b\n");
  put("sys/fs/cgroup/a/b/memory.max", "max\n");
  put("sys/fs/cgroup/a/b/memory.current", "1000\n");
  put("sys/fs/cgroup/a/memory.max", "1000000\n");
  put("sys/fs/cgroup/a/memory.current", "600000\n");
  put("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 100000\nactive_file 50000\n");
  EXPECT_EQ(available_memory_bytes(root), 1000000 - 450000);
  // A container sees its own group as the root; the older hierarchy spells things differently.
  put("proc/self/cgroup", "3:cpu:/x\n2:memory:/\n");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000\n");
  put("sys/fs/cgroup/memory/memory.usage_in_bytes", "3000\n");
  EXPECT_EQ(available_memory_bytes(root), 0);
  put("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 2500\n");
  EXPECT_EQ(available_memory_bytes(root), 1500);
}

TEST(Memory, PeakIsThisProcess) {
  EXPECT_GT(peak_resident_bytes(), 1 << 20);
  EXPECT_LT(peak_resident_bytes(), int64_t{1} << 36);
}

}  // namespace
}  // namespace hadal
