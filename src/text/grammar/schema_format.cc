#include <map>
#include <string>

#include "text/grammar/schema_string.h"

namespace hadal::grammar {
namespace {

std::string date() {
  const std::string leap_year = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)";
  return "([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|"
         "02-(0[1-9]|1[0-9]|2[0-8]))|" +
         leap_year + "-02-29)";
}

std::string time() {
  const std::string clock = "([01][0-9]|2[0-3]):[0-5][0-9]";
  return clock + ":[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]" + clock + ")";
}

std::string ipv4() {
  const std::string byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  return "(" + byte + "\\.){3}" + byte;
}

// All eight groups, or :: with at most seven around it, or the last two as IPv4.
std::string ipv6() {
  const std::string group = "[0-9a-fA-F]{1,4}";
  std::string pattern = "((" + group + ":){7}" + group + "|(" + group + ":){6}" + ipv4();
  for (int before = 0; before <= 7; ++before) {
    const int after = 7 - before;
    pattern += "|";
    if (before > 0) pattern += fmt::format("({0}:){{{1}}}{0}", group, before - 1);
    pattern += "::";
    if (after > 0) pattern += fmt::format("(({0}:){{0,{1}}}{0})?", group, after - 1);
  }
  return pattern + ")";
}

std::string hostname() {
  const std::string label = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?";
  return label + "(\\." + label + "){0,7}";
}

std::string duration() {
  const std::string number = "[0-9]{1,9}";
  const auto chain = [&](std::string_view units) {
    // Any run of neighbouring units, as RFC 3339 has it.
    std::string pattern;
    for (size_t first = 0; first < units.size(); ++first) {
      std::string tail;
      for (size_t i = units.size(); i-- > first + 1;) tail = fmt::format("({}{}{})?", number, units[i], tail);
      pattern += fmt::format("{}{}{}{}", first == 0 ? "" : "|", number, units[first], tail);
    }
    return "(" + pattern + ")";
  };
  const std::string clock = "T" + chain("HMS");
  return "P(" + chain("YMD") + "(" + clock + ")?|" + clock + "|" + number + "W)";
}

std::map<std::string, std::string, std::less<>> make_patterns() {
  const std::string hex = "[0-9a-fA-F]";
  const std::string in_path = "([a-zA-Z0-9._~!$&'()*+,;=:@-]|%" + hex + hex + ")";
  return {
      {"date", date()},
      {"time", time()},
      {"date-time", date() + "T" + time()},
      {"duration", duration()},
      {"email", "[a-zA-Z0-9_+-]{1,16}(\\.[a-zA-Z0-9_+-]{1,16}){0,2}@" + hostname() + "\\.[a-zA-Z]{2,12}"},
      {"hostname", hostname()},
      {"ipv4", ipv4()},
      {"ipv6", ipv6()},
      {"uuid", hex + "{8}(-" + hex + "{4}){3}-" + hex + "{12}"},
      {"uri", "[a-zA-Z][a-zA-Z0-9+.-]{0,20}://" + hostname() + "(:[0-9]{1,4})?(/" + in_path + "*)*(\\?(" +
                  in_path + "|[/?])*)?(#(" + in_path + "|[/?])*)?"},
  };
}

}  // namespace

std::string_view format_pattern(std::string_view format) {
  static const auto patterns = make_patterns();
  const auto found = patterns.find(format);
  return found == patterns.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace hadal::grammar
