// Expressions: what every front end (regex, GBNF, JSON, JSON Schema) is turned into. An expression stands for
// a set of byte strings; rules give expressions names and make recursion possible.
//
// Expressions live in a pool, are never changed, and equal ones have one id, so that a part used twice is
// compiled once. They say nothing of tokens: a control token is a byte string of its own that no text can
// spell (token_bytes()).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/grammar/work.h"

namespace hadal::grammar {

struct Dfa;

using ExprId = uint32_t;
using RuleId = uint32_t;

struct CodePoints {
  uint32_t low, high;
  bool operator==(const CodePoints&) const = default;
};
inline constexpr uint32_t kLastCodePoint = 0x10FFFF;

// The code points that `ranges` leaves out. The result is sorted and disjoint.
std::vector<CodePoints> complement(std::vector<CodePoints> ranges);
// Sorted, disjoint, nothing adjacent.
std::vector<CodePoints> normalised(std::vector<CodePoints> ranges);

// The byte string that stands for a control token: 0xFF, which UTF-8 never has, and the id.
inline constexpr uint8_t kTokenLead = 0xFF;
std::string token_bytes(int32_t id);

enum class ExprKind : uint8_t {
  kNothing,     // the empty set
  kEmpty,       // the empty string
  kBytes,       // one string
  kCharacters,  // one character of a set, in UTF-8
  kSequence,
  kChoice,
  kRepeat,
  kRule,
  kAutomaton,  // a set computed elsewhere, as it is or as the inside of a JSON string
  kSpace,      // any number of JSON's blanks; the matcher can bound them
};

struct Expr {
  static constexpr uint32_t kUnbounded = UINT32_MAX;

  ExprKind kind;
  std::string bytes;                     // kBytes
  std::vector<CodePoints> characters{};  // kCharacters
  std::vector<ExprId> parts{};           // kSequence, kChoice, kRepeat (one)
  uint32_t min = 0, max = 0;             // kRepeat; kRule: the rule; kAutomaton: its number, max = escaped
};

struct Rule {
  std::string name;
  ExprId body = 0;
  bool defined = false;
  // Never copied into its callers, so that all grammars share what is computed for it.
  bool shared = false;
};

class Exprs {
 public:
  explicit Exprs(Work& work);

  static constexpr ExprId kNothing = 0;
  static constexpr ExprId kEmpty = 1;

  ExprId bytes(std::string_view text);
  ExprId characters(std::vector<CodePoints> ranges);
  ExprId any_character() { return characters({{0, kLastCodePoint}}); }
  ExprId sequence(const std::vector<ExprId>& parts);
  ExprId choice(const std::vector<ExprId>& parts);
  ExprId repeat(ExprId part, uint32_t min, uint32_t max);
  ExprId optional(ExprId part) { return choice({kEmpty, part}); }
  ExprId star(ExprId part) { return repeat(part, 0, Expr::kUnbounded); }
  ExprId token(int32_t id) { return bytes(token_bytes(id)); }
  ExprId space();
  // Between `min` and `max` of `part`, for any bounds: long runs become rules.
  ExprId counted(ExprId part, uint32_t min, uint32_t max);
  // With `escaped`, each string of the automaton as it stands between the quotes of a JSON string, every
  // character in its shortest spelling.
  ExprId automaton(std::shared_ptr<const Dfa> dfa, bool escaped);

  RuleId add_rule(std::string name, bool shared = false);
  void set_rule(RuleId rule, ExprId body);
  ExprId rule(RuleId rule);

  const Expr& operator[](ExprId id) const { return exprs_[id]; }
  const std::vector<Rule>& rules() const { return rules_; }
  const Dfa& dfa(uint32_t number) const { return *dfas_[number]; }
  Work& work() const { return *work_; }

 private:
  ExprId add(Expr expr);

  Work* work_;
  std::vector<Expr> exprs_;
  std::unordered_map<std::string, ExprId> known_;
  std::string key_;  // of the expression that add() looks at
  std::vector<Rule> rules_;
  std::vector<std::shared_ptr<const Dfa>> dfas_;
};

}  // namespace hadal::grammar
