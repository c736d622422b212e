#include "text/grammar/schema_number.h"

#include <algorithm>
#include <cmath>

#include "text/grammar/dfa.h"

namespace hadal::grammar {
namespace {

constexpr uint32_t kMaxDivisor = 5000;
// A double tells numbers of this many digits apart.
constexpr uint32_t kExactDigits = 15;

// The texts of numbers without sign, of no less or no more than a bound.
class Magnitudes {
 public:
  Magnitudes(const JsonExprs& json, const Decimal& bound, bool strict)
      : json_(json), e_(json.exprs()), whole_(bound.whole), fraction_(bound.fraction), strict_(strict) {}

  ExprId at_least() const {
    const auto size = static_cast<uint32_t>(whole_.size());
    if (size > kNumberDigits) return Exprs::kNothing;
    ExprId equal = fraction_at_least();
    for (size_t i = size; i-- > 0;) {
      const ExprId more = e_.sequence({digit(after(whole_[i]), '9'), all(size - i - 1), any_fraction()});
      equal = e_.choice({more, e_.sequence({digit(whole_[i], whole_[i]), equal})});
    }
    if (size == kNumberDigits) return equal;
    const ExprId longer =
        e_.sequence({digit('1', '9'), json_.digits(size, kNumberDigits - 1), any_fraction()});
    return e_.choice({longer, equal});
  }

  ExprId at_most() const {
    const auto size = static_cast<uint32_t>(whole_.size());
    ExprId equal = fraction_at_most();
    for (size_t i = size; i-- > 0;) {
      const char lowest = i == 0 && size > 1 ? '1' : '0';
      const ExprId less = e_.sequence({digit(lowest, before(whole_[i])), all(size - i - 1), any_fraction()});
      equal = e_.choice({less, e_.sequence({digit(whole_[i], whole_[i]), equal})});
    }
    if (size == 1) return equal;
    const ExprId whole =
        e_.choice({e_.bytes("0"), e_.sequence({digit('1', '9'), json_.digits(0, size - 2)})});
    return e_.choice({e_.sequence({whole, any_fraction()}), equal});
  }

 private:
  static char after(char digit) { return static_cast<char>(digit + 1); }
  static char before(char digit) { return static_cast<char>(digit - 1); }
  ExprId digit(char low, char high) const {
    if (low > high) return Exprs::kNothing;
    return e_.characters({{static_cast<uint8_t>(low), static_cast<uint8_t>(high)}});
  }
  ExprId all(size_t count) const {
    return json_.digits(static_cast<uint32_t>(count), static_cast<uint32_t>(count));
  }
  ExprId more_digits() const { return e_.star(digit('0', '9')); }
  ExprId any_fraction() const {
    return e_.optional(e_.sequence({e_.bytes("."), digit('0', '9'), more_digits()}));
  }
  ExprId above_zero() const { return e_.sequence({more_digits(), digit('1', '9'), more_digits()}); }

  ExprId fraction_at_least() const {
    if (fraction_.empty()) return strict_ ? e_.sequence({e_.bytes("."), above_zero()}) : any_fraction();
    ExprId rest = strict_ ? above_zero() : more_digits();
    for (size_t i = fraction_.size(); i-- > 0;) {
      rest = e_.choice({e_.sequence({digit(after(fraction_[i]), '9'), more_digits()}),
                        e_.sequence({digit(fraction_[i], fraction_[i]), rest})});
    }
    return e_.sequence({e_.bytes("."), rest});
  }

  ExprId fraction_at_most() const {
    const ExprId zeros = strict_ ? Exprs::kNothing : e_.star(digit('0', '0'));
    if (fraction_.empty()) {
      if (strict_) return Exprs::kNothing;
      return e_.optional(e_.sequence({e_.bytes("."), digit('0', '0'), zeros}));
    }
    ExprId rest = zeros;
    for (size_t i = fraction_.size(); i-- > 0;) {
      // A text that ends here has only zeros where the bound has more.
      rest = e_.choice({i > 0 ? Exprs::kEmpty : Exprs::kNothing,
                        e_.sequence({digit('0', before(fraction_[i])), more_digits()}),
                        e_.sequence({digit(fraction_[i], fraction_[i]), rest})});
    }
    return e_.optional(e_.sequence({e_.bytes("."), rest}));
  }

