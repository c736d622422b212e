// What a checkpoint holds, counted: parameters and bytes by part of the model and by element type.
//
// A parameter is one number of the model: two for each byte of packed FP4, none for quantisation scales and
// for the tables that route by token id. Active are those that a token meets: of the routed experts the
// chosen ones, the head, but not the embedding (one row is read) and nothing under mtp..
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <string_view>

#include "formats/checkpoint.h"
#include "tools/json_writer.h"
#include "tools/tensor_table.h"

namespace hadal {

enum class Part {
  kEmbedding,
  kAttention,
  kIndexers,
  kRouters,
  kExperts,
  kShared,
  kStreams,
  kHead,
  kMtp,
  kEngram,  // its tables
  kOther
};
inline constexpr size_t kParts = 11;
struct PartName {
  std::string_view text;
  std::string_view key;  // in JSON
};
PartName part_name(Part part);
Part part_of(std::string_view tensor_name, const ModelConfig& config);

struct PartSum {
  uint64_t parameters = 0;
  uint64_t active = 0;
  uint64_t bytes = 0;
};

struct ModelSummary {
  std::array<PartSum, kParts> parts;
  TensorSums dtypes;
  // Of the main model: all parts but MTP, Engram's tables and what is not known.
  PartSum main() const;
};
ModelSummary summarise(const Checkpoint& checkpoint);

// The sizes that a config states.
void print_config(const ModelConfig& config, std::ostream& out);
void list_config(const ModelConfig& config, JsonWriter& json);

}  // namespace hadal
