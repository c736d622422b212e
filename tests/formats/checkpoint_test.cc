// Checkpoint folders: single file and shards, and every way in which index and files can disagree.
#include "formats/checkpoint.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/config_text.h"
#include "formats/temporary.h"
#include "golden/golden.h"

namespace hadal {
namespace {

void write_shard(const TemporaryFolder& folder, const std::string& file,
                 const std::vector<std::string>& names) {
  std::vector<SafetensorsWriter::Entry> entries;
  entries.reserve(names.size());
  for (const std::string& name : names) entries.push_back({name, DType::kU8, {1}});
  SafetensorsWriter writer(folder.path(file), entries);
  for (const std::string& name : names) writer.append(std::as_bytes(std::span(name.data(), 1)));
  writer.finish();
}

std::string index_text(const std::map<std::string, std::string>& weight_map) {
  std::string text = R"({"metadata": {"total_size": 1}, "weight_map": {)";
  for (const auto& [tensor, file] : weight_map) text += fmt::format("\"{}\": \"{}\",", tensor, file);
  if (text.back() == ',') text.pop_back();
  return text + "}}";
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() { folder.write("config.json", kConfigText); }

  void write_index(const std::map<std::string, std::string>& weight_map) {
    folder.write("model.safetensors.index.json", index_text(weight_map));
  }
  Checkpoint open() const { return Checkpoint::open(folder.path(), LoadMode::kMmap); }
  std::string refusal(ErrorCode code = ErrorCode::kInvalidModel) const {
    return message_of(code, [&] { open(); });
  }
  static void expect_says(const std::string& message, std::string_view words) {
    EXPECT_NE(message.find(words), std::string::npos) << message;
  }

  TemporaryFolder folder;
};

TEST_F(CheckpointTest, SingleFile) {
  write_shard(folder, "model.safetensors", {"b", "mtp.0.x", "a", "mtp.10.x", "mtp.0.y", "mtp.x"});
  write_shard(folder, "other.safetensors", {"c"});  // not named by anything: not read
  const Checkpoint checkpoint = open();
  ASSERT_EQ(checkpoint.tensors().size(), 6U);
  EXPECT_EQ(checkpoint.tensors()[0].tensor->name, "a");
  EXPECT_EQ(checkpoint.find("c"), nullptr);
  EXPECT_EQ(load_as<char>(checkpoint.find("b")->bytes.data()), 'b');
  EXPECT_EQ(checkpoint.tensor_bytes(), 6U);
  EXPECT_EQ(checkpoint.mtp_blocks(), 2);
  EXPECT_EQ(checkpoint.generation().temperature, 1.0);
}

TEST_F(CheckpointTest, Shards) {
  write_shard(folder, "m-1.safetensors", {"b", "d"});
  write_shard(folder, "m-2.safetensors", {"a", "c", "unlisted"});
  write_shard(folder, "model.safetensors", {"z"});  // the index goes first
  write_index({{"a", "m-2.safetensors"},
               {"b", "m-1.safetensors"},
               {"c", "m-2.safetensors"},
               {"d", "m-1.safetensors"}});
  folder.write("generation_config.json", R"({"top_p": 0.5})");
  Checkpoint opened = open();
  const Checkpoint checkpoint = std::move(opened);  // places stay good
  ASSERT_EQ(checkpoint.tensors().size(), 4U);
  for (const Checkpoint::Place& place : checkpoint.tensors()) {
    EXPECT_EQ(place.file->find(place.tensor->name), &place.tensor->tensor);
    EXPECT_EQ(load_as<char>(place.tensor->tensor.bytes.data()), place.tensor->name[0]);
  }
  EXPECT_EQ(checkpoint.find("unlisted"), nullptr);
  EXPECT_EQ(checkpoint.find("z"), nullptr);
  EXPECT_EQ(checkpoint.generation().top_p, 0.5);
}

TEST_F(CheckpointTest, IndexAndFilesDisagree) {
  write_shard(folder, "m-1.safetensors", {"a"});
  write_shard(folder, "m-2.safetensors", {"a", "b"});
  write_index({{"a", "m-1.safetensors"}, {"b", "m-2.safetensors"}});
  expect_says(refusal(), "tensor \"a\" is in two of the files");
  write_index({{"a", "m-1.safetensors"}, {"x", "m-1.safetensors"}});
  expect_says(refusal(), "has \"x\" in \"m-1.safetensors\", which lacks it");
  write_index({{"a", "m-3.safetensors"}});
  expect_says(refusal(ErrorCode::kIo), "m-3.safetensors");
}

TEST_F(CheckpointTest, NamesThatLeaveTheFolder) {
  for (const char* const name : {"../m.safetensors", "/etc/m.safetensors", "a/b.safetensors", "..", "",
                                 "m.bin", "m\\u0000.safetensors", "a\\\\m.safetensors"}) {
    write_index({{"a", name}});
    expect_says(refusal(), "plain name");
  }
}

TEST_F(CheckpointTest, BadIndexText) {
  const auto refused = [&](const std::string& text, std::string_view words) {
    folder.write("model.safetensors.index.json", text);
    expect_says(refusal(), words);
  };
  refused("", "not valid JSON");
  refused("{}", "weight_map is missing");
  refused(R"({"weight_map": []})", "weight_map is an array");
  refused(R"({"weight_map": {"a": 1}})", "\"a\" is 1");
  refused(R"({"weight_map": {"a": "m.safetensors", "a": "m.safetensors"}})", "\"a\" twice");
}

TEST_F(CheckpointTest, MissingPieces) {
  expect_says(refusal(ErrorCode::kIo), "neither model.safetensors.index.json nor model.safetensors");
  expect_says(message_of(ErrorCode::kIo, [] { Checkpoint::open("/nonexistent", LoadMode::kMmap); }),
              "no such folder");
  const TemporaryFolder empty;
  expect_says(message_of(ErrorCode::kIo, [&] { Checkpoint::open(empty.path(), LoadMode::kMmap); }),
              "config.json");
}

TEST(GoldenCheckpoint, Opens) {
  HADAL_NEED_SHARED("golden/v4");
  for (const LoadMode mode : {LoadMode::kMmap, LoadMode::kRead}) {
    const Checkpoint checkpoint = Checkpoint::open(shared_path("golden/v4/tiny-fp8"), mode);
    EXPECT_EQ(checkpoint.find("embed.weight")->shape, (std::vector<int64_t>{512, 128}));
    EXPECT_EQ(checkpoint.mtp_blocks(), 1);
    EXPECT_EQ(checkpoint.config().hidden_size, 128);
  }
}

}  // namespace
}  // namespace hadal
