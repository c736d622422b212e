// What `hadal serve` is told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "server/http_server.h"
#include "server/request_readers.h"
#include "tools/loaded_model.h"

namespace hadal {

struct ServeOptions {
  ModelOptions model;
  int64_t slots = 4;
  int64_t cache_mib = 1024;
  std::string cache_dir;
  int64_t disk_cache_mib = 16384;
  int64_t disk_writes_mib = 32768;
  std::string scripted;
  std::string family;
  std::string literals;
  Dialect dialect = Dialect::kDefault;
  std::vector<std::string> aliases;
  std::vector<std::string> keys;
  std::string key_file;
  std::vector<std::string> hosts;
  std::string chats;
  bool without_chats = false;
  bool without_keys = false;
  int64_t deadline_seconds = 0;  // 0: none
  int64_t queue_seconds = 0;     // 0: any number
  int64_t drain_seconds = 30;
  HttpOptions http;
};

inline bool is_loopback(const std::string& address) {
  return address == "::1" || address.starts_with("127.");
}

}  // namespace hadal
