#include "text/grammar/grammar.h"

#include <algorithm>

#include "base/check.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/json_library.h"
#include "text/grammar/regex.h"
#include "text/grammar/schema.h"

namespace hadal {

using grammar::Automata;
using grammar::ExprId;
using grammar::Exprs;
using grammar::JsonExprs;
using grammar::JsonLibrary;
using grammar::JsonRules;
using grammar::RuleId;
using grammar::StateMask;
using grammar::Thread;
using grammar::Threads;
using grammar::Work;

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

CompiledGrammar::CompiledGrammar(Vocabulary vocabulary, Automata automata, const grammar::MaskCache* base)
    : vocabulary_(std::move(vocabulary)),
      automata_(std::move(automata)),
      masks_(automata_, *vocabulary_, base) {}

std::shared_ptr<const CompiledGrammar> CompiledGrammar::custom(const Build& build, Vocabulary vocabulary,
                                                               JsonStyle style) {
  const JsonLibrary& library = vocabulary->json_library(style.flexible);
  Work work;
  Exprs exprs(work);
  JsonExprs::add_rules(exprs);
  const RuleId root = exprs.add_rule("the grammar");
  exprs.set_rule(root, build(exprs, style.flexible));
  Automata automata = grammar::link(exprs, root, &library.automata);
  return std::make_shared<const CompiledGrammar>(std::move(vocabulary), std::move(automata), &library.masks);
}

std::shared_ptr<const CompiledGrammar> CompiledGrammar::json_object(Vocabulary vocabulary, JsonStyle style) {
  return custom([](Exprs& exprs, bool) { return exprs.rule(JsonRules::kObject); }, std::move(vocabulary),
                style);
}

std::shared_ptr<const CompiledGrammar> CompiledGrammar::json_schema(std::string_view schema,
                                                                    Vocabulary vocabulary, JsonStyle style) {
  return custom([&](Exprs& exprs, bool flexible) { return grammar::schema_expr(schema, exprs, flexible); },
                std::move(vocabulary), style);
}

std::shared_ptr<const CompiledGrammar> CompiledGrammar::regex(std::string_view pattern,
                                                              Vocabulary vocabulary) {
  return custom([&](Exprs& exprs, bool) { return grammar::regex_expr(pattern, exprs); },
                std::move(vocabulary));
}

std::shared_ptr<const CompiledGrammar> CompiledGrammar::gbnf(std::string_view text, Vocabulary vocabulary) {
  return custom([&](Exprs& exprs, bool) { return grammar::gbnf_expr(text, exprs); }, std::move(vocabulary));
}

GrammarMatcher::GrammarMatcher(std::shared_ptr<const CompiledGrammar> grammar)
    : grammar_(std::move(grammar)), stacks_(grammar_->automata()) {
  const Automata& automata = grammar_->automata();
  const Automata::RuleStart& root = automata.rules[automata.root];
  now_.push_back({root.state, grammar::Stacks::kOutermost});
  if (root.nullable) now_.push_back({Automata::kDone, grammar::Stacks::kOutermost});
}

bool GrammarMatcher::is_complete() const {
  return std::find(now_.begin(), now_.end(), Thread{Automata::kDone, grammar::Stacks::kOutermost}) !=
         now_.end();
}

void GrammarMatcher::push_step() {
  history_.push_back({static_cast<uint32_t>(now_.size()), stacks_.size(), blanks_});
  past_.insert(past_.end(), now_.begin(), now_.end());
}

bool GrammarMatcher::accept(int32_t id) {
  const std::span<const int32_t> stops = grammar_->vocabulary().stop_ids();
  if (std::find(stops.begin(), stops.end(), id) != stops.end() && is_complete()) {
    push_step();
    now_.clear();
    return true;
  }
  const std::string_view spelling = grammar_->vocabulary().spelling(id);
  if (blanks_ >= kMaxBlankRun && !spelling.empty() && is_blank(spelling[0])) return false;
  return accept_spelling(spelling);
}

bool GrammarMatcher::accept_bytes(std::string_view bytes) {
  if (bytes.find(static_cast<char>(grammar::kTokenLead)) != std::string_view::npos) return false;
  return accept_spelling(bytes);
}

bool GrammarMatcher::accept_spelling(std::string_view bytes) {
  if (bytes.empty()) return false;
  push_step();
  if (advance(bytes)) return true;
  rollback(1);
  return false;
}

bool GrammarMatcher::advance(std::string_view bytes) {
  for (const char c : bytes) {
    const size_t end = now_.size();
    stacks_.step(now_, 0, end, static_cast<uint8_t>(c));
    if (now_.size() == end) return false;
    now_.erase(now_.begin(), now_.begin() + static_cast<ptrdiff_t>(end));
    const bool between = std::any_of(now_.begin(), now_.end(), [&](Thread thread) {
      return grammar_->automata().states[thread.state].space;
    });
    blanks_ = is_blank(c) && between ? blanks_ + 1 : 0;
  }
  return true;
}

void GrammarMatcher::rollback(size_t steps) {
  CHECK(steps <= history_.size());
  for (; steps > 0; --steps) {
    const Step& step = history_.back();
    const size_t begin = past_.size() - step.threads;
    now_.assign(past_.begin() + static_cast<ptrdiff_t>(begin), past_.end());
    past_.resize(begin);
    blanks_ = step.blanks;
    stacks_.truncate(step.nodes);
    history_.pop_back();
  }
}

void GrammarMatcher::allowed(std::span<uint64_t> mask) {
  const GrammarVocabulary& vocabulary = grammar_->vocabulary();
  CHECK(mask.size() == vocabulary.mask_words());
  std::fill(mask.begin(), mask.end(), 0);
  grammar::TokenSink sink(mask);
  for (const Thread& thread : now_) {
    if (thread.state == Automata::kDone) continue;
    StateMask scratch;
    const StateMask& state_mask = grammar_->masks().get(thread.state, scratch);
    for (size_t i = 0; i < state_mask.bits.size(); ++i) mask[i] |= state_mask.bits[i];
    for (const int32_t id : state_mask.tokens) sink.token(id);
    if (!state_mask.exits.empty()) add_exits(state_mask, thread.node, mask);
  }
  for (const auto& [id, known] : vocabulary.aliases()) {
    const auto bit = static_cast<size_t>(known);
    if ((mask[bit / 64] >> (bit % 64) & 1) != 0) sink.token(id);
  }
  if (blanks_ >= kMaxBlankRun) {
    for (size_t i = 0; i < mask.size(); ++i) mask[i] &= ~vocabulary.blank_mask()[i];
  }
  if (is_complete()) {
    for (const int32_t id : vocabulary.stop_ids()) sink.token(id);
  }
}

void GrammarMatcher::add_exits(const StateMask& state_mask, uint32_t node, std::span<uint64_t> mask) {
  Threads after;
  stacks_.leave(node, 0, after);
  std::erase_if(after, [](Thread thread) { return thread.state == Automata::kDone; });
  if (after.empty()) return;
  grammar::TokenSink sink(mask);
  grammar::TrieWalk walk(grammar_->automata(), stacks_, sink);
  for (const StateMask::Exit& exit : state_mask.exits) {
    const TokenTrie& trie = grammar_->vocabulary().trie(exit.trie);
    walk.run(trie, exit.node + 1, trie.nodes[exit.node].end, after);
  }
}

std::string GrammarMatcher::forced_bytes(size_t limit) {
  std::string forced;
  Threads threads = now_;
  const uint32_t nodes = stacks_.size();
  while (forced.size() < limit && !threads.empty()) {
    const grammar::ByteSet next = stacks_.next_bytes(threads);
    const bool may_end = std::any_of(threads.begin(), threads.end(),
                                     [](Thread thread) { return thread.state == Automata::kDone; });
    if (next.count() != 1 || may_end) break;
    const auto byte = static_cast<uint8_t>(next._Find_first());
    if (byte == grammar::kTokenLead) break;
    const size_t end = threads.size();
    stacks_.step(threads, 0, end, byte);
    threads.erase(threads.begin(), threads.begin() + static_cast<ptrdiff_t>(end));
    forced += static_cast<char>(byte);
  }
  stacks_.truncate(nodes);
  return forced;
}

}  // namespace hadal
