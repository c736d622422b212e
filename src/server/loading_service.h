// What is answered while the model is being loaded: 503, with how far that is. /health and /ready say so to
// everybody, and browsers that want the page get one that waits; all else to those who may ask.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/access.h"

namespace hadal {

class LoadingService final : public HttpService {
 public:
  // `progress`: from 0 to 1, as far as is known; called from the server's thread.
  LoadingService(const std::vector<std::string>& keys, const std::vector<std::string>& hosts,
                 std::function<double()> progress);

  std::unique_ptr<ApiAnswer> check_head(const ApiRequest& request) const override;
  ApiAnswer handle(const ApiRequest& request) override;
  void set_draining() override {}
  void set_keys(const std::vector<std::string>& keys) override { access_.set_keys(keys); }
  void count(const ServedReply&) override {}

 private:
  Access access_;
  std::function<double()> progress_;
};

}  // namespace hadal
