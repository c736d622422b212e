// Where the shared golden cases are: the folder named by HADAL_SHARED, or `shared` beside the checkout.
// A test that needs them calls HADAL_NEED_SHARED() first, which skips with a loud reason where they are
// missing.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace hadal {

inline std::string shared_path(const std::string& below) {
  const char* const named = std::getenv("HADAL_SHARED");
  const std::string root = named != nullptr ? named : std::string(HADAL_SOURCE_DIR) + "/../shared";
  return root + "/" + below;
}

#define HADAL_NEED_SHARED(below)                             \
  if (!std::filesystem::exists(::hadal::shared_path(below))) \
  GTEST_SKIP() << "SKIP: no " << ::hadal::shared_path(below) << "; set HADAL_SHARED to the golden cases"

}  // namespace hadal
