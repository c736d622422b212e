#include "server/loading_service.h"

#include <fmt/format.h>

#include <utility>

#include "server/api.h"
#include "server/request_json.h"

namespace hadal {

LoadingService::LoadingService(const std::vector<std::string>& keys, const std::vector<std::string>& hosts,
                               std::function<double()> progress)
    : access_(keys, hosts), progress_(std::move(progress)) {}

std::unique_ptr<ApiAnswer> LoadingService::check_head(const ApiRequest& request) const {
  return access_.check(request);
}

ApiAnswer LoadingService::handle(const ApiRequest& request) {
  const double progress = progress_();
  ApiAnswer answer = Api::error_answer(request.target, 503,
                                       fmt::format("the model is being loaded: {:.0f} %", 100 * progress));
  JsonObject body = *parse_request_json(answer.body).object();
  body.set("status", "loading");
  body.set("progress", progress);
  answer.body = dump_json(body);
  answer.headers.emplace_back("Retry-After", "1");
  return answer;
}

}  // namespace hadal
