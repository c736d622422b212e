// hadal inspect: kinds of files, exact listings, what --check refuses, counts and plan of a model.
#include "tools/inspect.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "formats/config_text.h"
#include "formats/gguf_bytes.h"
#include "formats/safetensors.h"
#include "formats/temporary.h"
#include "golden/golden.h"
#include "tools/readable.h"
#include "tools/weight_scan.h"

namespace hadal {
namespace {

std::string inspected(const InspectOptions& options) {
  std::ostringstream out;
  inspect(options, out);
  return out.str();
}

std::string checked(const std::string& path) { return inspected({.path = path, .check = true}); }

void expect_has(const std::string& text, std::string_view words) {
  EXPECT_NE(text.find(words), std::string::npos) << text;
}

TEST(Readable, Numbers) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(69187), "69,187");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(readable_bytes(583), "583 B");
  EXPECT_EQ(readable_bytes(159609485896), "159.61 GB");
  EXPECT_EQ(readable_count(13270000000), "13.27 billion");
}

TEST(Inspect, KindGoesByExtensionThenByFirstBytes) {
  const TemporaryFolder folder;
  folder.write("a.gguf", sound_gguf());
  folder.write("b", sound_gguf());
  folder.write("c", "  [1, 2]");
  folder.write("d.json", "{\"a\": 1}");
  folder.write("e", std::string("\x02\0\0\0\0\0\0\0{}", 10));
  folder.write("f", "what is this?");
  folder.write("g.safetensors", sound_gguf());
  EXPECT_EQ(checked(folder.path("a.gguf")), folder.path("a.gguf") + ": sound (GGUF)\n");
  expect_has(checked(folder.path("b")), "(GGUF)");
  expect_has(checked(folder.path("c")), "(JSON)");
  expect_has(checked(folder.path("d.json")), "(JSON)");
  expect_has(checked(folder.path("e")), "(safetensors)");
  message_of(ErrorCode::kInvalidModel, [&] { checked(folder.path("f")); });
  message_of(ErrorCode::kInvalidModel, [&] { checked(folder.path("g.safetensors")); });
  message_of(ErrorCode::kIo, [&] { checked(folder.path("missing.gguf")); });
  message_of(ErrorCode::kUsage, [&] { inspected({.path = folder.path("d.json"), .ctx = 8}); });
}

TEST(Inspect, JsonFilesAreReadAsTheirNameSays) {
  const TemporaryFolder folder;
  folder.write("config.json", kConfigText);
  expect_has(checked(folder.path("config.json")), "(configuration)");
  expect_has(inspected({.path = folder.path("config.json")}), "3 layers: 1 with a window of 16 only");
  folder.write("config.json", "{}");
  message_of(ErrorCode::kInvalidModel, [&] { checked(folder.path("config.json")); });
  folder.write("other.json", "{}");
  expect_has(checked(folder.path("other.json")), "(JSON)");
  folder.write("generation_config.json", "{\"temperature\": -1}");
  message_of(ErrorCode::kInvalidModel, [&] { checked(folder.path("generation_config.json")); });
  folder.write("model.safetensors.index.json",
               R"({"weight_map": {"a": "x.safetensors", "b": "x.safetensors"}})");
  expect_has(inspected({.path = folder.path("model.safetensors.index.json")}),
             "index of 2 tensors in 1 files");
  folder.write("model.safetensors.index.json", R"({"weight_map": {"a": "../x.safetensors"}})");
  message_of(ErrorCode::kInvalidModel, [&] { checked(folder.path("model.safetensors.index.json")); });
  folder.write("tokenizer.json", "{}");
  message_of(ErrorCode::kInvalidModel, [&] { checked(folder.path("tokenizer.json")); });
  const std::string tokenizer = HADAL_SOURCE_DIR "/tests/data/tokenizer/tokenizer.json";
  expect_has(checked(tokenizer), "(tokenizer)");
  expect_has(inspected({.path = tokenizer, .json = true}), "\"kind\": \"tokenizer\"");
}

TEST(Inspect, SafetensorsListing) {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder.path("a.safetensors"),
                           {{"w", DType::kBF16, {2, 3}}, {"s", DType::kF32, {}}}, {{"k", "v"}});
  writer.append(std::vector<std::byte>(16));
  writer.finish();
  const auto start = std::filesystem::file_size(folder.path("a.safetensors")) - 16;
  const std::string listing = inspected({.path = folder.path("a.safetensors"), .json = true});
  expect_has(listing, "\"metadata\": {\n\"k\": \"v\"\n}");
  expect_has(listing, fmt::format("\"name\": \"w\",\n\"dtype\": \"BF16\",\n\"shape\": "
                                  "[\n2,\n3\n],\n\"file_offset\": {},\n\"nbytes\": 12\n",
                                  start));
  expect_has(inspected({.path = folder.path("a.safetensors")}), "[2, 3]");
}

