#include "server/access.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "server/api.h"
#include "server/web_assets.h"

namespace hadal {
namespace {

constexpr std::string_view kOwnHosts[] = {"localhost", "127.0.0.1", "[::1]"};
constexpr std::string_view kBearer = "bearer ";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// A host without its port.
std::string host_of(std::string_view authority) {
  const size_t bracket = authority.find(']');
  const size_t colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return lower(authority.substr(0, colon));
}

std::string_view key_of(const ApiRequest& request) {
  std::string_view authorization = request.header("authorization");
  if (lower(authorization.substr(0, kBearer.size())) == kBearer) return authorization.substr(kBearer.size());
  return request.header("x-api-key");
}

// For probes, which have no key, and for browsers, which have none before they have the page.
bool is_open(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  return path == "/health" || path == "/healthz" || path == "/v1/health" || path == "/ready" ||
         find_web_asset(path) != nullptr;
}

std::unique_ptr<ApiAnswer> refused(const ApiRequest& request, int status, const std::string& message) {
  return std::make_unique<ApiAnswer>(Api::error_answer(request.target, status, message));
}

}  // namespace

Access::Access(const std::vector<std::string>& keys, std::vector<std::string> hosts)
    : keys_(keys), hosts_(std::move(hosts)) {
  for (std::string& host : hosts_) host = lower(host);
}

bool Access::is_known_host(std::string_view authority) const {
  const std::string host = host_of(authority);
  return std::ranges::find(kOwnHosts, host) != std::end(kOwnHosts) ||
         std::ranges::find(hosts_, host) != hosts_.end() || std::ranges::find(hosts_, "*") != hosts_.end();
}

// A page of this server, or of a host that was named when it was started.
bool Access::is_known_origin(const ApiRequest& request) const {
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return request.header("sec-fetch-site") != "cross-site";
  const size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string authority = lower(origin.substr(scheme + 3));
  return authority == lower(request.header("host")) ||
         std::ranges::find(hosts_, host_of(authority)) != hosts_.end();
}

std::unique_ptr<ApiAnswer> Access::check(const ApiRequest& request) const {
  const std::string_view host = request.header("host");
  if (host.empty()) return refused(request, 400, "the header Host is missing");
  // A page of a stranger may point a name of its own at this machine; it may not be answered.
  if (!is_known_host(host))
    return refused(request, 403, "this server does not answer under that host name; see --allow-host");
  if (!is_known_origin(request))
    return refused(request, 403, "pages of that origin may not call this server; see --allow-host");
  if (keys_.empty() || is_open(request.target)) return nullptr;
  if (!keys_.find(key_of(request)).empty()) return nullptr;
  std::unique_ptr<ApiAnswer> answer =
      refused(request, 401, "a valid API key is needed: Authorization: Bearer KEY");
  answer->headers.emplace_back("WWW-Authenticate", "Bearer");
  return answer;
}

std::string Access::key_name(const ApiRequest& request) const {
  return keys_.empty() ? "" : keys_.find(key_of(request));
}

}  // namespace hadal
