// Files are read whole or refused, and replaced whole or not at all.
#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <utility>

#include "formats/temporary.h"

namespace hadal {
namespace {

int64_t files_in(const TemporaryFolder& folder) {
  return std::distance(std::filesystem::directory_iterator(folder.path()), {});
}

TEST(Files, AreReadWholeOrRefused) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path("a"), "hello");
  EXPECT_EQ(read_file(folder.path("a"), 5), "hello");
  message_of(ErrorCode::kInvalidModel, [&] { read_file(folder.path("a"), 4); });
  message_of(ErrorCode::kIo, [&] { read_file(folder.path("none"), 4); });
  message_of(ErrorCode::kIo, [&] { read_file(folder.path(), 4); });
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
  message_of(ErrorCode::kIo, [&] { read_file(folder.path("pipe"), 4); });
  EXPECT_TRUE(!file_exists(folder.path("pipe")) && file_exists(folder.path("a")) &&
              is_directory(folder.path()));
}

TEST(Files, WhatIsNotCommittedNeverWas) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path("a"), "old");
  {
    FileReplacement file(folder.path("a"));
    file.write("new");
    EXPECT_EQ(read_file(folder.path("a"), 10), "old");
  }
  EXPECT_EQ(read_file(folder.path("a"), 10), "old");
  EXPECT_EQ(files_in(folder), 1);
}

TEST(Files, SmallAndLargeWritesKeepTheirOrder) {
  const TemporaryFolder folder;
  const std::string large(3 << 20, 'x');
  {
    FileReplacement file(folder.path("a"));
    file.write("begin");
    file.write(large);
    file.write("end");
    file.write_at(5, "y");
    file.commit();
  }
  const std::string content = read_file(folder.path("a"), 1 << 24);
  EXPECT_EQ(content, "beginy" + large.substr(1) + "end");
  EXPECT_EQ(files_in(folder), 1);
}

TEST(Files, NoFolderIsAnError) {
  const TemporaryFolder folder;
  message_of(ErrorCode::kIo, [&] { write_file_atomically(folder.path("none/a"), ""); });
}

TEST(Files, ViewsHoldTheBytesBothWays) {
  const TemporaryFolder folder;
  write_file_atomically(folder.path("a"), "hello");
  write_file_atomically(folder.path("empty"), "");
  for (const LoadMode mode : {LoadMode::kMmap, LoadMode::kRead}) {
    FileView view(folder.path("a"), mode);
    const FileView moved = std::move(view);
    ASSERT_EQ(moved.bytes().size(), 5U);
    EXPECT_EQ(static_cast<char>(moved.bytes()[4]), 'o');
    EXPECT_TRUE(FileView(folder.path("empty"), mode).bytes().empty());
  }
}

}  // namespace
}  // namespace hadal
