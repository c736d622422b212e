// The table that cmake/embed_web.cmake writes from web/dist.
#pragma once

#include <span>

#include "server/web_assets.h"

namespace hadal {

std::span<const WebAsset> web_asset_table();

}  // namespace hadal
