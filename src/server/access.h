// Who may ask: the names under which this server may be called, the pages that may call it, and keys.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/secrets.h"
#include "server/service.h"

namespace hadal {

class Access {
 public:
  Access(const std::vector<std::string>& keys, std::vector<std::string> hosts);
  void set_keys(const std::vector<std::string>& keys) { keys_ = KeyRing(keys); }

  // The answer to who may not; nothing: go on.
  std::unique_ptr<ApiAnswer> check(const ApiRequest& request) const;
  // A name for the request's key, to keep users apart; empty without keys.
  std::string key_name(const ApiRequest& request) const;

 private:
  bool is_known_host(std::string_view authority) const;
  bool is_known_origin(const ApiRequest& request) const;

  KeyRing keys_;
  std::vector<std::string> hosts_;
};

}  // namespace hadal
