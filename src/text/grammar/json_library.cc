#include "text/grammar/json_library.h"

namespace hadal::grammar {
namespace {

ExprId string_body(Exprs& e) {
  const ExprId hex = e.characters({{'0', '9'}, {'a', 'f'}, {'A', 'F'}});
  const auto d = e.characters({{'d', 'd'}, {'D', 'D'}});
  const ExprId not_d = e.characters({{'0', '9'}, {'a', 'c'}, {'e', 'f'}, {'A', 'C'}, {'E', 'F'}});
  const ExprId below_8 = e.characters({{'0', '7'}});
  const ExprId high = e.characters({{'8', '9'}, {'a', 'b'}, {'A', 'B'}});
  const ExprId low = e.characters({{'c', 'f'}, {'C', 'F'}});
  const ExprId pair = e.sequence({d, high, hex, hex, e.bytes("\\u"), d, low, hex, hex});
  const ExprId unicode =
      e.sequence({e.bytes("u"),
                  e.choice({e.sequence({not_d, hex, hex, hex}), e.sequence({d, below_8, hex, hex}), pair})});
  const ExprId named = e.characters(
      {{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', 'b'}, {'f', 'f'}, {'n', 'n'}, {'r', 'r'}, {'t', 't'}});
  const ExprId escape = e.sequence({e.bytes("\\"), e.choice({named, unicode})});
  const ExprId raw = e.characters({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, kLastCodePoint}});
  return e.sequence({e.bytes("\""), e.star(e.choice({raw, escape})), e.bytes("\"")});
}

// Any number of parts with commas between.
ExprId list_of(const JsonExprs& json, ExprId part) {
  Exprs& e = json.exprs();
  return e.optional(e.sequence({part, e.star(e.sequence({json.comma(), part}))}));
}

Automata compile_library(bool flexible) {
  Work work;
  Exprs e(work);
  JsonExprs::add_rules(e);
  const JsonExprs json(e, flexible);
  const ExprId minus = e.optional(e.bytes("-"));
  const ExprId whole =
      e.choice({e.bytes("0"), e.sequence({e.characters({{'1', '9'}}), json.digits(0, kNumberDigits - 1)})});
  const ExprId fraction = e.sequence({e.bytes("."), json.digits(1, kNumberDigits)});
  const ExprId exponent = e.sequence({e.characters({{'e', 'e'}, {'E', 'E'}}),
                                      e.optional(e.characters({{'+', '+'}, {'-', '-'}})), json.digits(1, 2)});
  e.set_rule(JsonRules::kString, string_body(e));
  e.set_rule(JsonRules::kInteger, e.sequence({minus, whole}));
  e.set_rule(JsonRules::kNumber, e.sequence({minus, whole, e.optional(fraction), e.optional(exponent)}));
  e.set_rule(JsonRules::kObject,
             json.object(list_of(json, json.member(e.rule(JsonRules::kString), json.value()))));
  e.set_rule(JsonRules::kArray, json.array(list_of(json, json.item(json.value()))));
  // One rule that calls them all, to have them all linked; nobody calls it.
  const RuleId all = e.add_rule("JSON");
  e.set_rule(all, e.choice({json.value(), e.sequence({e.bytes("i"), e.rule(JsonRules::kInteger)})}));
  Automata automata = link(e, all, nullptr);
  automata.rules.resize(JsonRules::kCount);
  return automata;
}

}  // namespace

JsonExprs::JsonExprs(Exprs& exprs, bool flexible)
    : exprs_(&exprs),
      blank_(flexible ? exprs.space() : Exprs::kEmpty),
      boolean_(exprs.choice({exprs.bytes("true"), exprs.bytes("false")})),
      value_(exprs.choice({exprs.rule(JsonRules::kString), exprs.rule(JsonRules::kNumber),
                           exprs.rule(JsonRules::kObject), exprs.rule(JsonRules::kArray), boolean_,
                           exprs.bytes("null")})) {}

void JsonExprs::add_rules(Exprs& exprs) {
  for (const char* const name : {"string", "integer", "number", "object", "array"})
    exprs.add_rule(name, true);
}

ExprId JsonExprs::member(ExprId key, ExprId value) const {
  return exprs_->sequence({key, blank_, exprs_->bytes(":"), blank_, value, blank_});
}

ExprId JsonExprs::comma() const { return exprs_->sequence({exprs_->bytes(","), blank_}); }

ExprId JsonExprs::object(ExprId members) const {
  return exprs_->sequence({exprs_->bytes("{"), blank_, members, exprs_->bytes("}")});
}

ExprId JsonExprs::array(ExprId items) const {
  return exprs_->sequence({exprs_->bytes("["), blank_, items, exprs_->bytes("]")});
}

ExprId JsonExprs::character() const {
  Exprs& e = *exprs_;
  const ExprId raw = e.characters({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, kLastCodePoint}});
  const ExprId named =
      e.characters({{'"', '"'}, {'\\', '\\'}, {'b', 'b'}, {'f', 'f'}, {'n', 'n'}, {'r', 'r'}, {'t', 't'}});
  // The control characters that have no name.
  const ExprId hex = e.characters({{'0', '9'}, {'a', 'f'}});
  const ExprId numbered =
      e.sequence({e.bytes("u00"),
                  e.choice({e.sequence({e.bytes("0"), e.characters({{'0', '7'}, {'b', 'b'}, {'e', 'f'}})}),
                            e.sequence({e.bytes("1"), hex})})});
  return e.choice({raw, e.sequence({e.bytes("\\"), e.choice({named, numbered})})});
}

ExprId JsonExprs::digits(uint32_t min, uint32_t max) const {
  return exprs_->repeat(exprs_->characters({{'0', '9'}}), min, max);
}

JsonLibrary::JsonLibrary(const GrammarVocabulary& vocabulary, bool flexible)
    : automata(compile_library(flexible)), masks(automata, vocabulary, nullptr) {}

}  // namespace hadal::grammar
