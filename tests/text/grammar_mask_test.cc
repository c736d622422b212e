// Masks of JSON schemas against the slow answer, and documents generated under them.
#include "grammar_cases.h"

namespace hadal {
namespace {

constexpr std::string_view kSchemas[] = {
    R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,"maximum":150},"tags":{"type":"array","items":{"type":"string","maxLength":8},"maxItems":3}},"required":["name","age"],"additionalProperties":false})",
    R"({"type":"array","items":{"anyOf":[{"type":"object","properties":{"kind":{"const":"circle"},"r":{"type":"number"}},"required":["kind","r"],"additionalProperties":false},{"type":"object","properties":{"kind":{"const":"square"},"side":{"type":"number","exclusiveMinimum":0}},"required":["kind","side"],"additionalProperties":false}]},"minItems":1})",
    R"({"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"value":{"enum":["a","bb","ccc",1,null]},"children":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["value"],"additionalProperties":false}}})",
    R"({"type":"object","properties":{"id":{"type":"string","format":"uuid"},"when":{"type":"string","format":"date-time"},"code":{"type":"string","pattern":"^[A-Z]{2}-\\d+$"}},"required":["id","when","code"],"additionalProperties":{"type":"boolean"}})",
    R"({"type":"string","minLength":3,"maxLength":400})",
    R"({})",
};

// Tokens are drawn by their length, so that walks go far, and stop tokens as soon as may be after `steps`.
void walk(const std::shared_ptr<const CompiledGrammar>& grammar, uint32_t seed, size_t steps,
          size_t check_every) {
  const GrammarVocabulary& vocabulary = grammar->vocabulary();
  std::mt19937 random(seed);
  GrammarMatcher matcher(grammar);
  for (size_t i = 0; i < steps && !matcher.is_stopped(); ++i) {
    const Mask mask = mask_of(matcher, vocabulary);
    const std::vector<int32_t> ids = ids_in(mask);
    ASSERT_FALSE(ids.empty()) << "step " << i;
    if (i % check_every == 0) {
      ASSERT_EQ(ids, ids_in(tried_mask(matcher, vocabulary))) << "step " << i;
    }
    ASSERT_TRUE(matcher.accept(ids[random() % ids.size()]));
  }
}

TEST(GrammarMasks, OfSchemasAreWhatTryingEveryTokenSays) {
  uint32_t seed = 0;
  for (const std::string_view schema : kSchemas) {
    SCOPED_TRACE(schema);
    for (const bool flexible : {false, true}) {
      const auto grammar = CompiledGrammar::json_schema(schema, small_vocabulary(), {flexible});
      for (int round = 0; round < 5; ++round) walk(grammar, seed++, 60, 1);
    }
  }
}

TEST(GrammarMasks, OfTheRealVocabularyAreWhatTryingEveryTokenSays) {
  HADAL_NEED_SHARED("golden/tokenizer/tokenizer.json.gz");
  uint32_t seed = 0;
  for (const std::string_view schema : kSchemas) {
    SCOPED_TRACE(schema);
    walk(CompiledGrammar::json_schema(schema, real_vocabulary()), seed++, 40, 4);
  }
}

}  // namespace
}  // namespace hadal
