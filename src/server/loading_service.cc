#include "server/loading_service.h"

#include <fmt/format.h>

#include <utility>

#include "server/api.h"
#include "server/request_json.h"
#include "server/secrets.h"
#include "server/web_assets.h"

namespace hadal {
namespace {

// What a person sees who opens the page too early: it asks again by itself, without a script.
constexpr const char* kPage = R"html(<!doctype html>
<html lang="{0}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="1">
<title>hadal</title>
<style nonce="{4}">
:root {{ background: #f6f5f1; color: #22303a; font: 16px/1.5 system-ui, sans-serif; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-content: center; justify-items: center; gap: .75rem; padding: 1rem; }}
h1 {{ margin: 0; font-size: 1.5rem; }}
p {{ margin: 0; text-align: center; }}
progress {{ width: min(20rem, 80vw); accent-color: #0b6e7f; }}
@media (prefers-color-scheme: dark) {{ :root {{ background: #0a1114; color: #dce6ea; }} progress {{ accent-color: #4fb3c4; }} }}
</style>
</head>
<body>
<h1>hadal</h1>
<p id="what">{1}</p>
<progress max="100" value="{2:.0f}" aria-labelledby="what">{2:.0f} %</progress>
<p>{3}</p>
</body>
</html>
)html";

bool is_for_a_person(const ApiRequest& request) {
  const std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
  return (request.method == "GET" || request.method == "HEAD") && find_web_asset(path) != nullptr &&
         request.header("accept").find("text/html") != std::string_view::npos;
}

void show_page(const ApiRequest& request, double progress, ApiAnswer& answer) {
  const bool turkish = request.header("accept-language").starts_with("tr");
  const std::string nonce = random_name(16);
  answer.content_type = "text/html; charset=utf-8";
  answer.body = fmt::format(
      kPage, turkish ? "tr" : "en", turkish ? "Model yükleniyor." : "The model is being loaded.",
      100 * progress, turkish ? "Sohbet kendiliğinden açılacak." : "The chat will open by itself.", nonce);
  answer.headers.emplace_back("Cache-Control", "no-store");
  answer.headers.emplace_back("Content-Security-Policy",
                              "default-src 'none'; style-src 'nonce-" + nonce +
                                  "'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
}

}  // namespace

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
  if (is_for_a_person(request)) show_page(request, progress, answer);
  return answer;
}

}  // namespace hadal
