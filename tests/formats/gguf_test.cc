// GGUF: a file with everything is read, each defect is refused with words, the golden files good and bad.
#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "base/error.h"
#include "formats/gguf_bytes.h"
#include "formats/safetensors.h"
#include "formats/temporary.h"
#include "golden/golden.h"

namespace hadal {
namespace {

GgufContents parse(const std::string& bytes) {
  return Gguf::parse(std::as_bytes(std::span(bytes)), "x.gguf");
}

void expect_refused(const std::string& bytes, std::string_view words) {
  const std::string message = message_of(ErrorCode::kInvalidModel, [&] { parse(bytes); });
  EXPECT_EQ(message.rfind("x.gguf: ", 0), 0U) << message;
  EXPECT_NE(message.find(words), std::string::npos) << message;
}

TEST(Gguf, ReadsEverything) {
  const std::string bytes = sound_gguf();
  const GgufContents contents = parse(bytes);
  EXPECT_EQ(contents.alignment, 16U);
  EXPECT_EQ(contents.data_start % 16, 0U);
  ASSERT_EQ(contents.metadata.size(), 5U);
  GgufCursor words(contents.metadata[1].value);
  EXPECT_EQ(words.array().count, 2U);
  EXPECT_EQ(words.string(), "a");
  EXPECT_EQ(words.string(), "ü");
  GgufCursor nested(contents.metadata[2].value);
  EXPECT_EQ(nested.array().of, GgufType::kArray);
  EXPECT_EQ(nested.array().count, 2U);
  EXPECT_EQ(nested.scalar<int16_t>(), -1);
  EXPECT_EQ(nested.scalar<int16_t>(), 2);
  EXPECT_EQ(nested.array().of, GgufType::kBool);
  EXPECT_EQ(GgufCursor(contents.metadata[3].value).scalar<double>(), 0.5);
  ASSERT_EQ(contents.tensors.size(), 2U);
  EXPECT_EQ(contents.tensors[0].name, "b");
  EXPECT_EQ(contents.tensors[0].dims, (std::vector<uint64_t>{3, 2}));
  EXPECT_EQ(contents.tensors[0].bytes.size(), 24U);
  EXPECT_EQ(contents.tensors[0].bytes[0], std::byte{static_cast<unsigned char>(48 * 7 + 1)});
  EXPECT_EQ(contents.tensors[1].type->name, "Q8_0");
  EXPECT_EQ(contents.tensors[1].bytes.size(), 34U);
}

TEST(Gguf, SmallSoundFiles) {
  EXPECT_TRUE(parse(GgufBytes(0, 0).bytes()).tensors.empty());
  // A scalar, an empty tensor, and nothing after the last byte.
  const GgufContents contents =
      parse(GgufBytes(2, 0).tensor("s", {}, 24, 0).tensor("e", {0, 5}, 0, 32).pad(32).data(32).bytes());
  EXPECT_EQ(contents.tensors[0].bytes.size(), 1U);
  EXPECT_TRUE(contents.tensors[1].bytes.empty());
}

TEST(Gguf, RefusalsSayWhatIsWrong) {
  expect_refused("", "the magic \"GGUF\" needs 4 bytes");
  expect_refused("GGML....", "does not begin with \"GGUF\"");
  expect_refused(GgufBytes(0, 0, 2).bytes(), "version is 2");
  expect_refused(GgufBytes(uint64_t{1} << 60, 0).bytes(), "tensor count is 1152921504606846976");
  expect_refused(GgufBytes(0, 1).key("k", static_cast<GgufType>(13)).add(0).bytes(), "the value type 13");
  const auto nested = [](int depth) {
    GgufBytes file(0, 1);
    file.key("k", GgufType::kArray);
    for (int i = 0; i + 1 < depth; ++i) file.array(GgufType::kArray, 1);
    return file.array(GgufType::kUint8, 0).bytes();
  };
  EXPECT_EQ(parse(nested(kGgufMaxDepth)).metadata.size(), 1U);
  expect_refused(nested(kGgufMaxDepth + 1), "more than 16 deep");
  expect_refused(GgufBytes(0, 1).key("general.alignment", GgufType::kUint32).add(uint32_t{24}).bytes(),
                 "general.alignment is 24");
  expect_refused(GgufBytes(1, 0).tensor("t", {1, 1, 1, 1, 1}, 0, 0).pad(32).data(32).bytes(),
                 "has 5 dimensions");
  expect_refused(GgufBytes(1, 0).tensor("t", {48}, 8, 0).pad(32).data(64).bytes(),
                 "rows of 48 elements, but Q8_0");
  expect_refused(GgufBytes(1, 0).tensor("t", {1}, 5, 0).pad(32).data(32).bytes(), "the element type 5");
  expect_refused(GgufBytes(1, 0).tensor("t", {9}, 0, 0).pad(32).data(32).bytes(), "has 36 bytes");
  expect_refused(GgufBytes(2, 0).tensor("t", {9}, 0, 0).tensor("u", {1}, 0, 32).pad(32).data(64).bytes(),
                 "inside tensor \"t\"");
  expect_refused(GgufBytes(2, 0).tensor("t", {1}, 0, 0).tensor("t", {1}, 0, 32).pad(32).data(64).bytes(),
                 "\"t\" is there twice");
}

// Found by fuzzing: the cut of a long name fell inside a character.
TEST(Gguf, LongNamesAreCutAnywhere) {
  for (int before = 110; before < 125; ++before)
    expect_refused(GgufBytes(0, 1)
                       .key(std::string(before, 'a') + "ü漢🙂ü漢🙂", static_cast<GgufType>(99))
                       .add(0)
                       .bytes(),
                   "the value type 99");
}

TEST(GgmlTypes, Ids) {
  EXPECT_EQ(ggml_type(4), nullptr);
  EXPECT_EQ(ggml_type(255), nullptr);
  EXPECT_EQ(ggml_type(15)->block_bytes, 292U);
}

TEST(GgmlTypes, AgreeWithTheGoldenBlocks) {
  HADAL_NEED_SHARED("golden/quants");
  int count = 0;
  for (const auto& path : std::filesystem::directory_iterator(shared_path("golden/quants"))) {
    if (path.path().extension() != ".safetensors") continue;
    const Safetensors file = Safetensors::open(path.path().string(), LoadMode::kMmap);
    std::map<std::string, std::string> facts(file.metadata().begin(), file.metadata().end());
    if (!facts.contains("type_id")) continue;
    const GgmlType* const type = ggml_type(static_cast<uint32_t>(std::stoul(facts["type_id"])));
    ASSERT_NE(type, nullptr) << facts["type"];
    EXPECT_EQ(type->name, facts["type"]);
    EXPECT_EQ(std::to_string(type->block_elements), facts["block_elements"]);
    EXPECT_EQ(std::to_string(type->block_bytes), facts["block_bytes"]);
    ++count;
  }
  EXPECT_EQ(count, 25);
}

TEST(Gguf, GoldenFiles) {
  HADAL_NEED_SHARED("golden/gguf");
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(shared_path("golden/gguf"))) {
    if (file.path().extension() != ".gguf") continue;
    SCOPED_TRACE(file.path().string());
    EXPECT_NO_THROW(Gguf::open(file.path().string(), LoadMode::kMmap));
    ++count;
  }
  EXPECT_EQ(count, 12);
}

TEST(Gguf, GoldenBadFiles) {
  HADAL_NEED_SHARED("golden/malformed/gguf");
  int count = 0;
  for (const auto& file : std::filesystem::directory_iterator(shared_path("golden/malformed/gguf"))) {
    if (file.path().extension() != ".gguf") continue;
    SCOPED_TRACE(file.path().string());
    message_of(ErrorCode::kInvalidModel, [&] { Gguf::open(file.path().string(), LoadMode::kMmap); });
    ++count;
  }
  EXPECT_EQ(count, 38);
}

}  // namespace
}  // namespace hadal
