// The members of the family side by side: what kind of part each has where they differ. Everything that runs
// a model asks for the part, never for the member.
//
//   model_type    attention     residual      router            memory
//   deepseek_v3   MLA, all      plain         sigmoid, groups   -
//   deepseek_v32  MLA, indexer  plain         sigmoid, groups   -
//   deepseek_v4   compressed    mHC           sqrt-softplus     -
//   deepseek_v41  shared        carried mHC   sqrt-softplus     Engram
#pragma once

#include <string_view>

namespace hadal {

enum class AttentionKind {
  kMla,         // one latent row per token and layer, read through kv_b; with an indexer or all of them
  kCompressed,  // a window, and entries of 4 (indexed) or 128 tokens of the layer's own
  kShared,      // a window, and indexed entries of a layer that several layers share
};

enum class ResidualKind {
  kPlain,
  kMhc,         // four streams, mixed by coefficients of the same site
  kCarriedMhc,  // the same, but a site's input is mixed by the site before it
};

enum class RouterKind { kSqrtSoftplus, kSigmoidGroups };

struct Family {
  std::string_view model_type;
  std::string_view name;
  AttentionKind attention;
  ResidualKind residual;
  RouterKind router;
};

inline constexpr Family kFamilies[] = {
    {"deepseek_v3", "DeepSeek-V3", AttentionKind::kMla, ResidualKind::kPlain, RouterKind::kSigmoidGroups},
    {"deepseek_v32", "DeepSeek-V3.2", AttentionKind::kMla, ResidualKind::kPlain, RouterKind::kSigmoidGroups},
    {"deepseek_v4", "DeepSeek-V4", AttentionKind::kCompressed, ResidualKind::kMhc, RouterKind::kSqrtSoftplus},
    {"deepseek_v41", "DeepSeek-V4.1", AttentionKind::kShared, ResidualKind::kCarriedMhc,
     RouterKind::kSqrtSoftplus},
};
inline constexpr const Family& kV4 = kFamilies[2];

}  // namespace hadal
