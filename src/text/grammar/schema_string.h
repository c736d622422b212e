// Strings of a JSON Schema: lengths (in characters), patterns and formats, as sets of plain strings.
//
// Formats: date, time, date-time, duration, email, hostname, ipv4, ipv6, uuid, uri. What is produced is valid
// in the strict sense of their RFCs, but not everything that they allow is produced (no quoted mailbox names,
// no leap seconds).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/dfa.h"
#include "text/grammar/json_library.h"
#include "text/grammar/schema_source.h"

namespace hadal::grammar {

// The pattern of a format; empty if there is none.
std::string_view format_pattern(std::string_view format);

class StringSet {
 public:
  explicit StringSet(Exprs& exprs) : exprs_(&exprs) {}

  // Takes in the keywords of a schema.
  void narrow(const SchemaSource& source, const Json& schema);
  void narrow(Dfa by);
  bool is_everything() const { return !has_lengths() && sets_.empty(); }
  bool holds(std::string_view text) const;
  // All conditions as one set of strings.
  Dfa dfa() const;
  // A JSON string with such a text.
  ExprId expr(const JsonExprs& json) const;

 private:
  bool has_lengths() const { return min_ > 0 || max_ != Expr::kUnbounded; }

  Exprs* exprs_;
  uint32_t min_ = 0, max_ = Expr::kUnbounded;
  std::vector<Dfa> sets_;
};

}  // namespace hadal::grammar
