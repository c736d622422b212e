#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "text/control_tokens.h"
#include "text/tokenizer_writer.h"
#include "tools/tokenize.h"
#include "tools/tokenizer_train.h"
#include "train/data_prepare.h"
#include "train/data_rows.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

// A folder of its own with a tokenizer of bytes.
class Data : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("hadal_data_" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write("tokenizer.json", tokenizer_json({}));
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }

  DataPrepareOptions options(const std::vector<std::string>& files) const {
    DataPrepareOptions options;
    options.files = files;
    options.tokenizer = path("tokenizer.json");
    options.out = path("out");
    return options;
  }
  DataSet prepared(const std::string& name, const std::string& content,
                   uint64_t shard_tokens = 1 << 20) const {
    DataPrepareOptions all = options({write(name, content)});
    all.shard_tokens = shard_tokens;
    prepare_data(all);
    return DataSet::open(all.out);
  }

  // The message of the Error that preparing this content throws.
  std::string refused(const std::string& name, const std::string& content,
                      uint64_t limit = kMaxDocumentBytes) const {
    DataPrepareOptions all = options({write(name, content)});
    all.limit_bytes = limit;
    try {
      prepare_data(all);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
      EXPECT_THROW(DataSet::open(all.out), Error) << "something was left that can be opened";
      return error.what();
    }
    return "(nothing was thrown)";
  }

  // The text of a document with what is learned in brackets.
  std::string shown(const DataSet& data, uint64_t document) const {
    const Tokenizer tokenizer = load_tokenizer(path("tokenizer.json"));
    std::vector<int32_t> ids(data.document_tokens(document));
    std::vector<uint8_t> learned(ids.size());
    data.read(document, 0, ids, learned);
    std::string out;
    for (size_t i = 0; i < ids.size(); ++i) {
      if (learned[i] == 1 && (i == 0 || learned[i - 1] == 0)) out += '[';
      out += tokenizer.token_bytes(ids[i]);
      if (learned[i] == 1 && (i + 1 == ids.size() || learned[i + 1] == 0)) out += ']';
    }
    return out;
  }

  fs::path folder_;
};

const std::string kBos(kBosToken);
const std::string kEos(kEosToken);
const std::string kUser(kUserToken);
const std::string kAssistant(kAssistantToken);

TEST_F(Data, PlainTextIsLearnedWhole) {
  const DataSet data = prepared("a.txt", "Merhaba dünya,\nhello <think>.");
  ASSERT_EQ(data.documents(), 1u);
  EXPECT_EQ(shown(data, 0), kBos + "[Merhaba dünya,\nhello <think>." + kEos + "]");
}

TEST_F(Data, LinesOfTextAreDocuments) {
  const DataSet data =
      prepared("a.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"\"}\r\n{\"text\": \"two\\n\"}");
  ASSERT_EQ(data.documents(), 2u);
  EXPECT_EQ(shown(data, 0), kBos + "[one" + kEos + "]");
  EXPECT_EQ(shown(data, 1), kBos + "[two\n" + kEos + "]");
}

TEST_F(Data, OnlyTheAssistantIsLearned) {
  const DataSet data = prepared(
      "a.jsonl",
      R"({"messages":[{"role":"system","content":"S"},{"role":"user","content":"hi"},{"role":"assistant","content":"A1"},)"
      R"({"role":"user","content":"<｜Assistant｜>"},{"role":"assistant","content":"A2"}]})");
  EXPECT_EQ(shown(data, 0), kBos + "S" + kUser + "hi" + kAssistant + "</think>[A1" + kEos + "]" + kUser +
                                "<｜Assistant｜>" + kAssistant + "</think>[A2" + kEos + "]");
}

TEST_F(Data, ReasoningMakesAThinkingPrompt) {
  const DataSet data = prepared(
      "a.jsonl",
      R"({"messages":[{"role":"user","content":"2+2"},{"role":"assistant","reasoning_content":"4","content":"It is 4."}]})"
      "\n"
      R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"A"}],"thinking_mode":"thinking"})");
  EXPECT_EQ(shown(data, 0), kBos + kUser + "2+2" + kAssistant + "<think>[4</think>It is 4." + kEos + "]");
  EXPECT_EQ(shown(data, 1), kBos + kUser + "hi" + kAssistant + "<think>[</think>A" + kEos + "]");
}

