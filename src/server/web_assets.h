// The web page's files, as they lie in web/dist, inside the program: the build embeds them, no Node needed.
//
// Everything here is constant and lives as long as the program. Files under assets/ have a hash in their name
// and never change; the rest is asked for again with its ETag.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hadal {

struct WebAsset {
  std::string_view path;  // as in a URL: "/index.html"
  std::string_view type;
  std::string_view bytes;
  std::string_view gzip;  // the same, compressed; empty where that saves nothing
  std::string_view etag;  // with its quotes
};

// "/" is "/index.html". Null when there is no such file; the path is compared whole, so ".." finds nothing.
const WebAsset* find_web_asset(std::string_view path);

struct WebAssetAnswer {
  int status = 200;                                               // or 304
  std::vector<std::pair<std::string_view, std::string>> headers;  // without Content-Length and Date
  std::string_view body;
};

// How a GET for the file is answered; both texts are the request's header of that name, empty when absent.
WebAssetAnswer answer_web_asset(const WebAsset& asset, std::string_view accept_encoding,
                                std::string_view if_none_match);

// The page may load from its own server only, runs no inline scripts and stands in nobody's frame.
std::string_view web_content_security_policy();

}  // namespace hadal
