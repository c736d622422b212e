#include "grammar_cases.h"

namespace hadal {
namespace {

std::shared_ptr<const CompiledGrammar> schema(std::string_view text, bool flexible = true) {
  return CompiledGrammar::json_schema(text, small_vocabulary(), {flexible});
}

void expect(std::string_view text, const std::vector<std::string>& good,
            const std::vector<std::string>& bad) {
  SCOPED_TRACE(text);
  const auto grammar = schema(text);
  for (const std::string& value : good) EXPECT_TRUE(matches(grammar, value)) << value;
  for (const std::string& value : bad) EXPECT_FALSE(matches(grammar, value)) << value;
}

void expect_refused(std::string_view text, std::string_view place, std::string_view word) {
  try {
    schema(text);
    ADD_FAILURE() << "accepted " << text.substr(0, 200);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string_view(error.what()).find(place), std::string_view::npos) << error.what();
    EXPECT_NE(std::string_view(error.what()).find(word), std::string_view::npos) << error.what();
  }
}

TEST(GrammarSchema, Types) {
  expect(R"({"type":"null"})", {"null"}, {"0", "\"\"", "nul"});
  expect(R"({"type":["boolean","integer"]})", {"true", "-12", "0"}, {"1.5", "null", "01", "1e3"});
  expect(R"({"type":"number"})", {"0.5", "-1e10", "12"}, {".5", "1.", "1e100", "+1"});
  expect("true", {"1", "{}", "[[], {\"a\":null}]"}, {"", "nothing"});
  expect(R"({"type":"string"})", {"\"\"", R"("a\u00e4\n")"}, {"a", "\"a", "\"\x01\""});
  expect(R"({"title":"t","description":"d","default":1,"x-own":2})", {"1"}, {});
}

TEST(GrammarSchema, Numbers) {
  expect(R"({"type":"integer","minimum":-5,"maximum":123})", {"-5", "-1", "0", "99", "123"},
         {"-6", "124", "1000", "-10"});
  expect(R"({"type":"integer","exclusiveMinimum":99,"exclusiveMaximum":1000})", {"100", "999"},
         {"99", "1000", "9", "-100"});
  expect(R"({"type":"number","minimum":0.25})", {"0.25", "0.250", "0.3", "1", "10.1"},
         {"0.2", "0.2499", "0", "-1"});
  expect(R"({"type":"number","exclusiveMinimum":-1.5,"maximum":2})", {"-1.49", "-1", "0", "2", "2.0"},
         {"-1.5", "-1.50", "2.01", "-2", "3"});
  expect(R"({"type":"number","exclusiveMaximum":0})", {"-0.1", "-5"}, {"0", "0.1"});
  expect(R"({"type":"number","minimum":1e2,"maximum":1.5e2})", {"100", "149.9", "150"}, {"99", "151"});
  expect(R"({"type":"integer","multipleOf":3})", {"999999999999999"}, {"1000000000000000002"});
  expect(R"({"type":"integer","multipleOf":7})", {"0", "7", "-14", "70007"}, {"1", "8", "007"});
  expect(R"({"multipleOf":10,"type":"number","minimum":15,"maximum":40})", {"20", "40"},
         {"10", "50", "20.0"});
  expect_refused(R"({"type":"number","multipleOf":0.01})", "#", "multipleOf");
  expect_refused(R"({"properties":{"a":{"minimum":"1"}}})", "#/properties/a", "minimum");
}

TEST(GrammarSchema, Strings) {
  expect(R"({"type":"string","minLength":2,"maxLength":3})", {"\"ab\"", "\"äöü\"", R"("\n\"")", "\"😀😀\""},
         {"\"a\"", "\"abcd\"", R"("\u0041b")"});
  expect(R"({"type":"string","maxLength":1000})", {"\"\"", "\"" + std::string(1000, 'x') + "\""},
         {"\"" + std::string(1001, 'x') + "\""});
  expect(R"({"type":"string","minLength":700,"maxLength":2000})",
         {"\"" + std::string(700, 'x') + "\"", "\"" + std::string(2000, 'x') + "\""},
         {"\"" + std::string(699, 'x') + "\"", "\"" + std::string(2001, 'x') + "\""});
  expect(R"({"type":"string","pattern":"^[a-z]+\\d{2}$"})", {"\"abc12\""},
         {"\"abc1\"", "\"12\"", "\"xabc123\""});
  expect(R"({"type":"string","pattern":"ab|^c"})", {"\"xaby\"", "\"cx\"", R"("\nab")"}, {"\"xc\"", "\"a\""});
  expect(R"j({"type":"string","pattern":"^\\n\"$"})j", {R"("\n\"")"}, {"\"n\""});
  expect(R"({"type":"string","pattern":"b","minLength":2,"maxLength":3})", {"\"ab\"", "\"bxx\""},
         {"\"b\"", "\"abxx\"", "\"aa\""});
  expect_refused(R"j({"items":{"pattern":"(?=a)"}})j", "#/items", "pattern");
  expect_refused(R"j({"pattern":"(a)\\1"})j", "#", "back-references");
  expect_refused(R"j({"format":"idn-email"})j", "#", "format");
}

