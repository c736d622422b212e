#include "text/grammar/schema_string.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/grammar/regex.h"

namespace hadal::grammar {
namespace {

uint32_t length_of(std::string_view text) {
  return static_cast<uint32_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

}  // namespace

void StringSet::narrow(const SchemaSource& source, const Json& schema) {
  if (const auto least = source.count(schema, "minLength")) min_ = std::max(min_, *least);
  if (const auto most = source.count(schema, "maxLength")) max_ = std::min(max_, *most);
  if (const std::string* const pattern = source.string(schema, "pattern")) {
    try {
      narrow(make_dfa(*exprs_, regex_search_expr(*pattern, *exprs_)));
    } catch (const Error& error) {
      source.refuse(schema, "pattern", error.what());
    }
  }
  if (const std::string* const format = source.string(schema, "format")) {
    const std::string_view pattern = format_pattern(*format);
    if (pattern.empty()) source.refuse(schema, "format", "the format " + *format + " is not supported");
    narrow(make_dfa(*exprs_, regex_expr(pattern, *exprs_)));
  }
}

void StringSet::narrow(Dfa by) { sets_.push_back(std::move(by)); }

bool StringSet::holds(std::string_view text) const {
  const uint32_t length = length_of(text);
  return length >= min_ && length <= max_ && is_valid_utf8(text) &&
         std::all_of(sets_.begin(), sets_.end(), [&](const Dfa& set) { return set.matches(text); });
}

Dfa StringSet::dfa() const {
  if (min_ > max_) return {};
  Exprs& e = *exprs_;
  std::optional<Dfa> all;
  for (const Dfa& set : sets_) all = all ? intersection(*all, set, e.work()) : set;
  if (!all || has_lengths()) {
    const Dfa lengths = make_dfa(e, e.repeat(e.any_character(), min_, max_));
    all = all ? intersection(*all, lengths, e.work()) : lengths;
  }
  return *all;
}

ExprId StringSet::expr(const JsonExprs& json) const {
  if (is_everything()) return exprs_->rule(JsonRules::kString);
  if (min_ > max_) return Exprs::kNothing;
  const ExprId text = sets_.empty() ? exprs_->counted(json.character(), min_, max_)
                                    : exprs_->automaton(std::make_shared<const Dfa>(dfa()), true);
  return exprs_->sequence({exprs_->bytes("\""), text, exprs_->bytes("\"")});
}

}  // namespace hadal::grammar
