// The conversations of the web page, kept in one SQLite file. A conversation is a tree of messages: each
// names its parent, answers to the same parent are branches, `current` is the leaf that is shown.
//
// Invariants: a namespace (one per API key) never sees another's; every acknowledged change is on the disk
// and survives a kill at any moment; a change names the version that it was made from and is refused when
// another came first; a message's parent never changes and always exists, so there are no loops and no
// orphans. Deleted text is overwritten. Thread-safe; a call takes a lock and may take milliseconds of disk
// time, so keep it off a thread that serves streams. This knows nothing of HTTP: conversation_routes.h does.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "server/sqlite.h"

namespace hadal {

struct ConversationLimits {
  uint64_t title_bytes = 1024;
  uint64_t settings_bytes = 1 << 20;
  uint64_t message_bytes = 8 << 20;
  uint64_t messages = 10'000;              // of a conversation
  uint64_t conversation_bytes = 64 << 20;  // of its messages
  uint64_t conversations = 10'000;         // of a namespace
  uint64_t namespace_bytes = uint64_t{4} << 30;
  uint64_t search_words = 8;
};

struct ConversationSummary {
  std::string id;
  std::string title;
  uint64_t version = 0;
  uint64_t created_ms = 0;
  uint64_t updated_ms = 0;
  uint64_t messages = 0;
  std::string excerpt;  // around the first word found in a message; empty without a search
};

struct StoredConversation {
  ConversationSummary summary;
  std::optional<std::string> current;
  Json settings;       // an object
  JsonArray messages;  // parents before their children
};

// What to do to a conversation, all of it or nothing. Absent: stays as it is.
struct ConversationChange {
  std::optional<std::string> title;
  std::optional<Json> settings;
  std::optional<std::string> current;
  JsonArray messages;                // new ones, and new contents of known ones
  std::vector<std::string> removed;  // with every message below them
};

class ConversationStore {
 public:
  // Opens or creates the file. Error(kIo) for a damaged or foreign file, which stays as it is.
  explicit ConversationStore(const std::string& path, const ConversationLimits& limits = {});

  // The latest first. Every word of `search` must occur in the title or a message, in any case of letters.
  std::vector<ConversationSummary> list(std::string_view name_space, std::string_view search, uint64_t limit,
                                        uint64_t offset);
  // RequestError: 404 without such a conversation, 409 when `version` is not the current one, 400 for
  // contents that break an invariant, 413 over a limit.
  StoredConversation get(std::string_view name_space, std::string_view id);
  ConversationSummary create(std::string_view name_space, const ConversationChange& content);
  ConversationSummary change(std::string_view name_space, std::string_view id, uint64_t version,
                             const ConversationChange& change);
  void erase(std::string_view name_space, std::string_view id);

  // Under new ids, all of them or none; times are kept.
  std::vector<ConversationSummary> import(std::string_view name_space,
                                          const std::vector<StoredConversation>& conversations);
  // The ids, the oldest first.
  std::vector<std::string> ids(std::string_view name_space);

 private:
  struct Row;
  Row find_row(std::string_view name_space, std::string_view id);
  Row insert_row(std::string_view name_space, uint64_t created_ms, uint64_t updated_ms);
  void apply(Row& row, const ConversationChange& change);
  void put_message(const Row& row, const Json& message);
  void remove_message(const Row& row, const std::string& id);
  void check_budgets(std::string_view name_space, Row& row);
  void save_row(const Row& row);
  std::string excerpt_of(int64_t key, const std::u32string& word);
  void forget_old_pages();

  std::mutex mutex_;
  ConversationLimits limits_;
  SqliteDatabase database_;
};

}  // namespace hadal