TEST(GrammarSchema, Formats) {
  const auto format = [](const std::string& name, std::vector<std::string> good,
                         std::vector<std::string> bad) {
    for (std::string& value : good) value = fmt::format("\"{}\"", value);
    for (std::string& value : bad) value = fmt::format("\"{}\"", value);
    expect(R"({"type":"string","format":")" + name + "\"}", good, bad);
  };
  format("date", {"2024-02-29", "1999-12-31"}, {"2023-02-29", "2024-13-01", "2024-04-31", "24-01-01"});
  format("time", {"23:59:59Z", "00:00:00.5+01:30"}, {"24:00:00Z", "00:00:00"});
  format("date-time", {"2024-02-29T12:00:00Z"}, {"2024-02-29"});
  format("uuid", {"01234567-89ab-cdef-0123-456789ABCDEF"}, {"0123456789abcdef0123456789abcdef"});
  format("ipv4", {"0.0.0.0", "255.10.99.1"}, {"256.1.1.1", "1.1.1", "01.1.1.1"});
  format("ipv6", {"::", "::1", "1:2:3:4:5:6:7:8", "fe80::1:2", "1:2:3:4:5:6:1.2.3.4"},
         {"1:2", "1::2::3", ":1"});
  format("email", {"a.b@example.com"}, {"a@", "@b.com", "a..b@c.de"});
  format("hostname", {"a", "a-b.example"}, {"-a", "a-", "a..b"});
  format("duration", {"P1Y2M3D", "PT5M", "P2W", "P1DT1H"}, {"P", "P1Y2D", "1D", "PT"});
  format("uri", {"https://example.com:80/a%20b?x=1#y"}, {"example.com", "https://a b"});
}

TEST(GrammarSchema, EnumAndConst) {
  expect(R"({"enum":["a\n",1,1.5,null,[1,{"b":true}]]})",
         {R"("a\n")", "1", "1.5", "null", R"([1, {"b" : true}])"}, {"2", "[]", "\"a\""});
  expect(R"({"type":"string","enum":["a",1,"ccc"],"maxLength":2})", {"\"a\""}, {"1", "\"ccc\""});
  expect(R"({"const":{"a":1}})", {R"({"a":1})", R"({ "a": 1 })"}, {"{}", R"({"a":2})"});
  expect_refused(R"({"type":"object","enum":[1]})", "", "nothing can match");
}

TEST(GrammarSchema, Objects) {
  const char* const closed =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{}},"required":["b"],"additionalProperties":false})";
  expect(closed,
         {R"({"b":""})", R"({"a":1,"b":"x"})", R"({ "a" : 1 , "b" : "x" , "c" : [] })", R"({"b":"","c":1})"},
         {"{}", R"({"a":1})", R"({"b":"","a":1})", R"({"b":"","d":1})", R"({"b":"",})", "1",
          R"({"a":"1","b":""})"});
  expect(R"({"type":"object","properties":{"a":{}},"additionalProperties":{"type":"integer"}})",
         {"{}", R"({"a":"x","b":1,"ab":2})", R"({"b":1})"},
         {R"({"b":"x"})", R"({"b":1,"a":1})", R"({"\u0061":1})"});
  expect(R"({"type":"object","required":["x y"]})", {R"({"x y":1})", R"({"x y":1,"z":[]})"},
         {"{}", R"({"z":1})"});
  expect(
      R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"additionalProperties":false,"minProperties":2,"maxProperties":2})",
      {R"({"a":1,"b":1})", R"({"a":1,"c":1})", R"({"b":1,"c":1})"},
      {"{}", R"({"a":1})", R"({"a":1,"b":1,"c":1})"});
  expect(R"({"type":"object","minProperties":1})", {R"({"a":1})"}, {"{}"});
  expect(R"({"type":"object","patternProperties":{"^x":{"type":"integer"}},"additionalProperties":false})",
         {"{}", R"({"x1":1,"xy":2})"}, {R"({"y":1})", R"({"x":"a"})"});
  expect(R"({"type":"object","propertyNames":{"pattern":"^[ab]+$"}})", {"{}", R"({"ab":1})"},
         {R"({"abc":1})"});
  expect(R"({"properties":{"a":{"type":"integer"}},"required":["a"]})", {"12", R"({"a":1})"},
         {"{}", R"({"a":"x"})"});
  expect(R"({"type":"object","properties":{"a":false},"additionalProperties":false})", {"{}"},
         {R"({"a":1})"});
}