  const JsonExprs& json_;
  Exprs& e_;
  const std::string& whole_;
  const std::string& fraction_;
  bool strict_;
};

// All numbers with a sign, or all without.
ExprId anything(Exprs& e) { return e.star(e.characters({{'0', '9'}, {'.', '.'}})); }

ExprId not_below(const JsonExprs& json, const Decimal& bound, bool strict) {
  Exprs& e = json.exprs();
  const Magnitudes magnitudes(json, bound, strict);
  if (!bound.negative) return magnitudes.at_least();
  return e.choice({anything(e), e.sequence({e.bytes("-"), magnitudes.at_most()})});
}

ExprId not_above(const JsonExprs& json, const Decimal& bound, bool strict) {
  Exprs& e = json.exprs();
  const Magnitudes magnitudes(json, bound, strict);
  if (bound.negative) return e.sequence({e.bytes("-"), magnitudes.at_least()});
  return e.choice({e.sequence({e.bytes("-"), anything(e)}), magnitudes.at_most()});
}

// The whole numbers that `divisor` divides, by their remainder so far.
Dfa multiples(uint32_t divisor) {
  constexpr uint32_t kMinus = 1, kZero = 2, kRemainders = 3;
  Dfa dfa;
  const auto finish = [&](bool final) {
    Dfa::State state;
    state.final = final;
    state.edges_end = static_cast<uint32_t>(dfa.edges.size());
    dfa.states.push_back(state);
  };
  const auto digits = [&](uint32_t remainder, uint32_t first) {
    for (uint32_t d = first; d < 10; ++d) {
      const auto byte = static_cast<uint8_t>('0' + d);
      dfa.edges.push_back({byte, byte, kRemainders + (remainder * 10 + d) % divisor});
    }
  };
  dfa.edges.push_back({'-', '-', kMinus});
  for (const uint32_t state : {0u, kMinus}) {
    dfa.edges.push_back({'0', '0', kZero});
    digits(0, 1);
    finish(false);
    static_cast<void>(state);
  }
  finish(true);
  for (uint32_t remainder = 0; remainder < divisor; ++remainder) {
    digits(remainder, 0);
    finish(remainder == 0);
  }
  return dfa;
}

}  // namespace

std::optional<Decimal> decimal_of(const Json& value) {
  std::string text;
  if (value.integer() != nullptr) text = value.integer()->text;
  if (value.real() != nullptr && std::isfinite(*value.real())) text = python_float(*value.real());
  if (text.empty()) return std::nullopt;
  Decimal decimal;
  decimal.negative = text[0] == '-';
  if (decimal.negative) text.erase(0, 1);
  int exponent = 0;
  if (const size_t e = text.find('e'); e != std::string::npos) {
    exponent = std::stoi(text.substr(e + 1));
    text.resize(e);
  }
  const size_t point = std::min(text.find('.'), text.size());
  decimal.whole = text.substr(0, point);
  if (point < text.size()) decimal.fraction = text.substr(point + 1);
  for (; exponent > 0; --exponent) {
    decimal.whole += decimal.fraction.empty() ? '0' : decimal.fraction[0];
    if (!decimal.fraction.empty()) decimal.fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    decimal.fraction.insert(0, 1, decimal.whole.empty() ? '0' : decimal.whole.back());
    if (!decimal.whole.empty()) decimal.whole.pop_back();
  }
  decimal.whole.erase(0, std::min(decimal.whole.find_first_not_of('0'), decimal.whole.size()));
  if (decimal.whole.empty()) decimal.whole = "0";
  decimal.fraction.resize(decimal.fraction.find_last_not_of('0') + 1);
  if (decimal.whole == "0" && decimal.fraction.empty()) decimal.negative = false;
  if (decimal.whole.size() > 400 || decimal.fraction.size() > 400) return std::nullopt;
  return decimal;
}

int compare(const Decimal& a, const Decimal& b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  const int sign = a.negative ? -1 : 1;
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -sign : sign;
  const int whole = a.whole.compare(b.whole);
  return sign * (whole != 0 ? whole : a.fraction.compare(b.fraction));
}

void NumberRange::narrow(const SchemaSource& source, const Json& schema) {
  const auto bound = [&](std::string_view keyword) -> std::optional<Decimal> {
    const Json* const value = schema.find(keyword);
    if (value == nullptr) return std::nullopt;
    std::optional<Decimal> decimal = decimal_of(*value);
    if (!decimal) source.refuse(schema, keyword, "it must be a number that is not too large");
    return decimal;
  };
  const auto raise = [&](std::optional<Decimal> to, bool strict) {
    if (!to) return;
    const int order = min ? compare(*to, *min) : 1;
    if (order > 0) above_min = strict;
    if (order == 0) above_min |= strict;
    if (order > 0) min = to;
  };
  const auto lower = [&](std::optional<Decimal> to, bool strict) {
    if (!to) return;
    const int order = max ? compare(*to, *max) : -1;
    if (order < 0) below_max = strict;
    if (order == 0) below_max |= strict;
    if (order < 0) max = to;
  };
  raise(bound("minimum"), false);
  raise(bound("exclusiveMinimum"), true);
  lower(bound("maximum"), false);
  lower(bound("exclusiveMaximum"), true);
  if (const std::optional<Decimal> divisor = bound("multipleOf")) {
    const bool fits = divisor->is_whole() && !divisor->negative && divisor->whole != "0" &&
                      divisor->whole.size() <= 4 && std::stoul(divisor->whole) <= kMaxDivisor;
    if (!fits) {
      source.refuse(schema, "multipleOf",
                    fmt::format("only whole numbers from 1 to {} are supported", kMaxDivisor));
    }
    multiples_of.push_back(static_cast<uint32_t>(std::stoul(divisor->whole)));
  }
}

bool NumberRange::holds(const Decimal& number) const {
  if (min && compare(number, *min) < (above_min ? 1 : 0)) return false;
  if (max && compare(number, *max) > (below_max ? -1 : 0)) return false;
  return std::all_of(multiples_of.begin(), multiples_of.end(), [&](uint32_t divisor) {
    uint32_t remainder = 0;
    for (const char c : number.whole) remainder = (remainder * 10 + static_cast<uint32_t>(c - '0')) % divisor;
    return number.is_whole() && remainder == 0;
  });
}

bool NumberRange::apart(const NumberRange& other) const {
  const auto before = [](const NumberRange& a, const NumberRange& b) {
    if (!a.max || !b.min) return false;
    const int order = compare(*a.max, *b.min);
    return order < 0 || (order == 0 && (a.below_max || b.above_min));
  };
  return before(*this, other) || before(other, *this);
}

ExprId number_expr(const NumberRange& range, bool integer, const JsonExprs& json) {
  Exprs& e = json.exprs();
  if (range.is_everything()) return e.rule(integer ? JsonRules::kInteger : JsonRules::kNumber);
  size_t digits = 1;
  if (range.min) digits = std::max(digits, range.min->whole.size());
  if (range.max) digits = std::max(digits, range.max->whole.size());
  const auto decimals = static_cast<uint32_t>(kExactDigits - std::min<size_t>(kExactDigits - 1, digits));
  // What divides must be told exactly by readers that know doubles only.
  const uint32_t wholes = range.multiples_of.empty() ? kNumberDigits : kExactDigits;
  const ExprId whole =
      e.choice({e.bytes("0"), e.sequence({e.characters({{'1', '9'}}), json.digits(0, wholes - 1)})});
  const ExprId fraction = integer || !range.multiples_of.empty()
                              ? Exprs::kEmpty
                              : e.optional(e.sequence({e.bytes("."), json.digits(1, decimals)}));
  Dfa dfa = make_dfa(e, e.sequence({e.optional(e.bytes("-")), whole, fraction}));
  const auto narrow = [&](const Dfa& by) { dfa = intersection(dfa, by, e.work()); };
  if (range.min) narrow(make_dfa(e, not_below(json, *range.min, range.above_min)));
  if (range.max) narrow(make_dfa(e, not_above(json, *range.max, range.below_max)));
  for (const uint32_t divisor : range.multiples_of) narrow(multiples(divisor));
  return e.automaton(std::make_shared<const Dfa>(std::move(dfa)), false);
}

}  // namespace hadal::grammar
