#include "engine/disk_cache.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Parts in RAM that wait to be written; what comes beyond it is not kept on disk.
constexpr int64_t kMostWaiting = int64_t{1} << 29;
// Of the file system, left free.
constexpr double kReserve = 0.05;
constexpr auto kComplainEvery = std::chrono::minutes(1);

std::string root_key(const std::string& space) { return sha256_hex("hadal namespace\n" + space); }

// Of each block of the tokens: it names all the tokens up to its end, and the namespace.
std::vector<std::string> keys_of(const std::string& root, std::span<const int32_t> tokens) {
  std::vector<std::string> keys;
  std::string key = root;
  for (size_t first = 0; first < tokens.size(); first += kBlockTokens) {
    const auto piece = tokens.subspan(first, std::min<size_t>(tokens.size() - first, kBlockTokens));
    key.append(reinterpret_cast<const char*>(piece.data()), piece.size_bytes());
    key = sha256_hex(key);
    keys.push_back(key);
  }
  return keys;
}

std::string block_name(const std::string& key) { return key + ".block"; }
std::string tail_name(const std::string& key, int64_t rollback) {
  return fmt::format("{}-{}.tail", key, rollback);
}

}  // namespace

int64_t DiskCache::Save::bytes() const {
  int64_t sum = 0;
  for (const RamPart& block : blocks) sum += block.bytes();
  for (const Tail& tail : tails) sum += tail.part.bytes();
  return sum;
}

DiskCache::DiskCache(const DiskCacheOptions& options, Sizes sizes)
    : options_(options),
      sizes_(std::move(sizes)),
      dir_(options.dir + "/kv-" + options.fingerprint.substr(0, 16)),
      tree_(options.budget_bytes,
            [this](const FilePart& part) {
              files_.erase(part.name);
              dropped_.push_back(part.name);
            }),
      allowance_(static_cast<double>(options.write_bytes_per_hour)),
      refilled_(Clock::now()) {
  CHECK(options.fingerprint.size() == 64);
  try {
    fs::create_directories(dir_);
    fs::permissions(dir_, fs::perms::owner_all);
    scan();
  } catch (const fs::filesystem_error& error) {
    fail(ErrorCode::kIo, "{}: the cache folder cannot be used: {}", dir_, error.code().message());
  }
  thread_ = std::thread([this] { work(); });
}

DiskCache::~DiskCache() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// Puts every whole tail whose blocks are all there into the tree, and removes everything else.
void DiskCache::scan() {
  struct Found {
    fs::file_time_type used;
    std::string name;
    PartFile head;
    int64_t size;
  };
  std::vector<Found> tails;
  std::map<std::string, int64_t> blocks;
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(dir_)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().filename().string();
    names.push_back(name);
    const auto size = static_cast<int64_t>(entry.file_size());
    if (name.ends_with(".block")) blocks[name] = size;
    if (!name.ends_with(".tail")) continue;
    std::optional<PartFile> head = read_part_head(entry.path().string());
    if (head && head->kind == PartFile::Kind::kTail && head->fingerprint == options_.fingerprint &&
        !head->tokens.empty())
      tails.push_back({entry.last_write_time(), name, *std::move(head), size});
  }
  std::sort(tails.begin(), tails.end(), [](const Found& a, const Found& b) { return a.used < b.used; });
  std::set<std::string> wanted;
  for (const Found& tail : tails) {
    const std::vector<std::string> keys = keys_of(tail.head.key, tail.head.tokens);
    const auto is_there = [&](const std::string& key) { return blocks.contains(block_name(key)); };
    if (tail.name != tail_name(keys.back(), tail.head.rollback) ||
        !std::all_of(keys.begin(), keys.end(), is_there))
      continue;
    wanted.insert(tail.name);
    for (const std::string& key : keys) {
      wanted.insert(block_name(key));
      files_[block_name(key)] = blocks[block_name(key)];
    }
    tree_.insert(tail.head.key, tail.head.tokens, {tail.name, tail.size}, tail.head.rollback,
                 [&](int64_t first, int64_t) {
                   const std::string name = block_name(keys[static_cast<size_t>(first / kBlockTokens)]);
                   return FilePart{name, blocks[name]};
                 });
  }
  for (const std::string& name : names)
    if (!wanted.contains(name)) dropped_.push_back(name);
  remove_dropped();
}

