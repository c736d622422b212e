#include "server/conversations.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "base/printable.h"
#include "base/utf8.h"
#include "server/request_error.h"
#include "server/request_json.h"
#include "server/search_text.h"

namespace hadal {
namespace {

constexpr int32_t kApplicationId = 0x6864616C;  // "hdal"
constexpr int32_t kSchemaVersion = 1;
constexpr size_t kMaxIdBytes = 64;

constexpr const char* kSchema = R"(
CREATE TABLE conversations(
  key INTEGER PRIMARY KEY, namespace TEXT NOT NULL, id TEXT NOT NULL, title TEXT NOT NULL,
  version INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
  current TEXT, settings BLOB NOT NULL, bytes INTEGER NOT NULL, UNIQUE(namespace, id)) STRICT;
CREATE INDEX conversations_by_time ON conversations(namespace, updated_ms);
CREATE TABLE messages(
  key INTEGER PRIMARY KEY, conversation INTEGER NOT NULL REFERENCES conversations(key) ON DELETE CASCADE,
  id TEXT NOT NULL, parent TEXT, body BLOB NOT NULL, text TEXT NOT NULL, UNIQUE(conversation, id)) STRICT;
CREATE INDEX messages_by_parent ON messages(conversation, parent);
)";

constexpr std::string_view kSummaryColumns =
    "c.id, c.title, c.version, c.created_ms, c.updated_ms,"
    " (SELECT count(*) FROM messages m WHERE m.conversation = c.key)";

uint64_t now_ms() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

// 128 random bits, so that nobody guesses one.
std::string new_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

bool is_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !id.empty() && id.size() <= kMaxIdBytes && std::ranges::all_of(id, allowed);
}

void check_id(const std::string& id, const std::string& place) {
  if (!is_id(id))
    refuse(place, "{} is no id: 1 to {} letters, digits, - or _", in_quotes(id.substr(0, 80)), kMaxIdBytes);
}

void check_title(const std::string& title, uint64_t limit) {
  if (title.size() > limit)
    throw RequestError(413, fmt::format("title: {} bytes, at most {} may be", title.size(), limit), "title");
  if (std::ranges::any_of(title, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; }))
    refuse("title", "control characters are not allowed");
}

// What a search looks through.
std::string searchable_text(const RequestObject& message) {
  std::string text;
  for (const std::string_view key : {"content", "reasoning"})
    if (const std::string* const part = message.text(key)) text += *part + "\n";
  std::erase(text, '\0');
  return text;
}

ConversationSummary read_summary(const SqliteStatement& row) {
  ConversationSummary summary;
  summary.id = row.text(0);
  summary.title = row.text(1);
  summary.version = static_cast<uint64_t>(row.integer(2));
  summary.created_ms = static_cast<uint64_t>(row.integer(3));
  summary.updated_ms = static_cast<uint64_t>(row.integer(4));
  summary.messages = static_cast<uint64_t>(row.integer(5));
  return summary;
}

// What was stored by us reads back, or the file is damaged.
Json stored_json(const std::string& text) {
  std::optional<Json> value = parse_json(text);
  if (!value) fail(ErrorCode::kIo, "a stored conversation is damaged: its JSON does not read back");
  return *std::move(value);
}

// contains(text, word): the folded word comes as UTF-8.
void contains_function(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto view = [](sqlite3_value* value) {
    const auto* const bytes = static_cast<const char*>(sqlite3_value_blob(value));
    return std::string_view(bytes == nullptr ? "" : bytes,
                            bytes == nullptr ? 0 : static_cast<size_t>(sqlite3_value_bytes(value)));
  };
  sqlite3_result_int(context, contains_folded(view(arguments[0]), decode_utf8(view(arguments[1]))) ? 1 : 0);
}

std::string to_utf8(const std::u32string& text) {
  std::string utf8;
  for (const char32_t c : text) append_utf8(c, utf8);
  return utf8;
}

}  // namespace

// The row of table conversations while it is changed.
struct ConversationStore::Row {
  int64_t key = 0;
  ConversationSummary summary;
  std::optional<std::string> current;
  std::string settings = "{}";
};