TEST_F(Data, ToolCallsAreLearnedAndResultsAreNot) {
  const DataSet data = prepared(
      "a.jsonl",
      R"({"messages":[{"role":"user","content":"?"},{"role":"assistant","content":"","tool_calls":[{"id":"1","function":)"
      R"({"name":"f","arguments":"{\"a\": 1}"}}]},{"role":"tool","tool_call_id":"1","content":"R"},{"role":"assistant","content":"A"}]})");
  const std::string text = shown(data, 0);
  EXPECT_NE(text.find("</think>[\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">"), std::string::npos)
      << text;
  EXPECT_NE(text.find("</｜DSML｜tool_calls>" + kEos + "]" + kUser + "<tool_result>R</tool_result>"),
            std::string::npos)
      << text;
}

TEST_F(Data, RefusesEmptyData) {
  EXPECT_NE(refused("a.jsonl", "").find("a.jsonl: the file has no document"), std::string::npos);
  EXPECT_NE(refused("a.txt", "").find("no document"), std::string::npos);
  EXPECT_NE(refused("a.jsonl", "{\"text\": \"\"}\n").find("no document"), std::string::npos);
}

TEST_F(Data, RefusesALineOverTheLimit) {
  const std::string line = "{\"text\": \"" + std::string(5000, 'x') + "\"}\n";
  EXPECT_NE(
      refused("a.jsonl", "{\"text\": \"a\"}\n" + line, 4096).find("a.jsonl:2: this line has more than 4096"),
      std::string::npos);
  EXPECT_NE(refused("a.txt", std::string(5000, 'x'), 4096).find("a.txt"), std::string::npos);
}

// A gigabyte without a line break, of which the disk holds nothing: refused in a few times the limit.
TEST_F(Data, RefusesALineOfAGigabyteInBoundedMemory) {
  for (const char* const name : {"a.jsonl", "a.txt"}) {
    std::ofstream(path(name)).close();
    fs::resize_file(path(name), uint64_t{1} << 30);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      DataPrepareOptions all = options({path(name)});
      all.limit_bytes = 64 << 20;
      rusage before{}, after{};
      getrusage(RUSAGE_SELF, &before);
      try {
        prepare_data(all);
        _exit(0);
      } catch (const Error& error) {
        getrusage(RUSAGE_SELF, &after);
        if (after.ru_maxrss - before.ru_maxrss > 320 << 10) _exit(100);
        _exit(static_cast<int>(error.code()));
      }
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status)) << name;
    EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(ErrorCode::kInvalidModel)) << name;
    fs::remove_all(path("out"));
  }
}

TEST_F(Data, RefusesInvalidUtf8) {
  EXPECT_NE(refused("a.txt", "ab\xC3(").find("not valid UTF-8: byte 0xc3 at offset 2"), std::string::npos);
  EXPECT_NE(
      refused("a.jsonl", "{\"text\": \"a\"}\n{\"text\": \"\xFF\"}\n").find("a.jsonl:2: not valid UTF-8"),
      std::string::npos);
  EXPECT_NE(refused("a.jsonl", "{\"text\": \"\\ud800\"}\n").find("not valid UTF-8"), std::string::npos);
}

TEST_F(Data, RefusesOtherLines) {
  EXPECT_NE(refused("a.jsonl", "{\"text\": 1}\n").find("a.jsonl:1: expected an object"), std::string::npos);
  EXPECT_NE(refused("a.jsonl", "{\"text\"\n").find("a.jsonl:1: not JSON"), std::string::npos);
  EXPECT_NE(refused("a.jsonl", "{\"messages\": []}\n").find("not a list of messages"), std::string::npos);
  EXPECT_NE(refused("a.jsonl", R"({"messages":[{"role":"user","content":"hi"}]})").find("nothing to learn"),
            std::string::npos);
  EXPECT_NE(refused("a.jsonl", R"({"messages":[{"role":"nobody","content":"hi"}]})").find("unknown role"),
            std::string::npos);
}

TEST_F(Data, RefusesAFolderThatHoldsData) {
  prepared("a.txt", "one");
  EXPECT_THROW(prepare_data(options({path("a.txt")})), Error);
}

