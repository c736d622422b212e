#include "server/sqlite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/error.h"
#include "base/printable.h"

namespace hadal {
namespace {

int64_t pragma_value(const SqliteDatabase& database, std::string_view name) {
  SqliteStatement statement(database, fmt::format("PRAGMA {}", name));
  return statement.step() ? statement.integer(0) : 0;
}

bool has_tables(const SqliteDatabase& database) {
  SqliteStatement statement(database, "SELECT count(*) FROM sqlite_master");
  return statement.step() && statement.integer(0) > 0;
}

}  // namespace

SqliteDatabase::SqliteDatabase(const std::string& path, int32_t application_id, int32_t schema_version,
                               const char* schema) {
  // SQLite gives the files beside it (-wal, -shm) the mode of the database.
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  const int opened =
      sqlite3_open_v2(path.c_str(), &handle_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  try {
    check(opened);
    prepare_file(application_id, schema_version, schema);
  } catch (const Error& error) {
    sqlite3_close(handle_);
    fail(ErrorCode::kIo, "conversations in {}: {}; the file was left as it is: move it away or give another",
         in_quotes(path), error.what());
  }
}

void SqliteDatabase::prepare_file(int32_t application_id, int32_t schema_version, const char* schema) {
  check(sqlite3_extended_result_codes(handle_, 1));
  check(sqlite3_busy_timeout(handle_, 5000));
  // A database from elsewhere may not call functions or hide code in its schema.
  run("PRAGMA trusted_schema = OFF");
  // Read before the first write, so that a foreign file is not touched.
  const bool is_new = !has_tables(*this);
  if (!is_new && pragma_value(*this, "application_id") != application_id)
    fail(ErrorCode::kIo, "it is a database of another program");
  const int64_t version = pragma_value(*this, "user_version");
  if (!is_new && version != schema_version)
    fail(ErrorCode::kIo, "it has version {} of the format, this program reads version {}", version,
         schema_version);
  run("PRAGMA journal_mode = WAL");
  // Every commit is on the disk when it is acknowledged; deleted bytes are overwritten.
  run("PRAGMA synchronous = FULL");
  run("PRAGMA secure_delete = ON");
  run("PRAGMA foreign_keys = ON");
  if (!is_new) return;
  SqliteTransaction transaction(*this);
  // Another process may have been first.
  if (!has_tables(*this)) {
    run(schema);
    run(fmt::format("PRAGMA application_id = {}", application_id).c_str());
    run(fmt::format("PRAGMA user_version = {}", schema_version).c_str());
  }
  transaction.commit();
}

SqliteDatabase::~SqliteDatabase() { sqlite3_close_v2(handle_); }

void SqliteDatabase::check(int code) const {
  if (code == SQLITE_OK) return;
  fail(ErrorCode::kIo, "{}", handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_));
}

void SqliteDatabase::run(const char* sql) { check(sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr)); }

SqliteStatement::SqliteStatement(const SqliteDatabase& database, std::string_view sql) : database_(database) {
  database_.check(
      sqlite3_prepare_v2(database_.handle(), sql.data(), static_cast<int>(sql.size()), &statement_, nullptr));
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

SqliteStatement& SqliteStatement::bind(int parameter, int64_t value) {
  database_.check(sqlite3_bind_int64(statement_, parameter, value));
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, std::string_view text) {
  // A null pointer would be NULL, not an empty text.
  const char* const bytes = text.empty() ? "" : text.data();
  database_.check(sqlite3_bind_text64(statement_, parameter, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(int parameter, std::string_view bytes) {
  const char* const start = bytes.empty() ? "" : bytes.data();
  database_.check(sqlite3_bind_blob64(statement_, parameter, start, bytes.size(), SQLITE_STATIC));
  return *this;
}

bool SqliteStatement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  database_.check(code == SQLITE_DONE ? SQLITE_OK : code);
  return false;
}

void SqliteStatement::finish() {
  while (step()) {
  }
}

void SqliteStatement::reset() { sqlite3_reset(statement_); }

std::string SqliteStatement::text(int column) const {
  const auto* const bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<size_t>(size));
}

std::optional<std::string> SqliteStatement::optional_text(int column) const {
  if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
  return text(column);
}

SqliteTransaction::SqliteTransaction(SqliteDatabase& database) : database_(database) {
  database_.run("BEGIN IMMEDIATE");
}

SqliteTransaction::~SqliteTransaction() {
  // Some failures (a full disk) have rolled back already; a second time is harmless.
  if (open_) sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void SqliteTransaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace hadal