ConversationStore::ConversationStore(const std::string& path, const ConversationLimits& limits)
    : limits_(limits), database_(path, kApplicationId, kSchemaVersion, kSchema) {
  database_.check(sqlite3_create_function_v2(database_.handle(), "contains", 2,
                                             SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr,
                                             contains_function, nullptr, nullptr, nullptr));
}

std::vector<ConversationSummary> ConversationStore::list(std::string_view name_space, std::string_view search,
                                                         uint64_t limit, uint64_t offset) {
  const std::vector<std::u32string> words = search_words(search);
  if (words.size() > limits_.search_words)
    refuse("search", "{} words, at most {} may be", words.size(), limits_.search_words);
  std::string sql =
      fmt::format("SELECT {}, c.key FROM conversations c WHERE c.namespace = ?1", kSummaryColumns);
  for (size_t i = 0; i < words.size(); ++i)
    sql += fmt::format(
        " AND (contains(c.title, ?{0}) OR EXISTS("
        "SELECT 1 FROM messages m WHERE m.conversation = c.key AND contains(m.text, ?{0})))",
        i + 4);
  sql += " ORDER BY c.updated_ms DESC, c.key DESC LIMIT ?2 OFFSET ?3";

  const std::scoped_lock lock(mutex_);
  SqliteStatement rows(database_, sql);
  rows.bind(1, name_space).bind(2, static_cast<int64_t>(limit)).bind(3, static_cast<int64_t>(offset));
  std::vector<std::string> texts;
  texts.reserve(words.size());
  for (const std::u32string& word : words) texts.push_back(to_utf8(word));
  for (size_t i = 0; i < texts.size(); ++i) rows.bind(static_cast<int>(i) + 4, std::string_view(texts[i]));
  std::vector<ConversationSummary> found;
  while (rows.step()) {
    found.push_back(read_summary(rows));
    if (!words.empty()) found.back().excerpt = excerpt_of(rows.integer(6), words[0]);
  }
  return found;
}

std::string ConversationStore::excerpt_of(int64_t key, const std::u32string& word) {
  SqliteStatement row(
      database_,
      "SELECT text FROM messages WHERE conversation = ? AND contains(text, ?) ORDER BY key LIMIT 1");
  const std::string text = to_utf8(word);
  row.bind(1, key).bind(2, std::string_view(text));
  return row.step() ? excerpt_around(row.text(0), word) : "";
}

StoredConversation ConversationStore::get(std::string_view name_space, std::string_view id) {
  const std::scoped_lock lock(mutex_);
  Row row = find_row(name_space, id);
  StoredConversation conversation{
      std::move(row.summary), std::move(row.current), stored_json(row.settings), {}};
  SqliteStatement messages(database_, "SELECT body FROM messages WHERE conversation = ? ORDER BY key");
  messages.bind(1, row.key);
  while (messages.step()) conversation.messages.push_back(stored_json(messages.text(0)));
  return conversation;
}

std::vector<std::string> ConversationStore::ids(std::string_view name_space) {
  const std::scoped_lock lock(mutex_);
  SqliteStatement rows(database_,
                       "SELECT id FROM conversations WHERE namespace = ? ORDER BY created_ms, key");
  rows.bind(1, name_space);
  std::vector<std::string> found;
  while (rows.step()) found.push_back(rows.text(0));
  return found;
}

ConversationSummary ConversationStore::create(std::string_view name_space,
                                              const ConversationChange& content) {
  const std::scoped_lock lock(mutex_);
  SqliteTransaction transaction(database_);
  const uint64_t now = now_ms();
  Row row = insert_row(name_space, now, now);
  apply(row, content);
  check_budgets(name_space, row);
  transaction.commit();
  return row.summary;
}

ConversationSummary ConversationStore::change(std::string_view name_space, std::string_view id,
                                              uint64_t version, const ConversationChange& change) {
  const std::scoped_lock lock(mutex_);
  SqliteTransaction transaction(database_);
  Row row = find_row(name_space, id);
  if (row.summary.version != version)
    throw RequestError(409,
                       fmt::format("version: the change was made from version {}, but the conversation has "
                                   "version {}: read it again and repeat the change",
                                   version, row.summary.version),
                       "version", "version_conflict");
  row.summary.updated_ms = now_ms();
  ++row.summary.version;
  apply(row, change);
  check_budgets(name_space, row);
  transaction.commit();
  if (!change.removed.empty()) forget_old_pages();
  return row.summary;
}

