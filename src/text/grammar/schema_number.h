// Numbers of a JSON Schema: exact decimal bounds, and the texts of the numbers within them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "text/grammar/json_library.h"
#include "text/grammar/schema_source.h"

namespace hadal::grammar {

struct Decimal {
  bool negative = false;
  std::string whole;     // no leading zeros; "0" for none
  std::string fraction;  // no trailing zeros

  bool is_whole() const { return fraction.empty(); }
};

// Nothing for what is no finite number, or has more than some hundred digits.
std::optional<Decimal> decimal_of(const Json& value);
// Below 0, 0, above 0.
int compare(const Decimal& a, const Decimal& b);

struct NumberRange {
  std::optional<Decimal> min, max;
  bool above_min = false, below_max = false;  // the bounds themselves are out
  std::vector<uint32_t> multiples_of;

  // Takes in the keywords of a schema.
  void narrow(const SchemaSource& source, const Json& schema);
  bool is_everything() const { return !min && !max && multiples_of.empty(); }
  // Whether the number is in, as far as bounds and divisors go.
  bool holds(const Decimal& number) const;
  // Whether no number can be in both.
  bool apart(const NumberRange& other) const;
};

ExprId number_expr(const NumberRange& range, bool integer, const JsonExprs& json);

}  // namespace hadal::grammar