TEST(Inspect, NamesDoNotCommandTheTerminal) {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder.path("a.safetensors"), {{"evil\x1b[2J\xc2\x9b", DType::kU8, {0}}});
  writer.finish();
  EXPECT_EQ(inspected({.path = folder.path("a.safetensors")}).find('\x1b'), std::string::npos);
  EXPECT_EQ(inspected({.path = folder.path("a.safetensors")}).find("\xc2\x9b"), std::string::npos);
}

TEST(Inspect, GoldenGgufListings) {
  HADAL_NEED_SHARED("golden/gguf");
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(shared_path("golden/gguf"))) {
    if (file.path().extension() != ".gguf") continue;
    std::filesystem::path listing = file.path();
    listing.replace_extension(".json");
    EXPECT_EQ(inspected({.path = file.path().string(), .json = true}),
              read_file(listing.string(), 1 << 20) + "\n")
        << file.path();
    EXPECT_FALSE(inspected({.path = file.path().string()}).empty());
    ++count;
  }
  EXPECT_EQ(count, 12);
}

TEST(Inspect, GoldenModel) {
  HADAL_NEED_SHARED("golden/v4");
  const std::string model = shared_path("golden/v4/tiny-fp8");
  expect_has(checked(model), ": sound (model)");
  const std::string text = inspected({.path = model, .ctx = 1000});
  // 8 experts of three 128 x 128 matrices in each of 6 layers, 3 of them for a token.
  expect_has(text, "routed experts         2.36 million     0.88 million");
  expect_has(text, "585 tensors");
  expect_has(text, "for 1000 tokens");
  const std::string json = inspected({.path = model, .json = true, .ctx = 1000});
  expect_has(json, "\"routed_experts\": {\n\"parameters\": 2359296,\n\"active\": 884736,");
  expect_has(json, "\"plan\": {\"ctx\": 1000,");
}

TEST(WeightScan, FindsEachKindOfBadValue) {
  const auto place = [](DType dtype, int64_t elements, int64_t bad, uint64_t code) {
    const size_t size = dtype_bytes(dtype);
    std::vector<std::byte> bytes(static_cast<size_t>(elements) * size);
    if (bad >= 0) std::memcpy(&bytes[static_cast<size_t>(bad) * size], &code, size);
    return first_not_finite({dtype, {elements}, bytes});
  };
  EXPECT_EQ(place(DType::kF8E4M3, 10000, -1, 0), -1);
  EXPECT_EQ(place(DType::kF8E4M3, 10000, 9999, 0x7F), 9999);
  EXPECT_EQ(place(DType::kF8E4M3, 10000, 4096, 0xFF), 4096);
  EXPECT_EQ(place(DType::kF8E4M3, 10, 3, 0x7E), -1);
  EXPECT_EQ(place(DType::kF8E8M0, 5, 4, 0xFF), 4);
  EXPECT_EQ(place(DType::kF8E8M0, 5, 4, 0xFE), -1);
  EXPECT_EQ(place(DType::kBF16, 5000, 4999, 0xFF80), 4999);
  EXPECT_EQ(place(DType::kBF16, 5000, 4999, 0x7F7F), -1);
  EXPECT_EQ(place(DType::kF16, 7, 0, 0x7C01), 0);
  EXPECT_EQ(place(DType::kF32, 7, 5, 0x7FC00000), 5);
  EXPECT_EQ(place(DType::kI64, 7, 5, ~uint64_t{0}), -1);
}

TEST(WeightScan, CheckOfAFolderReadsTheWeights) {
  HADAL_NEED_SHARED("golden/v4");
  const TemporaryFolder folder;
  const std::string golden = shared_path("golden/v4/tiny-fp8");
  std::filesystem::copy_file(golden + "/config.json", folder.path("config.json"));
  std::string bytes = read_file(golden + "/model.safetensors", uint64_t{1} << 30);
  const Safetensors file = Safetensors::open(golden + "/model.safetensors", LoadMode::kMmap);
  const Tensor* const weight = file.find("layers.3.attn.wq_b.weight");
  ASSERT_NE(weight, nullptr);
  bytes[static_cast<size_t>(weight->bytes.data() - file.bytes().data()) + 77] = '\x7f';
  folder.write("model.safetensors", bytes);
  const std::string message = message_of(ErrorCode::kInvalidModel, [&] { checked(folder.path()); });
  expect_has(message, "tensor layers.3.attn.wq_b.weight (F8_E4M3) is not a finite number at element 77");
  expect_has(inspected({.path = folder.path()}), "main model");  // a look without --check
}

}  // namespace
}  // namespace hadal
