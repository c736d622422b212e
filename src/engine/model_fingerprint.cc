#include "engine/model_fingerprint.h"

#include <fmt/format.h>

#include "base/sha256.h"
#include "formats/checkpoint_fingerprint.h"

namespace hadal {
namespace {

// Changes when the same tokens give other bits, or the same state other bytes.
constexpr int kStateVersion = 1;

}  // namespace

std::string model_fingerprint(const Model& model, Numerics numerics, std::string_view adapter) {
  const Checkpoint& checkpoint = model.checkpoint();
  return sha256_hex(fmt::format("{} {} {} {}\n", kStateVersion, static_cast<int>(numerics),
                                checkpoint_fingerprint(checkpoint), adapter) +
                    read_file(checkpoint.dir() + "/config.json", uint64_t{1} << 26));
}

}  // namespace hadal
