// What the judge schemas.py asks the grammar engine: one JSON request a line, one answer a line.
//   {"schema", "accepts": [text...]}                  -> {"accepts": [bool...]}
//   {"schema", "generate": n, "seed", "tokens": max}  -> {"texts": [...], "ids": [[...]...]}, complete
//   documents only
//   {"schema", "masks": [id...], "to": FILE}          -> {"us": [...]}: CPU time of each mask, the masks in
//   FILE
// Where the schema is refused: {"refused": why}. Usage: schema_probe tokenizer.json
#include <time.h>

#include <fstream>
#include <iostream>
#include <random>

#include "base/json.h"
#include "text/grammar/grammar.h"
#include "text/tokenizer.h"

namespace hadal {
namespace {

constexpr int32_t kStop = 1;

double cpu_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

int64_t number(const Json& request, std::string_view key) {
  return std::stoll(request.find(key)->integer()->text);
}

Json accepts(const Json& request, const std::shared_ptr<const CompiledGrammar>& grammar) {
  JsonArray answers;
  for (const Json& text : *request.find("accepts")->array()) {
    GrammarMatcher matcher(grammar);
    answers.push_back(matcher.accept_bytes(*text.string()) && matcher.is_complete());
  }
  return JsonObject({{"accepts", Json(std::move(answers))}});
}

// Uniform over the allowed tokens; from half of the tokens on, the stop token as soon as it is allowed.
Json generate(const Json& request, const std::shared_ptr<const CompiledGrammar>& grammar) {
  std::mt19937_64 random(static_cast<uint64_t>(number(request, "seed")));
  JsonArray texts;
  JsonArray all_ids;
  const auto most = static_cast<size_t>(number(request, "tokens"));
  std::vector<uint64_t> mask(grammar->vocabulary().mask_words());
  for (int64_t n = 0; n < number(request, "generate"); ++n) {
    GrammarMatcher matcher(grammar);
    std::string text;
    JsonArray ids;
    while (!matcher.is_stopped() && ids.size() < most) {
      matcher.allowed(mask);
      std::vector<int32_t> allowed;
      for (size_t i = 0; i < mask.size() * 64; ++i) {
        if ((mask[i / 64] >> (i % 64) & 1) != 0) allowed.push_back(static_cast<int32_t>(i));
      }
      if (allowed.empty()) fail(ErrorCode::kFailure, "no token is allowed after {}", text);
      int32_t id = allowed[random() % allowed.size()];
      if (ids.size() >= most / 2 && matcher.is_complete()) id = kStop;
      if (!matcher.accept(id))
        fail(ErrorCode::kFailure, "the allowed token {} is refused after {}", id, text);
      if (id == kStop) break;
      ids.push_back(id);
      text += grammar->vocabulary().spelling(id);
    }
    if (!matcher.is_stopped()) continue;
    texts.push_back(text);
    all_ids.push_back(std::move(ids));
  }
  return JsonObject({{"texts", Json(std::move(texts))}, {"ids", Json(std::move(all_ids))}});
}

Json masks(const Json& request, const std::shared_ptr<const CompiledGrammar>& grammar) {
  std::ofstream file(*request.find("to")->string(), std::ios::binary);
  std::vector<uint64_t> mask(grammar->vocabulary().mask_words());
  JsonArray times;
  GrammarMatcher matcher(grammar);
  const auto one = [&] {
    const double start = cpu_microseconds();
    matcher.allowed(mask);
    times.push_back(cpu_microseconds() - start);
    file.write(reinterpret_cast<const char*>(mask.data()), static_cast<std::streamsize>(mask.size() * 8));
  };
  one();
  for (const Json& id : *request.find("masks")->array()) {
    if (!matcher.accept(static_cast<int32_t>(std::stol(id.integer()->text)))) break;
    one();
  }
  return JsonObject({{"us", Json(std::move(times))}});
}

Json answer(const Json& request, const std::shared_ptr<const GrammarVocabulary>& vocabulary) {
  try {
    const auto grammar = CompiledGrammar::json_schema(*request.find("schema")->string(), vocabulary);
    if (request.find("accepts") != nullptr) return accepts(request, grammar);
    if (request.find("generate") != nullptr) return generate(request, grammar);
    return masks(request, grammar);
  } catch (const Error& error) {
    return JsonObject({{error.code() == ErrorCode::kUsage ? "refused" : "failed", Json(error.what())}});
  }
}

}  // namespace
}  // namespace hadal

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const hadal::Tokenizer tokenizer = hadal::Tokenizer::from_file(argv[1]);
  const auto vocabulary =
      hadal::GrammarVocabulary::from_tokenizer(tokenizer, std::vector<int32_t>{hadal::kStop});
  for (std::string line; std::getline(std::cin, line);) {
    const std::optional<hadal::Json> request = hadal::parse_json(line);
    if (!request) return 1;
    std::cout << hadal::dump_json(hadal::answer(*request, vocabulary)) << std::endl;
  }
  return 0;
}