std::string refusal(const std::string& folder) {
  try {
    DataSet::open(folder);
  } catch (const Error& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

TEST_F(Data, AChangedShardIsRefusedByName) {
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += "{\"text\": \"document " + std::to_string(i) + "\"}\n";
  const DataSet data = prepared("a.jsonl", lines, 300);
  ASSERT_GT(data.manifest().shards.size(), 2u);
  const std::string shard = path("out/shard-00001.safetensors");
  std::string bytes = read_file(shard, 1 << 20);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write("out/shard-00001.safetensors", bytes);
  EXPECT_NE(refusal(path("out")).find("shard-00001.safetensors: changed"), std::string::npos);
  fs::remove(shard);
  EXPECT_NE(refusal(path("out")).find("shard-00001.safetensors"), std::string::npos);
}

TEST_F(Data, ADamagedManifestIsRefused) {
  prepared("a.txt", "one");
  const std::string manifest = read_file(path("out/manifest.json"), 1 << 20);
  for (size_t size = 0; size + 2 < manifest.size(); size += 7) {
    write("out/manifest.json", manifest.substr(0, size));
    EXPECT_NE(refusal(path("out")).find("manifest.json"), std::string::npos) << size;
  }
  std::string other = manifest;
  other.replace(other.find("\"documents\": 1"), 14, "\"documents\": 2");
  write("out/manifest.json", other);
  EXPECT_NE(refusal(path("out")).find("manifest.json: 2 documents"), std::string::npos);
}

// Documents of many sizes, some longer than a row.
class Rows : public Data {
 protected:
  DataSet data(int count = 400) const {
    std::string lines;
    for (int i = 0; i < count; ++i)
      lines +=
          "{\"text\": \"" + std::to_string(i) + std::string(static_cast<size_t>(i * 37 % 150), 'x') + "\"}\n";
    return prepared("rows.jsonl", lines, 4096);
  }

  static std::vector<PackedRow> epoch(const DataSet& data, const RowOptions& options, uint64_t number) {
    RowReader reader(data, options);
    std::vector<PackedRow> rows;
    DataPosition position{number, 0};
    while (position.epoch == number) rows.push_back(reader.read(position));
    EXPECT_EQ(rows.size(), reader.rows(number));
    return rows;
  }
};

TEST_F(Rows, EveryTokenIsATargetOnceAnEpoch) {
  const DataSet set = data();
  const RowOptions options{.row_tokens = 64, .seed = 3};
  uint64_t targets = 0;
  uint64_t room = 0;
  for (const PackedRow& row : epoch(set, options, 0)) {
    EXPECT_LE(row.ids.size(), 64u);
    EXPECT_EQ(row.ids.size(), row.is_target.size());
    EXPECT_EQ(row.parts.front(), 0);
    EXPECT_EQ(row.parts.back(), static_cast<int64_t>(row.ids.size()));
    for (size_t p = 0; p + 1 < row.parts.size(); ++p)
      EXPECT_EQ(row.is_target[static_cast<size_t>(row.parts[p])], 0);
    targets += static_cast<uint64_t>(std::ranges::count(row.is_target, 1));
    room += 64 - row.ids.size();
  }
  EXPECT_EQ(targets, set.manifest().learned_tokens);
  EXPECT_LT(room, set.manifest().tokens / 20);
}

TEST_F(Rows, SeedAndEpochDecideTheOrder) {
  const DataSet set = data();
  const auto ids = [&](uint64_t seed, uint64_t number) {
    std::vector<std::vector<int32_t>> out;
    for (const PackedRow& row : epoch(set, {.row_tokens = 64, .seed = seed}, number)) out.push_back(row.ids);
    return out;
  };
  EXPECT_EQ(ids(1, 0), ids(1, 0));
  EXPECT_NE(ids(1, 0), ids(1, 1));
  EXPECT_NE(ids(1, 0), ids(2, 0));
}

TEST_F(Rows, ResumesAnywhere) {
  const DataSet set = data();
  const RowOptions options{.row_tokens = 64, .seed = 9};
  RowReader whole(set, options);
  std::map<std::pair<uint64_t, uint64_t>, std::vector<int32_t>> seen;
  DataPosition position;
  while (position.epoch < 2) {
    const DataPosition here = position;
    seen[{here.epoch, here.row}] = whole.read(position).ids;
  }
  for (const auto& [place, ids] : seen) {
    RowReader fresh(set, options);
    DataPosition from{place.first, place.second};
    EXPECT_EQ(fresh.read(from).ids, ids);
  }
}

TEST_F(Rows, ACurriculumBeginsShort) {
  const DataSet set = data();
  const auto parts_of_first_half = [&](bool curriculum, uint64_t number) {
    const auto rows = epoch(set, {.row_tokens = 160, .seed = 1, .curriculum = curriculum}, number);
    size_t parts = 0;
    for (size_t r = 0; r < rows.size() / 2; ++r) parts += rows[r].parts.size() - 1;
    return parts;
  };
  EXPECT_GT(parts_of_first_half(true, 0), parts_of_first_half(false, 0) * 11 / 10);
  EXPECT_EQ(parts_of_first_half(true, 1), parts_of_first_half(false, 1));
}

TEST_F(Data, TrainsATokenizerOnAnyOfThem) {
  TokenizerTrainOptions options;
  options.files = {write("a.jsonl", "{\"text\": \"to be or not to be\"}\n"), write("b.txt", "to be to be")};
  options.vocab = kFixedTokens + 3;
  options.out = path("trained.json");
  train_tokenizer(options);
  EXPECT_EQ(load_tokenizer(options.out).vocab_size(), options.vocab);
  options.vocab = 4096;
  EXPECT_THROW(train_tokenizer(options), Error);
  options.vocab = 100;
  EXPECT_THROW(train_tokenizer(options), Error);
}

}  // namespace
}  // namespace hadal
