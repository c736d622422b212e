// Grammars for constrained output: which tokens may come next, so that the whole is what was asked for.
//
// A CompiledGrammar is immutable and may be shared by any number of threads. It is made from one of
//   - "a JSON object", or a JSON Schema (schema.h lists what is supported and what is refused);
//   - a regular expression (regex.h), which the whole output matches;
//   - a grammar in the text form that llama.cpp's users know as GBNF (gbnf.h).
// Compiling is bounded (work.h): too much is an Error(kUsage), as is everything that is not supported, by its
// place and name. A GrammarMatcher follows one output. It works on bytes: tokens may end inside a character,
// a number or a key. Stop tokens are allowed exactly where the output may end, and control tokens where a
// grammar made by hand asks for them (Exprs::token).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/masks.h"
#include "text/grammar/vocabulary.h"

namespace hadal {

struct JsonStyle {
  // Blanks (space, tab, line ends) between the tokens of JSON, as models like to write; else none at all.
  bool flexible = true;
};

class CompiledGrammar {
 public:
  using Vocabulary = std::shared_ptr<const GrammarVocabulary>;

  static std::shared_ptr<const CompiledGrammar> json_object(Vocabulary vocabulary, JsonStyle style = {});
  static std::shared_ptr<const CompiledGrammar> json_schema(std::string_view schema, Vocabulary vocabulary,
                                                            JsonStyle style = {});
  static std::shared_ptr<const CompiledGrammar> regex(std::string_view pattern, Vocabulary vocabulary);
  static std::shared_ptr<const CompiledGrammar> gbnf(std::string_view text, Vocabulary vocabulary);
  // A grammar put together by the caller, for instance the frame of a tool call around schemas. `build` gets
  // a pool that begins with the rules of JSON and returns the whole.
  using Build = std::function<grammar::ExprId(grammar::Exprs& exprs, bool flexible)>;
  static std::shared_ptr<const CompiledGrammar> custom(const Build& build, Vocabulary vocabulary,
                                                       JsonStyle style = {});

  const GrammarVocabulary& vocabulary() const { return *vocabulary_; }
  const grammar::Automata& automata() const { return automata_; }
  const grammar::MaskCache& masks() const { return masks_; }

  CompiledGrammar(Vocabulary vocabulary, grammar::Automata automata, const grammar::MaskCache* base);

 private:
  Vocabulary vocabulary_;
  grammar::Automata automata_;
  grammar::MaskCache masks_;
};

// Follows one output. Copying one is a fork: both go on on their own. For one thread at a time.
class GrammarMatcher {
 public:
  // No output needs more blanks in a row than this; a model that writes nothing else is stopped by it.
  static constexpr uint32_t kMaxBlankRun = 200;

  explicit GrammarMatcher(std::shared_ptr<const CompiledGrammar> grammar);

  // Takes the next token. False, and nothing has changed, when it cannot come here.
  bool accept(int32_t id);
  // The same for text that is not a token's, not empty: it counts as one step of rollback.
  bool accept_bytes(std::string_view bytes);
  // Undoes the last `steps` calls that returned true. `steps` is at most steps().
  void rollback(size_t steps);
  size_t steps() const { return history_.size(); }

  // Bit i of the mask: may token i come next? `mask` has vocabulary().mask_words() words. Error(kUsage) when
  // the grammar is so ambiguous that the answer would take too long.
  void allowed(std::span<uint64_t> mask);
  // Whether the output may end here.
  bool is_complete() const;
  // Whether a stop token has been accepted: nothing is allowed any more.
  bool is_stopped() const { return now_.empty(); }
  // The bytes that must come next whatever the model wants, `limit` at most. They need not end at a token's
  // end.
  std::string forced_bytes(size_t limit);

 private:
  struct Step {
    uint32_t threads;  // how many
    uint32_t nodes;
    uint32_t blanks;
  };

  void add_exits(const grammar::StateMask& state_mask, uint32_t node, std::span<uint64_t> mask);
  bool accept_spelling(std::string_view bytes);
  // The threads and blanks after the bytes; false: they cannot come.
  bool advance(std::string_view bytes);
  void push_step();

  std::shared_ptr<const CompiledGrammar> grammar_;
  grammar::Stacks stacks_;
  grammar::Threads now_;
  uint32_t blanks_ = 0;  // the run of blanks between values that the output ends with
  std::vector<Step> history_;
  grammar::Threads past_;  // the threads before each step, one after the other
};

}  // namespace hadal