void DiskCache::remove_dropped() {
  for (const std::string& name : std::exchange(dropped_, {})) {
    std::error_code ignored;  // what cannot be removed is found again at the next start
    fs::remove(path(name), ignored);
  }
}

int64_t DiskCache::known_length(const std::string& space, std::span<const int32_t> tokens,
                                int64_t max_length) const {
  const std::string root = root_key(space);
  const std::lock_guard lock(mutex_);
  return tree_.find(root, tokens, max_length).usable;
}

void DiskCache::load(std::string space, std::vector<int32_t> tokens, int64_t max_length, Done done) {
  {
    const std::lock_guard lock(mutex_);
    loads_.push_back({std::move(space), std::move(tokens), max_length, std::move(done)});
  }
  changed_.notify_all();
}

void DiskCache::save(Save save) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_bytes_ + save.bytes() > kMostWaiting) return;
    waiting_bytes_ += save.bytes();
    saves_.push_back(std::move(save));
  }
  changed_.notify_all();
}

int64_t DiskCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return tree_.bytes();
}

int64_t DiskCache::bytes_written() const {
  const std::lock_guard lock(mutex_);
  return written_;
}

// Somebody waits for what is loaded, so that comes first.
void DiskCache::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !loads_.empty() || !saves_.empty(); });
    if (!loads_.empty()) {
      const Load next = std::move(loads_.front());
      loads_.pop_front();
      lock.unlock();
      next.done(read(next));
      lock.lock();
    } else if (!saves_.empty()) {
      const Save next = std::move(saves_.front());
      saves_.pop_front();
      waiting_bytes_ -= next.bytes();
      lock.unlock();
      write(next);
      lock.lock();
    } else {
      return;
    }
  }
}

PartFile DiskCache::block_head(const std::string& key) const {
  return {PartFile::Kind::kBlock, 0, options_.fingerprint, key, {}};
}

PartFile DiskCache::tail_head(const std::string& root, std::span<const int32_t> tokens,
                              int64_t rollback) const {
  return {PartFile::Kind::kTail, rollback, options_.fingerprint, root, {tokens.begin(), tokens.end()}};
}

// --- reading ---

DiskCache::Loaded DiskCache::read(const Load& load) {
  const std::string root = root_key(load.space);
  for (;;) {
    const auto [node, usable] = tree_.find(root, load.tokens, load.max_length);
    if (node == nullptr) return {};
    std::optional<Loaded> loaded = read_node(root, *node, usable);
    remove_dropped();
    if (loaded) return *std::move(loaded);
  }
}

// Nothing, and the tree is smaller, if a file is wrong.
std::optional<DiskCache::Loaded> DiskCache::read_node(const std::string& root, Tree::Node& node,
                                                      int64_t usable) {
  const std::vector<Tree::Node*> nodes = Tree::path(&node);
  std::vector<int32_t> tokens;
  for (const Tree::Node* at : nodes) tokens.insert(tokens.end(), at->tokens.begin(), at->tokens.end());
  const std::vector<std::string> keys = keys_of(root, tokens);

  Loaded loaded{{node.end, {}, nullptr, node.rollback}, usable};
  std::optional<StatePart> tail = read_part(path(node.tail.name), tail_head(root, tokens, node.rollback),
                                            sizes_.tail(node.end, node.rollback));
  if (!tail) {
    const std::lock_guard lock(mutex_);
    tree_.drop_tail(node);
    return {};
  }
  loaded.parts.tail = std::make_shared<StatePart>(*std::move(tail));
  int64_t first = 0;
  for (size_t i = 0; i < nodes.size(); ++i) {
    std::optional<StatePart> block =
        read_part(path(nodes[i]->block.name), block_head(keys[i]), sizes_.block(first, nodes[i]->end));
    if (!block) {
      const std::lock_guard lock(mutex_);
      tree_.drop_all(*nodes[i]);
      return {};
    }
    loaded.parts.blocks.push_back(std::make_shared<StatePart>(*std::move(block)));
    first = nodes[i]->end;
  }
  {
    const std::lock_guard lock(mutex_);
    tree_.touch(node);
  }
  std::error_code ignored;  // the time of use only orders evictions after a restart
  fs::last_write_time(path(node.tail.name), fs::file_time_type::clock::now(), ignored);
  return loaded;
}

