// The disk cache behind an engine: the same tokens after a restart, whatever happened to the files.
#include "engine/disk_cache.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine_replies.h"
#include "formats/temporary.h"
#include "scripted_batch.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

const std::string kFingerprint(64, '7');
constexpr int64_t kVocab = ScriptedBatch::kVocab;

std::unique_ptr<Engine> engine_at(const std::string& dir, DiskCacheOptions disk = {}) {
  disk.dir = dir;
  if (disk.fingerprint.empty()) disk.fingerprint = kFingerprint;
  return std::make_unique<Engine>(std::make_unique<ScriptedBatch>(2, 2000, 64),
                                  EngineOptions{.prefix_cache_bytes = 1 << 22, .disk = disk});
}

WholeReply cold_reply(const GenerationRequest& request) {
  Engine engine(std::make_unique<ScriptedBatch>(1, 2000, 64), {});
  return ask(engine, request);
}

GenerationRequest question(int64_t count, uint32_t salt = 0) {
  return request_for(some_tokens(count, kVocab, salt), 10, salt);
}

std::vector<fs::path> files_in(const std::string& dir) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(dir))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(DiskCache, RemembersOverARestart) {
  const TemporaryFolder folder;
  const GenerationRequest first = question(300);
  const WholeReply reply = ask(*engine_at(folder.path()), first);
  EXPECT_FALSE(files_in(folder.path()).empty());
  const std::vector<int32_t> whole = joined(first.prompt, reply.ids);
  const auto follow_up = request_for(joined(whole, some_tokens(20, kVocab, 4)), 10);
  const auto engine = engine_at(folder.path());
  const WholeReply next = ask(*engine, follow_up);
  EXPECT_TRUE(next.same_as(cold_reply(follow_up)));
  EXPECT_EQ(next.finished.usage.cached_tokens, 309);
  // Another namespace and another model see nothing of it.
  GenerationRequest other = follow_up;
  other.cache_namespace = "other";
  EXPECT_EQ(ask(*engine, other).finished.usage.cached_tokens, 0);
  const auto stranger = engine_at(folder.path(), {.fingerprint = std::string(64, '8')});
  EXPECT_EQ(ask(*stranger, follow_up).finished.usage.cached_tokens, 0);
}

TEST(DiskCache, KeepsBordersOfLongTexts) {
  const TemporaryFolder folder;
  ask(*engine_at(folder.path()), question(1500));
  std::vector<int32_t> prompt = some_tokens(1400, kVocab);
  prompt.push_back(1);
  const WholeReply reply = ask(*engine_at(folder.path()), request_for(prompt, 5));
  EXPECT_EQ(reply.finished.usage.cached_tokens, 1024);
  EXPECT_TRUE(reply.same_as(cold_reply(request_for(prompt, 5))));
}

// A bit of every region of every file, and every kind of cut.
TEST(DiskCache, NeverUsesAWrongFile) {
  const TemporaryFolder original;
  const GenerationRequest asked = question(300);
  const WholeReply expected = cold_reply(asked);
  ask(*engine_at(original.path()), asked);
  const std::vector<fs::path> files = files_in(original.path());
  ASSERT_GE(files.size(), 4u);
  for (const fs::path& file : files) {
    const auto size = static_cast<int64_t>(fs::file_size(file));
    const int64_t step = std::max<int64_t>(1, size / 12);
    for (int64_t at = 0; at < size; at += step) {
      for (const bool cut : {false, true}) {
        const TemporaryFolder folder;
        fs::copy(original.path(), folder.path(),
                 fs::copy_options::recursive | fs::copy_options::overwrite_existing);
        const fs::path damaged = folder.path() / fs::relative(file, original.path());
        if (cut) {
          fs::resize_file(damaged, static_cast<uintmax_t>(at));
        } else {
          std::fstream stream(damaged, std::ios::in | std::ios::out | std::ios::binary);
          stream.seekg(at);
          const auto byte = static_cast<char>(stream.get() ^ (1 << (at % 8)));
          stream.seekp(at);
          stream.put(byte);
        }
        const WholeReply reply = ask(*engine_at(folder.path()), asked);
        ASSERT_TRUE(reply.same_as(expected)) << file << " " << at << " " << cut;
        // Only what does not need the wrong file was used.
        EXPECT_LE(reply.finished.usage.cached_tokens, 256);
      }
    }
  }
}

TEST(DiskCache, RemovesWhatItDoesNotKnow) {
  const TemporaryFolder folder;
  ask(*engine_at(folder.path()), question(300));
  const std::vector<fs::path> files = files_in(folder.path());
  const fs::path inside = files[0].parent_path();
  std::ofstream(inside / "half.block.tmp") << "x";
  std::ofstream(inside / (std::string(64, 'a') + ".block")) << "x";
  std::ofstream(inside / (std::string(64, 'a') + "-0.tail")) << "x";
  std::ofstream(fs::path(folder.path()) / "mine") << "x";
  engine_at(folder.path());
  EXPECT_EQ(files_in(folder.path()).size(), files.size() + 1);
  EXPECT_TRUE(fs::exists(fs::path(folder.path()) / "mine"));
}

TEST(DiskCache, StaysWithinItsBudgets) {
  const TemporaryFolder small;
  {
    const auto engine = engine_at(small.path(), {.budget_bytes = 40'000});
    for (uint32_t i = 0; i < 20; ++i) ask(*engine, question(200 + i * 30, i));
  }
  uintmax_t bytes = 0;
  for (const fs::path& file : files_in(small.path())) bytes += fs::file_size(file);
  EXPECT_LE(bytes, 40'000u);
  EXPECT_GT(bytes, 1'000u);
  // The latest is still there.
  EXPECT_GT(
      ask(*engine_at(small.path(), {.budget_bytes = 40'000}), question(770, 19)).finished.usage.cached_tokens,
      700);

  const TemporaryFolder slow;
  {
    const auto engine = engine_at(slow.path(), {.write_bytes_per_hour = 6'000});
    for (uint32_t i = 0; i < 20; ++i) ask(*engine, question(200, i));
  }
  bytes = 0;
  for (const fs::path& file : files_in(slow.path())) bytes += fs::file_size(file);
  EXPECT_LE(bytes, 6'500u);
  EXPECT_GT(bytes, 1'000u);
}

TEST(DiskCache, GoesOnWithoutADisk) {
  const TemporaryFolder folder;
  const auto engine = engine_at(folder.path());
  fs::remove_all(folder.path());
  for (uint32_t i = 0; i < 3; ++i)
    EXPECT_TRUE(ask(*engine, question(300, i)).same_as(cold_reply(question(300, i))));
}

// Killed while it writes, again and again: what is found afterwards is right, or is not there.
TEST(DiskCache, SurvivesBeingKilled) {
  const TemporaryFolder folder;
  int64_t found = 0;
  for (uint32_t round = 0; round < 12; ++round) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto engine = engine_at(folder.path());
      for (uint32_t i = 0;; ++i) ask(*engine, question(150 + i % 7 * 100, round * 1000 + i));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + round * 70 % 300));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const auto engine = engine_at(folder.path());
    for (uint32_t i = 0; i < 3; ++i) {
      const GenerationRequest asked = question(150 + i % 7 * 100, round * 1000 + i);
      const WholeReply reply = ask(*engine, asked);
      EXPECT_TRUE(reply.same_as(cold_reply(asked)));
      found += reply.finished.usage.cached_tokens > 0;
    }
  }
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace hadal
