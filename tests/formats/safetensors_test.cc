// Safetensors: what the writer writes comes back, every defect is refused with words, the golden bad files
// too.
#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/temporary.h"
#include "golden/golden.h"

namespace hadal {
namespace {

std::string file_of(std::string_view header, std::string_view data = "") {
  std::string file(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(file.data(), &length, sizeof length);
  return file.append(header).append(data);
}

std::vector<NamedTensor> parse(std::string_view file) {
  return Safetensors::parse({reinterpret_cast<const std::byte*>(file.data()), file.size()}, "x.safetensors");
}

std::string refusal(std::string_view header, std::string_view data = "") {
  return message_of(ErrorCode::kInvalidModel, [&] { parse(file_of(header, data)); });
}

void expect_says(const std::string& message, std::string_view words) {
  EXPECT_NE(message.find("x.safetensors"), std::string::npos) << message;
  EXPECT_NE(message.find(words), std::string::npos) << message;
}

TEST(Safetensors, WrittenFilesComeBack) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.safetensors");
  const std::string first = "0123456789ab";
  const std::string second(3 << 20, 'x');
  SafetensorsWriter writer(path,
                           {{"b \"quoted\" \n ü", DType::kF32, {3, 1}},
                            {"empty", DType::kI64, {0, 7}},
                            {"a", DType::kF8E8M0, {3 << 20}},
                            {"scalar", DType::kBF16, {}}},
                           {{"format", "pt"}, {"note", "\\ \x01"}});
  writer.append(std::as_bytes(std::span(first.data(), 5)));
  writer.append(std::as_bytes(std::span(first.data() + 5, 7)));
  writer.append(std::as_bytes(std::span(second)));
  EXPECT_FALSE(std::filesystem::exists(path));
  writer.append(std::as_bytes(std::span("zz", 2)));
  writer.finish();
  for (const LoadMode mode : {LoadMode::kMmap, LoadMode::kRead}) {
    const Safetensors file = Safetensors::open(path, mode);
    ASSERT_EQ(file.tensors().size(), 4U);
    EXPECT_EQ(file.tensors()[3].name, "scalar");
    const Tensor* const b = file.find("b \"quoted\" \n ü");
    ASSERT_NE(b, nullptr);
    EXPECT_EQ(b->shape, (std::vector<int64_t>{3, 1}));
    EXPECT_EQ(std::memcmp(b->bytes.data(), first.data(), 12), 0);
    EXPECT_EQ(file.find("empty")->elements(), 0);
    EXPECT_EQ(file.find("a")->dtype, DType::kF8E8M0);
    EXPECT_EQ(file.find("a")->bytes.size(), second.size());
    EXPECT_EQ(file.find("c"), nullptr);
    EXPECT_EQ(file.metadata()[1], (std::pair<std::string, std::string>{"note", "\\ \x01"}));
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
}

TEST(Safetensors, AnUnfinishedFileLeavesNothing) {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.safetensors");
  {
    const SafetensorsWriter writer(path, {{"a", DType::kU8, {2}}});
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Safetensors, GoodHeaders) {
  EXPECT_TRUE(parse(file_of("{}")).empty());
  EXPECT_TRUE(parse(file_of("{\"__metadata__\":{}}   ")).empty());
  const std::string file = file_of(
      "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3],\"extra\":1},"
      "\"a\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":[0,2]}}",
      "abc");
  const auto tensors = parse(file);
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_EQ(tensors[0].name, "a");
  EXPECT_EQ(load_as<char>(tensors[1].tensor.bytes.data()), 'c');
}

TEST(Safetensors, RefusalsNameFieldAndValue) {
  const auto entry = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return "{\"w\":{\"dtype\":" + dtype + ",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
  };
  expect_says(refusal(entry("\"F99\"", "[1]", "[0,4]"), "abcd"), "tensor \"w\" has the dtype \"F99\"");
  expect_says(refusal(entry("\"F32\"", "[-1]", "[0,4]"), "abcd"), "-1");
  expect_says(refusal(entry("\"F32\"", "[2]", "[0,4]"), "abcd"), "4 bytes, but its shape and dtype need 8");
  expect_says(refusal(entry("\"F32\"", "[1]", "[0,9]"), "abcd"), "[0, 9]");
  expect_says(refusal(entry("\"U8\"", "[3]", "[0,3]"), "abcd"), "goes on to 4");
  expect_says(refusal(entry("\"U8\"", "[3]", "[1,4]"), "abcd"), "begins at byte 1");
  expect_says(refusal(entry("\"F64\"", "[4294967296,4294967296]", "[0,0]")), "more elements than");
  expect_says(refusal(entry("\"F64\"", "[2305843009213693952]", "[0,0]")), "more elements than");
  expect_says(refusal("{\"w\":1}"), "tensor \"w\" is 1; expected an object");
  expect_says(refusal("{\"w\":{\"dtype\":\"U8\",\"shape\":[0]}}"), "no data_offsets");
  expect_says(refusal("{\"__metadata__\":{\"a\":1}}"), "\"a\" is 1; expected a string");
  expect_says(refusal("{\"__metadata__\":{},\"__metadata__\":{}}"), "twice");
  expect_says(refusal("[]"), "does not begin with '{'");
  // A name as long as this is cut.
  EXPECT_LT(refusal("{\"" + std::string(100000, 'n') + "\":1}").size(), 400U);
}

TEST(Safetensors, MissingFileIsAnIoError) {
  message_of(ErrorCode::kIo, [] { Safetensors::open("/nonexistent/x.safetensors", LoadMode::kMmap); });
}

TEST(Safetensors, GoldenBadFiles) {
  HADAL_NEED_SHARED("golden/malformed/safetensors");
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(shared_path("golden/malformed/safetensors"))) {
    if (file.path().extension() != ".safetensors") continue;
    SCOPED_TRACE(file.path().string());
    const std::string message = message_of(ErrorCode::kInvalidModel,
                                           [&] { Safetensors::open(file.path().string(), LoadMode::kMmap); });
    EXPECT_NE(message.find(file.path().filename().string()), std::string::npos) << message;
    ++count;
  }
  EXPECT_EQ(count, 40);
}

TEST(Safetensors, GoldenGoodFiles) {
  HADAL_NEED_SHARED("golden/v4");
  const Safetensors file =
      Safetensors::open(shared_path("golden/v4/tiny-fp8/model.safetensors"), LoadMode::kMmap);
  std::set<DType> dtypes;
  for (const NamedTensor& t : file.tensors()) {
    dtypes.insert(t.tensor.dtype);
    EXPECT_EQ(file.find(t.name), &t.tensor);
  }
  EXPECT_TRUE(dtypes.contains(DType::kF8E8M0) && dtypes.contains(DType::kI8) &&
              dtypes.contains(DType::kBF16));
}

}  // namespace
}  // namespace hadal
