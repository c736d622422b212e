// DiskCache: a PrefixTree of files, so that a restart finds what was computed before.
//
// It keeps to a folder of its own for each model fingerprint, below the one it is given; whatever there is
// torn, foreign or not reachable from a tail is removed when it is opened, and a file that turns out wrong
// when it is read is a miss and removed. One thread of its own reads and writes; nobody else waits for the
// disk, except the destructor, which writes what is still to be written.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "engine/part_file.h"
#include "engine/prefix_tree.h"

namespace hadal {

struct DiskCacheOptions {
  std::string dir = {};          // empty: no disk cache
  std::string fingerprint = {};  // model_fingerprint(): 64 digits
  int64_t budget_bytes = int64_t{16} << 30;
  int64_t write_bytes_per_hour = int64_t{32} << 30;  // an hour's worth may come at once; 0: no limit
};

class DiskCache {
 public:
  // The sizes that parts must have; called from the cache's thread.
  struct Sizes {
    std::function<int64_t(int64_t first, int64_t end)> block;
    std::function<int64_t(int64_t length, int64_t rollback)> tail;
  };
  // Error(kIo) if the folder cannot be made or read.
  DiskCache(const DiskCacheOptions& options, Sizes sizes);
  ~DiskCache();

  // Tokens of the longest prefix that load() would find, as far as is known without reading it.
  int64_t known_length(const std::string& space, std::span<const int32_t> tokens, int64_t max_length) const;

  // Reads it and calls done(loaded) from the cache's thread; usable 0: nothing whole was found.
  struct Loaded {
    StateParts parts;
    int64_t usable = 0;
  };
  using Done = std::function<void(Loaded)>;
  void load(std::string space, std::vector<int32_t> tokens, int64_t max_length, Done done);

  // Writes what is not there yet, when there is time. Dropped where budgets or the disk do not allow it.
  struct Tail {
    int64_t length = 0;
    int64_t rollback = 0;
    RamPart part;
  };
  struct Save {
    std::string space;
    std::vector<int32_t> tokens;
    std::vector<RamPart> blocks;  // of all the tokens
    std::vector<Tail> tails;      // ascending lengths; at borders of blocks or the end
    int64_t bytes() const;
  };
  void save(Save save);

  int64_t bytes() const;
  int64_t bytes_written() const;

 private:
  struct FilePart {
    std::string name;
    int64_t size = 0;
    int64_t bytes() const { return size; }
  };
  using Tree = PrefixTree<FilePart>;
  struct Load {
    std::string space;
    std::vector<int32_t> tokens;
    int64_t max_length = 0;
    Done done;
  };

  void scan();
  void work();
  Loaded read(const Load& load);
  std::optional<Loaded> read_node(const std::string& root, Tree::Node& node, int64_t usable);
  void write(const Save& save);
  bool write_tail(const Save& save, const std::string& root, std::span<const std::string> keys,
                  const Tail& tail);
  bool may_write(int64_t bytes);
  void remove_dropped();
  std::string path(const std::string& name) const { return dir_ + "/" + name; }
  PartFile block_head(const std::string& key) const;
  PartFile tail_head(const std::string& root, std::span<const int32_t> tokens, int64_t rollback) const;

  const DiskCacheOptions options_;
  const Sizes sizes_;
  const std::string dir_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_; the tree is changed by the cache's thread only, which may read it without.
  Tree tree_;
  std::deque<Load> loads_;
  std::deque<Save> saves_;
  int64_t waiting_bytes_ = 0;  // of saves_
  int64_t written_ = 0;
  bool stopping_ = false;

  // The cache's thread's own.
  std::map<std::string, int64_t> files_;  // blocks and their sizes
  std::vector<std::string> dropped_;      // to be removed
  double allowance_ = 0;                  // bytes that may be written now
  std::chrono::steady_clock::time_point refilled_;
  std::chrono::steady_clock::time_point complained_{};

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace hadal
