// SQLite in a few calls: one connection, statements that are prepared once, transactions that roll back.
//
// Not thread-safe: its owner holds a lock. A failure of SQLite is Error(kIo) with what SQLite says; the path
// of the file stands in errors of opening only, as later ones may be shown to a client.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hadal {

class SqliteStatement;

class SqliteDatabase {
 public:
  // Opens or creates the file, readable by its owner only. A file that is no database of `application_id`
  // (once it has any content) or of a later `schema_version` is refused and stays as it is.
  SqliteDatabase(const std::string& path, int32_t application_id, int32_t schema_version, const char* schema);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  void run(const char* sql);
  sqlite3* handle() const { return handle_; }
  int64_t last_key() const { return sqlite3_last_insert_rowid(handle_); }
  int64_t changes() const { return sqlite3_changes64(handle_); }

  // Throws with SQLite's words unless `code` is SQLITE_OK.
  void check(int code) const;

 private:
  void prepare_file(int32_t application_id, int32_t schema_version, const char* schema);

  sqlite3* handle_ = nullptr;
};

// A prepared statement; parameters count from 1 (those not bound are NULL), columns from 0. Texts are bound
// as they are and must live until the last step().
class SqliteStatement {
 public:
  SqliteStatement(const SqliteDatabase& database, std::string_view sql);
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  SqliteStatement& bind(int parameter, int64_t value);
  SqliteStatement& bind(int parameter, std::string_view text);
  SqliteStatement& bind_blob(int parameter, std::string_view bytes);

  bool step();    // true: there is a row
  void finish();  // runs it for its effect
  void reset();   // ready for other values

  int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const;  // of a text or a blob
  std::optional<std::string> optional_text(int column) const;

 private:
  const SqliteDatabase& database_;
  sqlite3_stmt* statement_ = nullptr;
};

// Undone when it goes out of scope before commit().
class SqliteTransaction {
 public:
  explicit SqliteTransaction(SqliteDatabase& database);
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  void commit();

 private:
  SqliteDatabase& database_;
  bool open_ = true;
};

}  // namespace hadal
