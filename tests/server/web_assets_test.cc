// The embedded page: the files of web/dist, byte for byte, with the headers that keep it safe.
#include "server/web_assets.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "server/web_assets_data.h"

namespace hadal {
namespace {

const std::filesystem::path kDist = std::string(HADAL_SOURCE_DIR) + "/web/dist";

std::string gunzip(std::string_view zipped, size_t size) {
  std::string plain(size + 1, '\0');
  z_stream stream = {};
  inflateInit2(&stream, 16 + MAX_WBITS);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zipped.data()));
  stream.avail_in = static_cast<uInt>(zipped.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  plain.resize(stream.total_out);
  inflateEnd(&stream);
  return plain;
}

std::string header(const WebAssetAnswer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers)
    if (key == name) return value;
  return "";
}

TEST(WebAssets, AreTheFilesOfTheBundle) {
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kDist)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".gz") continue;
    ++files;
    const std::string path = "/" + std::filesystem::relative(entry.path(), kDist).string();
    const WebAsset* const asset = find_web_asset(path);
    ASSERT_NE(asset, nullptr) << path;
    EXPECT_EQ(asset->bytes, read_file(entry.path(), 1 << 24)) << path;
    if (!asset->gzip.empty()) {
      EXPECT_EQ(gunzip(asset->gzip, asset->bytes.size()), asset->bytes) << path;
    }
  }
  EXPECT_EQ(files, web_asset_table().size());
  EXPECT_GE(files, 4U);
}

TEST(WebAssets, HaveTypesAndOwnTags) {
  EXPECT_EQ(find_web_asset("/"), find_web_asset("/index.html"));
  EXPECT_EQ(find_web_asset("/")->type, "text/html; charset=utf-8");
  EXPECT_EQ(find_web_asset("/icon.svg")->type, "image/svg+xml");
  std::vector<std::string_view> tags;
  for (const WebAsset& asset : web_asset_table()) {
    if (asset.path.ends_with(".js")) {
      EXPECT_EQ(asset.type, "text/javascript; charset=utf-8");
    }
    tags.push_back(asset.etag);
  }
  std::ranges::sort(tags);
  EXPECT_EQ(std::ranges::adjacent_find(tags), tags.end());
}

TEST(WebAssets, AreFoundByTheirWholePathOnly) {
  for (const std::string_view path :
       {"", "index.html", "//index.html", "/../index.html", "/assets/", "/assets/../index.html",
        "/index.html.gz", "/%69ndex.html", "/INDEX.HTML", "/index.html?x"})
    EXPECT_EQ(find_web_asset(path), nullptr) << path;
}

TEST(WebAssets, AnswerAsTheBrowserAsks) {
  const WebAsset& page = *find_web_asset("/");
  const WebAssetAnswer plain = answer_web_asset(page, "", "");
  EXPECT_EQ(plain.status, 200);
  EXPECT_EQ(plain.body, page.bytes);
  EXPECT_EQ(header(plain, "Content-Encoding"), "");
  EXPECT_EQ(header(plain, "Cache-Control"), "no-cache");
  EXPECT_EQ(header(plain, "X-Frame-Options"), "DENY");
  for (const std::string_view encodings : {"gzip", "br, gzip;q=0.5", "deflate , gzip , zstd"}) {
    const WebAssetAnswer zipped = answer_web_asset(page, encodings, "");
    EXPECT_EQ(header(zipped, "Content-Encoding"), "gzip") << encodings;
    EXPECT_EQ(zipped.body, page.gzip);
  }
  for (const std::string_view encodings : {"br", "gzip;q=0", "gzip; q=0.000", "xgzip"})
    EXPECT_EQ(answer_web_asset(page, encodings, "").body, page.bytes) << encodings;
  const std::string tag(page.etag);
  for (const std::string& tags : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const WebAssetAnswer unchanged = answer_web_asset(page, "gzip", tags);
    EXPECT_EQ(unchanged.status, 304) << tags;
    EXPECT_TRUE(unchanged.body.empty());
    EXPECT_EQ(header(unchanged, "ETag"), tag);
  }
  EXPECT_EQ(answer_web_asset(page, "", "\"other\"").status, 200);
  const auto hashed = std::ranges::find_if(
      web_asset_table(), [](const WebAsset& asset) { return asset.path.starts_with("/assets/"); });
  EXPECT_EQ(header(answer_web_asset(*hashed, "", ""), "Cache-Control"),
            "public, max-age=31536000, immutable");
}

TEST(WebAssets, RunUnderAStrictPolicy) {
  const std::string_view policy = web_content_security_policy();
  EXPECT_EQ(policy.find("unsafe"), std::string_view::npos);
  EXPECT_NE(policy.find("default-src 'none'"), std::string_view::npos);
  EXPECT_EQ(find_web_asset("/")->bytes.find("<style"), std::string_view::npos);
  EXPECT_EQ(find_web_asset("/")->bytes.find("<script>"), std::string_view::npos);
}

}  // namespace
}  // namespace hadal