void ConversationStore::erase(std::string_view name_space, std::string_view id) {
  const std::scoped_lock lock(mutex_);
  SqliteTransaction transaction(database_);
  const Row row = find_row(name_space, id);
  SqliteStatement remove(database_, "DELETE FROM conversations WHERE key = ?");
  remove.bind(1, row.key).finish();
  transaction.commit();
  forget_old_pages();
}

std::vector<ConversationSummary> ConversationStore::import(
    std::string_view name_space, const std::vector<StoredConversation>& conversations) {
  const std::scoped_lock lock(mutex_);
  SqliteTransaction transaction(database_);
  std::vector<ConversationSummary> created;
  for (const StoredConversation& conversation : conversations) {
    const ConversationSummary& summary = conversation.summary;
    Row row = insert_row(name_space, summary.created_ms, summary.updated_ms);
    apply(row, {summary.title, conversation.settings, conversation.current, conversation.messages, {}});
    check_budgets(name_space, row);
    created.push_back(row.summary);
  }
  transaction.commit();
  return created;
}

ConversationStore::Row ConversationStore::find_row(std::string_view name_space, std::string_view id) {
  SqliteStatement found(database_, fmt::format("SELECT {}, c.key, c.current, c.settings FROM conversations c"
                                               " WHERE c.namespace = ? AND c.id = ?",
                                               kSummaryColumns));
  found.bind(1, name_space).bind(2, id);
  if (!found.step())
    throw RequestError(404, fmt::format("there is no conversation {}", in_quotes(id.substr(0, 80))), "id",
                       "not_found");
  return {found.integer(6), read_summary(found), found.optional_text(7), found.text(8)};
}

ConversationStore::Row ConversationStore::insert_row(std::string_view name_space, uint64_t created_ms,
                                                     uint64_t updated_ms) {
  Row row;
  row.summary.id = new_id();
  row.summary.version = 1;
  row.summary.created_ms = created_ms;
  row.summary.updated_ms = updated_ms;
  SqliteStatement insert(database_,
                         "INSERT INTO conversations(namespace, id, title, version, created_ms, updated_ms,"
                         " settings, bytes) VALUES(?, ?, '', 1, ?, ?, x'', 0)");
  insert.bind(1, name_space).bind(2, std::string_view(row.summary.id));
  insert.bind(3, static_cast<int64_t>(created_ms)).bind(4, static_cast<int64_t>(updated_ms)).finish();
  row.key = database_.last_key();
  return row;
}

void ConversationStore::apply(Row& row, const ConversationChange& change) {
  if (change.title) {
    check_title(*change.title, limits_.title_bytes);
    row.summary.title = *change.title;
  }
  if (change.settings) {
    const RequestObject settings(*change.settings, "settings");  // refuses what is no object
    row.settings = dump_json(settings.json());
    if (row.settings.size() > limits_.settings_bytes)
      throw RequestError(
          413,
          fmt::format("settings: {} bytes, at most {} may be", row.settings.size(), limits_.settings_bytes),
          "settings");
  }
  for (const Json& message : change.messages) put_message(row, message);
  for (const std::string& id : change.removed) remove_message(row, id);
  if (change.current) row.current = change.current;
  if (!row.current) return save_row(row);
  SqliteStatement leaf(database_, "SELECT 1 FROM messages WHERE conversation = ? AND id = ?");
  if (!leaf.bind(1, row.key).bind(2, std::string_view(*row.current)).step()) {
    if (change.current) refuse("current", "there is no message {}", in_quotes(row.current->substr(0, 80)));
    row.current = std::nullopt;  // it was removed
  }
  save_row(row);
}

