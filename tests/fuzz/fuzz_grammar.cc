// The first byte chooses a front end (schema, compact schema, regex, GBNF) and a seed; then comes the
// grammar's text. It is refused with an Error(kUsage), or a walk under its masks goes as the masks say: an
// allowed token is accepted, sampled tokens that are not allowed are refused, and taking everything back
// leads to the same mask.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "text/grammar/grammar.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

constexpr int32_t kStop = 1;

std::shared_ptr<const GrammarVocabulary> vocabulary() {
  static const Tokenizer tokenizer =
      Tokenizer::from_file(HADAL_SOURCE_DIR "/tests/data/tokenizer/tokenizer.json");
  static const auto made = GrammarVocabulary::from_tokenizer(tokenizer, std::vector<int32_t>{kStop});
  return made;
}

std::shared_ptr<const CompiledGrammar> compile(uint8_t choice, std::string_view text) {
  switch (choice % 4) {
    case 0:
      return CompiledGrammar::json_schema(text, vocabulary());
    case 1:
      return CompiledGrammar::json_schema(text, vocabulary(), {.flexible = false});
    case 2:
      return CompiledGrammar::regex(text, vocabulary());
    default:
      return CompiledGrammar::gbnf(text, vocabulary());
  }
}

bool has(const std::vector<uint64_t>& mask, size_t id) { return (mask[id / 64] >> (id % 64) & 1) != 0; }

void walk(const std::shared_ptr<const CompiledGrammar>& grammar, uint32_t seed) {
  const size_t rows = grammar->vocabulary().rows();
  std::vector<uint64_t> mask(grammar->vocabulary().mask_words());
  GrammarMatcher matcher(grammar);
  matcher.allowed(mask);
  const std::vector<uint64_t> first = mask;
  for (int step = 0; step < 30 && !matcher.is_stopped(); ++step) {
    seed = seed * 1664525 + 1013904223;
    size_t id = seed % rows;
    CHECK(matcher.accept(static_cast<int32_t>(id)) == has(mask, id));
    if (has(mask, id)) matcher.rollback(1);
    size_t tries = 0;
    while (tries < rows && !has(mask, id)) id = (id + 1) % rows, ++tries;
    CHECK(tries < rows);  // a grammar never leads to where nothing can come
    CHECK(matcher.accept(static_cast<int32_t>(id)));
    matcher.allowed(mask);
  }
  matcher.rollback(matcher.steps());
  matcher.allowed(mask);
  CHECK(mask == first);
}

}  // namespace
}  // namespace hadal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    hadal::walk(hadal::compile(data[0], text), data[0]);
  } catch (const hadal::Error& error) {
    CHECK(error.code() == hadal::ErrorCode::kUsage);
  }
  return 0;
}