// --- writing ---

void DiskCache::write(const Save& save) {
  const std::string root = root_key(save.space);
  const std::span<const int32_t> tokens = save.tokens;
  for (const Tail& tail : save.tails) {
    const auto text = tokens.first(static_cast<size_t>(tail.length));
    if (!tree_.has(root, text, tail.rollback) && !write_tail(save, root, keys_of(root, text), tail)) return;
  }
}

// One tail and the blocks that it needs; false where it may not or cannot be written.
bool DiskCache::write_tail(const Save& save, const std::string& root, std::span<const std::string> keys,
                           const Tail& tail) {
  const auto text = std::span(save.tokens).first(static_cast<size_t>(tail.length));
  const auto missing = [&] {
    int64_t bytes = PartFile::file_bytes(tail.length, tail.part.bytes());
    for (size_t i = 0; i < keys.size(); ++i)
      if (!files_.contains(block_name(keys[i]))) bytes += PartFile::file_bytes(0, save.blocks[i].bytes());
    return bytes;
  };
  if (!may_write(missing())) return false;
  {
    const std::lock_guard lock(mutex_);
    tree_.make_room(missing());
  }
  remove_dropped();
  std::vector<std::string> written;
  try {
    int64_t bytes = missing();
    for (size_t i = 0; i < keys.size(); ++i) {
      const std::string name = block_name(keys[i]);
      if (files_.contains(name)) continue;
      write_part(path(name), block_head(keys[i]), *save.blocks[i].data);
      written.push_back(name);
      files_[name] = PartFile::file_bytes(0, save.blocks[i].bytes());
    }
    const std::string name = tail_name(keys.back(), tail.rollback);
    write_part(path(name), tail_head(root, text, tail.rollback), *tail.part.data);
    allowance_ -= static_cast<double>(bytes);
    {
      const std::lock_guard lock(mutex_);
      written_ += bytes;
      tree_.insert(root, text, {name, PartFile::file_bytes(tail.length, tail.part.bytes())}, tail.rollback,
                   [&](int64_t first, int64_t) {
                     const std::string block = block_name(keys[static_cast<size_t>(first / kBlockTokens)]);
                     return FilePart{block, files_.at(block)};
                   });
    }
    remove_dropped();
    return true;
  } catch (const Error& error) {
    for (const std::string& name : written) {
      files_.erase(name);
      dropped_.push_back(name);
    }
    remove_dropped();
    if (Clock::now() - complained_ > kComplainEvery) {
      log_warning("the disk cache is not written to: {}", error.what());
      complained_ = Clock::now();
    }
    return false;
  }
}

bool DiskCache::may_write(int64_t bytes) {
  if (bytes > options_.budget_bytes) return false;
  std::error_code error;
  const fs::space_info space = fs::space(dir_, error);
  if (error || static_cast<double>(space.available) - static_cast<double>(bytes) <
                   kReserve * static_cast<double>(space.capacity))
    return false;
  if (options_.write_bytes_per_hour == 0) return true;
  const Clock::time_point now = Clock::now();
  const auto per_hour = static_cast<double>(options_.write_bytes_per_hour);
  const double hours = std::chrono::duration<double, std::ratio<3600>>(now - refilled_).count();
  refilled_ = now;
  allowance_ = std::min(per_hour, allowance_ + hours * per_hour);
  return static_cast<double>(bytes) <= allowance_;
}

}  // namespace hadal