void ConversationStore::put_message(const Row& row, const Json& json) {
  const RequestObject message(json, "messages");
  const std::string& id = message.need_text("id");
  check_id(id, "messages.id");
  const std::string place = fmt::format("messages[{}]", id);
  const std::string* const parent = message.text("parent");
  message.need_choice("role", {"user", "assistant", "tool", "system"});
  const std::string body = dump_json(json);
  if (body.size() > limits_.message_bytes)
    throw RequestError(
        413, fmt::format("{}: {} bytes, at most {} may be", place, body.size(), limits_.message_bytes),
        place);
  const std::string text = searchable_text(message);

  SqliteStatement known(database_, "SELECT parent FROM messages WHERE conversation = ? AND id = ?");
  if (known.bind(1, row.key).bind(2, std::string_view(id)).step()) {
    if (known.optional_text(0) != (parent == nullptr ? std::nullopt : std::optional(*parent)))
      refuse(place + ".parent", "the parent of a message does not change");
    SqliteStatement update(database_,
                           "UPDATE messages SET body = ?, text = ? WHERE conversation = ? AND id = ?");
    update.bind_blob(1, body).bind(2, std::string_view(text)).bind(3, row.key);
    return update.bind(4, std::string_view(id)).finish();
  }
  known.reset();
  if (parent != nullptr && !known.bind(1, row.key).bind(2, std::string_view(*parent)).step())
    refuse(place + ".parent", "there is no message {} before it", in_quotes(parent->substr(0, 80)));
  SqliteStatement insert(database_,
                         "INSERT INTO messages(conversation, id, parent, body, text) VALUES(?, ?, ?, ?, ?)");
  insert.bind(1, row.key).bind(2, std::string_view(id));
  if (parent != nullptr) insert.bind(3, std::string_view(*parent));
  insert.bind_blob(4, body).bind(5, std::string_view(text)).finish();
}

void ConversationStore::remove_message(const Row& row, const std::string& id) {
  SqliteStatement remove(database_, R"(
WITH RECURSIVE below(id) AS (
  VALUES(?2) UNION SELECT m.id FROM messages m JOIN below b ON m.parent = b.id WHERE m.conversation = ?1)
DELETE FROM messages WHERE conversation = ?1 AND id IN below)");
  remove.bind(1, row.key).bind(2, std::string_view(id)).finish();
  if (database_.changes() == 0) refuse("removed", "there is no message {}", in_quotes(id.substr(0, 80)));
}

void ConversationStore::save_row(const Row& row) {
  SqliteStatement update(database_, R"(
UPDATE conversations SET title = ?1, version = ?2, updated_ms = ?3, current = ?4, settings = ?5,
  bytes = length(?5) + (SELECT coalesce(sum(length(body)), 0) FROM messages WHERE conversation = ?6)
WHERE key = ?6)");
  update.bind(1, std::string_view(row.summary.title)).bind(2, static_cast<int64_t>(row.summary.version));
  update.bind(3, static_cast<int64_t>(row.summary.updated_ms));
  if (row.current) update.bind(4, std::string_view(*row.current));
  update.bind_blob(5, row.settings).bind(6, row.key).finish();
}

void ConversationStore::check_budgets(std::string_view name_space, Row& row) {
  SqliteStatement own(database_, R"(
SELECT (SELECT count(*) FROM messages WHERE conversation = ?1), bytes FROM conversations WHERE key = ?1)");
  own.bind(1, row.key).step();
  row.summary.messages = static_cast<uint64_t>(own.integer(0));
  SqliteStatement all(database_, "SELECT count(*), sum(bytes) FROM conversations WHERE namespace = ?");
  all.bind(1, name_space).step();
  const auto hold = [](int64_t value, uint64_t limit, std::string_view what) {
    if (static_cast<uint64_t>(value) > limit)
      throw RequestError(
          413, fmt::format("{} would be {}, at most {} may be: delete some first", what, value, limit), "",
          "too_large");
  };
  hold(own.integer(0), limits_.messages, "the messages of this conversation");
  hold(own.integer(1), limits_.conversation_bytes, "the bytes of this conversation");
  hold(all.integer(0), limits_.conversations, "your conversations");
  hold(all.integer(1), limits_.namespace_bytes, "the bytes of your conversations");
}

// The write-ahead log still holds the pages with deleted text until it is cut.
void ConversationStore::forget_old_pages() { database_.run("PRAGMA wal_checkpoint(TRUNCATE)"); }

}  // namespace hadal
