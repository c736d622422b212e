// JsonLibrary: the rules of JSON itself, compiled once for a vocabulary. Grammars that speak of JSON begin
// with these rules and states, so that the masks inside strings, numbers and free values are computed once
// for all.
//
// Numbers have at most 100 digits before the point and behind it and an exponent of two digits, so that they
// are finite in every reader. Strings have escapes of every kind, but none that would leave half a surrogate
// pair. With `flexible`, blanks may stand between the tokens of JSON, not before or after the whole; without,
// none.
#pragma once

#include "text/grammar/masks.h"

namespace hadal::grammar {

struct JsonRules {
  static constexpr RuleId kString = 0, kInteger = 1, kNumber = 2, kObject = 3, kArray = 4;
  static constexpr size_t kCount = 5;
};
inline constexpr uint32_t kNumberDigits = 100;

// What the bodies of the library and the schemas are built from.
class JsonExprs {
 public:
  // Over a pool that begins with the library's rules; the bodies are the library's.
  JsonExprs(Exprs& exprs, bool flexible);
  static void add_rules(Exprs& exprs);

  ExprId blank() const { return blank_; }
  ExprId value() const { return value_; }
  ExprId boolean() const { return boolean_; }
  // {...} of members, each "key" : value, and [...] of items, with a comma where another one follows.
  ExprId member(ExprId key, ExprId value) const;
  ExprId item(ExprId value) const { return exprs_->sequence({value, blank_}); }
  ExprId comma() const;
  ExprId object(ExprId members) const;
  ExprId array(ExprId items) const;
  // One character of a JSON string, in its shortest spelling.
  ExprId character() const;
  ExprId digits(uint32_t min, uint32_t max) const;
  Exprs& exprs() const { return *exprs_; }

 private:
  Exprs* exprs_;
  ExprId blank_, boolean_, value_;
};

struct JsonLibrary {
  JsonLibrary(const GrammarVocabulary& vocabulary, bool flexible);

  Automata automata;
  MaskCache masks;
};

}  // namespace hadal::grammar