TEST(GrammarSchema, Arrays) {
  expect(R"({"type":"array","items":{"type":"integer"}})", {"[]", "[1]", "[ 1 , 2 ]"},
         {"[1,]", "[,1]", "[\"a\"]"});
  expect(R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":3})", {"[1,2]", "[1,2,3]"},
         {"[]", "[1]", "[1,2,3,4]"});
  expect(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":false})",
         {"[]", "[1]", "[1,\"a\"]"}, {"[\"a\"]", "[1,\"a\",2]"});
  expect(R"({"type":"array","items":[{"type":"integer"}],"additionalItems":{"type":"null"},"minItems":2})",
         {"[1,null]", "[1,null,null]"}, {"[1]", "[1,2]"});
  expect(R"({"type":"array","maxItems":0})", {"[]", "[ ]"}, {"[1]"});
  expect_refused(R"({"type":"array","uniqueItems":true})", "#", "uniqueItems");
}

TEST(GrammarSchema, Combinations) {
  expect(R"({"anyOf":[{"type":"integer","maximum":3},{"type":"string"}]})", {"3", "\"a\""}, {"4", "null"});
  expect(R"({"type":"integer","anyOf":[{"maximum":3},{"minimum":10}],"minimum":2})", {"2", "3", "10"},
         {"1", "4", "9"});
  expect(
      R"({"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":5},"b":{"type":"null"}}}],"type":"object"})",
      {R"({"a":5})", R"({"a":7,"b":null})"}, {"{}", R"({"a":4})", R"({"a":5,"b":1})"});
  expect(
      R"({"oneOf":[{"type":"object","properties":{"k":{"const":"a"}},"required":["k"]},{"type":"object","properties":{"k":{"const":"b"},"v":{"type":"integer"}},"required":["k","v"]}]})",
      {R"({"k":"a"})", R"({"k":"b","v":1})"}, {R"({"k":"b"})", R"({"k":"c"})"});
  expect_refused(R"({"properties":{"p":{"oneOf":[{"type":"integer"},{"minimum":2}]}}})", "#/properties/p",
                 "oneOf");
  expect(
      R"({"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["v","next"],"additionalProperties":false}},"$ref":"#/$defs/n"})",
      {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"},
      {R"({"v":1})", R"({"v":1,"next":{"v":2}})"});
  expect(
      R"({"type":"object","properties":{"a~/b":{"type":"integer"},"c":{"$ref":"#/properties/a~0~1b"}},"required":["c"]})",
      {R"({"c":1})"}, {R"({"c":"x"})"});
  expect_refused(R"({"properties":{"a":{"not":{}}}})", "#/properties/a", "not");
  expect_refused(R"({"$ref":"#"})", "#", "refers to itself");
  expect_refused(R"({"$ref":"other.json"})", "#", "$ref");
  expect_refused(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", "#", "itself");
  expect_refused(
      R"({"$defs":{"a":{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}},"required":["a"]}},"$ref":"#/$defs/a"})",
      "", "nothing can match");
  expect_refused(R"({"type":"object)", "byte", "not JSON");
  expect_refused("[]", "#", "object");
}

TEST(GrammarSchema, ChoicesBesideEachOther) {
  expect(
      R"({"type":"integer","allOf":[{"anyOf":[{"maximum":3},{"minimum":10}]},{"anyOf":[{"multipleOf":2},{"maximum":0}]}]})",
      {"2", "10", "-3"}, {"3", "4", "11"});
  // Twice the same choice is one choice, here and in what it refers to.
  expect(
      R"({"$defs":{"t":{"anyOf":[{"const":1},{"const":"a"}]}},"allOf":[{"$ref":"#/$defs/t"},{"$ref":"#/$defs/t"}]})",
      {"1", "\"a\""}, {"2"});
  expect_refused(
      R"({"$defs":{"t":{"anyOf":[{"$ref":"#/$defs/u"},{"const":1}]},"u":{"anyOf":[{"$ref":"#/$defs/t"},{"const":2}]}},"$ref":"#/$defs/t"})",
      "#/$defs/t", "refers to itself");
}

TEST(GrammarSchema, CompactStyleHasNoBlanks) {
  const auto grammar =
      schema(R"({"type":"object","properties":{"a":{"type":"array"}},"required":["a"]})", false);
  EXPECT_TRUE(matches(grammar, R"({"a":[1,{"b":2}]})"));
  EXPECT_FALSE(matches(grammar, R"({"a": [1]})"));
  EXPECT_FALSE(matches(grammar, R"({"a":[1, 2]})"));
}

}  // namespace
}  // namespace hadal
