// SchemaSource: the document of a JSON Schema, its places and references.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "text/grammar/work.h"

namespace hadal::grammar {

// One schema of those that must hold together, and which of its choices are made already.
struct SchemaPart {
  const Json* schema;
  bool any_of_taken = false, one_of_taken = false;

  auto operator<=>(const SchemaPart&) const = default;
};
// Distinct schemas that are objects, in the order in which they were met; all must hold.
using SchemaParts = std::vector<SchemaPart>;

class SchemaSource {
 public:
  SchemaSource(std::string_view text, Work& work);

  const Json& root() const { return root_; }
  // "#/properties/a" for a value of the document.
  std::string place(const Json& value) const;
  [[noreturn]] void refuse(const Json& schema, std::string_view keyword, std::string_view why) const;

  // `parts` with everything that $ref and allOf bring in; nothing when one of them is the schema false. The
  // first `expanded` parts are the outcome of an earlier call.
  std::optional<SchemaParts> expand(const SchemaParts& parts, size_t expanded = 0);
  std::optional<SchemaParts> expand(const Json& schema) { return expand(SchemaParts{{&schema}}); }

  // Values of keywords, checked; nothing where the keyword is not there.
  std::optional<uint32_t> count(const Json& schema, std::string_view keyword) const;
  const std::string* string(const Json& schema, std::string_view keyword) const;
  const JsonArray* array(const Json& schema, std::string_view keyword) const;
  const JsonObject* object(const Json& schema, std::string_view keyword) const;

  Work& work() const { return *work_; }

 private:
  struct Parent {
    const Json* value;
    std::string key;
  };

  void note_places(const Json& value);
  void check_keywords(const Json& schema);
  bool add(SchemaPart part, SchemaParts& parts, std::vector<const Json*>& path);
  const Json& resolve(const Json& schema, const std::string& reference) const;

  Work* work_;
  Json root_;
  std::unordered_map<const Json*, Parent> parents_;
  std::set<const Json*> checked_;
};

}  // namespace hadal::grammar
