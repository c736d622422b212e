#include "server/web_assets.h"

#include <algorithm>

#include "server/web_assets_data.h"

namespace hadal {
namespace {

constexpr std::string_view kOnceForAll = "/assets/";

std::string_view next_item(std::string_view& list) {
  const size_t comma = list.find(',');
  std::string_view item = list.substr(0, comma);
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
  while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
  return item;
}

// Weak comparison, as If-None-Match has it.
bool matches_etag(std::string_view list, std::string_view etag) {
  while (!list.empty()) {
    std::string_view item = next_item(list);
    if (item == "*") return true;
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == etag) return true;
  }
  return false;
}

// "gzip" unless with a weight of 0.
bool takes_gzip(std::string_view list) {
  while (!list.empty()) {
    const std::string_view item = next_item(list);
    if (item.substr(0, item.find_first_of("; ")) != "gzip") continue;
    const size_t weight = item.find("q=");
    return weight == std::string_view::npos ||
           item.substr(weight + 2).find_first_of("123456789") != std::string_view::npos;
  }
  return false;
}

}  // namespace

const WebAsset* find_web_asset(std::string_view path) {
  if (path == "/") path = "/index.html";
  const auto found = std::ranges::find(web_asset_table(), path, &WebAsset::path);
  return found == web_asset_table().end() ? nullptr : &*found;
}

WebAssetAnswer answer_web_asset(const WebAsset& asset, std::string_view accept_encoding,
                                std::string_view if_none_match) {
  WebAssetAnswer answer;
  const bool zipped = !asset.gzip.empty() && takes_gzip(accept_encoding);
  const bool constant = asset.path.starts_with(kOnceForAll);
  answer.headers = {
      {"ETag", std::string(asset.etag)},
      {"Cache-Control", constant ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Vary", "Accept-Encoding"},
      {"Content-Security-Policy", std::string(web_content_security_policy())},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
  };
  if (matches_etag(if_none_match, asset.etag)) {
    answer.status = 304;
    return answer;
  }
  answer.headers.emplace_back("Content-Type", std::string(asset.type));
  if (zipped) answer.headers.emplace_back("Content-Encoding", "gzip");
  answer.body = zipped ? asset.gzip : asset.bytes;
  return answer;
}

std::string_view web_content_security_policy() {
  return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
         "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
         "'none'";
}

}  // namespace hadal
