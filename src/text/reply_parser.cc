#include "text/reply_parser.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "text/reply_symbols.h"
#include "text/reply_tags.h"
#include "text/tool_namespaces.h"

namespace hadal {
namespace {

// No tag, and no end of a parameter's header, is longer.
constexpr size_t kLongestMark = 20;

// How much of what may begin a block stands at the end: two line ends at most, and "<".
size_t opening_at_end(std::string_view text) {
  size_t size = text.ends_with('<') ? 1 : 0;
  for (int lines = 0; lines < 2 && text.substr(0, text.size() - size).ends_with('\n'); ++lines) ++size;
  return size;
}

}  // namespace

using Kind = ReplyDelta::Kind;

void Reply::add(const ReplyDelta& delta) {
  switch (delta.kind) {
    case Kind::kReasoning:
      reasoning += delta.text;
      break;
    case Kind::kContent:
      content += delta.text;
      break;
    case Kind::kCallBegin:
      calls.push_back({delta.text, "", false});
      break;
    case Kind::kCallArguments:
      calls.back().arguments += delta.text;
      break;
    case Kind::kCallEnd:
      calls.back().complete = delta.complete;
      break;
  }
}

// The grammar, a state at a time. Each state looks at rest(), takes what it can decide and says whether to go
// on.
class ReplyParser::Machine {
 public:
  Machine(ReplyMode mode, bool thinking, ChatDialect dialect)
      : traits_(traits_of(dialect)),
        tags_(traits_.names),
        strict_(mode == ReplyMode::kStrict),
        state_(thinking ? State::kReasoning : State::kContent) {}

  SymbolReader symbols;
  std::string text;  // symbols; what stands before at_ is done

  std::vector<ReplyDelta> run(bool is_end) {
    CHECK(!is_over_);
    is_over_ = is_end;
    if (is_end) {
      symbols.finish(text);
      // The end of the turn, wherever it came.
      if (!strict_ && text.size() > at_ && text.back() == kSymbolEos) text.pop_back();
    }
    while (step()) {
    }
    if (is_end) end();
    text.erase(0, at_);
    at_ = 0;
    return std::exchange(deltas_, {});
  }

 private:
  enum class State : uint8_t {
    kReasoning,
    kContent,
    kGap,              // between tags: after a tag's name, before the next tag
    kJunk,             // a gap with text in it (lenient)
    kCallHeader,       // after the tag of a call
    kParameterHeader,  // after the tag of a parameter
    kValue,
    kAfterBlock,
    kOver,  // after the end of the turn (strict)
  };

  bool step() {
    switch (state_) {
      case State::kReasoning:
      case State::kContent:
        return prose();
      case State::kGap:
        return strict_ ? strict_gap() : lenient_gap();
      case State::kJunk:
        return junk();
      case State::kCallHeader:
        return call_header();
      case State::kParameterHeader:
        return parameter_header();
      case State::kValue:
        return value();
      case State::kAfterBlock:
        return after_block();
      case State::kOver:
        return rest().empty() ? false : refuse("text after the end of the turn");
    }
    return false;
  }

  std::string_view rest() const { return std::string_view(text).substr(at_); }
  void go(State state, size_t taken) {
    at_ += taken;
    searched_ = 0;
    state_ = state;
  }
  bool refuse(const char* why) const { fail(ErrorCode::kUsage, "the reply is not well-formed: {}", why); }

  void emit(Kind kind, std::string_view symbols_or_text, bool complete = false) {
    const bool is_text = kind != Kind::kCallBegin && kind != Kind::kCallEnd;
    if (is_text && symbols_or_text.empty()) return;
    if (!is_text || deltas_.empty() || deltas_.back().kind != kind) deltas_.push_back({kind, "", complete});
    deltas_.back().text += symbols_to_text(symbols_or_text);
  }
  void take_as(Kind kind, size_t size) {
    emit(kind, rest().substr(0, size));
    at_ += size;
  }
  Kind prose_kind() const { return state_ == State::kReasoning ? Kind::kReasoning : Kind::kContent; }

  // The first of these tags in rest(), which starts where no earlier call has looked.
  struct Found {
    size_t at = std::string_view::npos;
    std::string_view tag;
    explicit operator bool() const { return !tag.empty(); }
  };
  Found find_first(std::initializer_list<std::string_view> tags) {
    const std::string_view all = rest();
    // Each tag has the token once, behind "<", "</" or "/".
    for (size_t dsml = searched_; (dsml = all.find(kSymbolDsml, dsml)) != all.npos; ++dsml) {
      for (const std::string_view tag : tags) {
        const size_t before = tag.find(kSymbolDsml);
        if (dsml >= before && all.substr(dsml - before).starts_with(tag)) return {dsml - before, tag};
      }
    }
    searched_ = all.size() - std::min(all.size(), kLongestMark);
    return {};
  }

  // Reasoning and content, up to their end or a block of calls.
  bool prose() {
    const size_t at = std::min(static_cast<size_t>(std::ranges::find_if(rest(), is_symbol) - rest().begin()),
                               rest().size());
    if (at == rest().size()) {
      take_as(prose_kind(), at - (is_over_ ? 0 : opening_at_end(rest())));
      return false;
    }
    const char symbol = rest()[at];
    if (symbol == kSymbolDsml) return prose_before_dsml(at);
    if (symbol == kSymbolEndThink && state_ == State::kReasoning) {
      take_as(prose_kind(), at);
      go(State::kContent, 1);
      return true;
    }
    if (symbol == kSymbolEos && strict_ && state_ == State::kContent) {
      take_as(prose_kind(), at);
      go(State::kOver, 1);
      return true;
    }
    if (strict_) return refuse("a control token where none belongs");
    take_as(prose_kind(), at);
    // The end of the turn, or text: what follows tells.
    if (symbol == kSymbolEos && rest().size() == 1 && !is_over_) return false;
    take_as(prose_kind(), 1);
    return true;
  }

  bool prose_before_dsml(size_t at) {
    const size_t tag = at - (at > 0 && rest()[at - 1] == '<' ? 1 : 0);
    size_t begin = tag;
    while (begin > 0 && tag - begin < 2 && rest()[begin - 1] == '\n') --begin;
    const std::string_view seen = rest().substr(tag);
    const bool may_come = !is_over_ && std::string_view(tags_.block).starts_with(seen);
    const bool is_block =
        seen.starts_with(tags_.block) && (!strict_ || (tag - begin == 2 && state_ == State::kContent));
    if (strict_ && !is_block && !may_come) return refuse("markup of calls where none belongs");
    if (!is_block && !may_come) {
      take_as(prose_kind(), at + 1);
      return true;
    }
    take_as(prose_kind(), begin);
    if (!is_block) return false;
    before_block_ = state_;
    opening_ = rest().substr(0, tag - begin + tags_.block.size());
    in_call_ = false;
    go(State::kGap, opening_.size());
    return true;
  }

  // ">\n" and a tag.
  bool strict_gap() {
    const Found found = in_call_ ? find_first({tags_.parameter, tags_.end_invoke})
                                 : find_first({tags_.invoke, tags_.end_block});
    if (!found && !is_over_) return false;
    const std::string_view gap = rest().substr(0, found.at);
    // The reference stops looking at the end of the text.
    if (!found && !in_call_ && gap.empty()) return false;
    if (gap != ">\n" || (!found && !in_call_)) return refuse("calls are not one tag a line");
    take_tag(gap.size(), found.tag);
    return static_cast<bool>(found);
  }

  // Perhaps ">", white space and a tag; else it is text.
  bool lenient_gap() {
    size_t at = rest().starts_with('>') ? 1 : 0;
    at = std::min(rest().find_first_not_of(" \t\r\n", at), rest().size());
    const std::string_view next = rest().substr(at);
    for (const std::string_view tag : std::initializer_list<std::string_view>{
             tags_.invoke, tags_.end_block, tags_.parameter, tags_.end_invoke}) {
      if (!in_call_ && (tag == tags_.parameter || tag == tags_.end_invoke)) continue;
      if (next.starts_with(tag)) return take_tag(at, tag), true;
      // Not yet seen, or markup that the reply ends in.
      if (tag.starts_with(next)) return false;
    }
    if (next.size() == 1 && next.front() == kSymbolEos && !is_over_) return false;
    if (opening_.empty()) {
      go(State::kJunk, rest().starts_with('>') ? 1 : 0);
    } else {
      // What looked like the start of a block is text.
      go(before_block_, 0);
      emit(prose_kind(), std::exchange(opening_, {}));
    }
    return true;
  }

  // Text between tags, up to the next tag.
  bool junk() {
    const Found found = in_call_
                            ? find_first({tags_.invoke, tags_.end_block, tags_.parameter, tags_.end_invoke})
                            : find_first({tags_.invoke, tags_.end_block});
    if (found) {
      take_as(Kind::kContent, found.at);
      take_tag(0, found.tag);
      return true;
    }
    size_t held = 0;
    if (!is_over_) {
      for (const std::string_view tag : std::initializer_list<std::string_view>{
               tags_.invoke, tags_.end_block, tags_.parameter, tags_.end_invoke})
        held = std::max(held, begun_at_end(rest(), tag));
      if (held == 0 && rest().ends_with(kSymbolEos)) held = 1;
    }
    take_as(Kind::kContent, rest().size() - held);
    searched_ = 0;
    return false;
  }

  // What a tag between tags means. `before`: bytes that stand before it.
  void take_tag(size_t before, std::string_view tag) {
    opening_.clear();
    if (in_call_ && tag != tags_.parameter) end_call(!tag.empty());
    const State next = tag == tags_.invoke      ? State::kCallHeader
                       : tag == tags_.parameter ? State::kParameterHeader
                       : tag == tags_.end_block ? State::kAfterBlock
                                                : State::kGap;
    go(next, before + tag.size());
  }

  bool call_header() {
    const Found found = find_first({tags_.parameter, tags_.end_invoke});
    if (!found && !is_over_) return false;
    std::string_view header = rest().substr(0, found.at);
    std::optional<std::string_view> name = strict_call_name(header);
    if (!name && strict_) return refuse("a call without a proper name");
    if (name) {
      begin_call(*name);
      take_tag(header.size(), found.tag);
      return static_cast<bool>(found);
    }
    // Perhaps the end tag is missing.
    bool ends_early = !found;
    for (const std::string_view tag :
         std::initializer_list<std::string_view>{tags_.invoke, tags_.end_block}) {
      const size_t at = header.find(tag);
      if (at == header.npos) continue;
      header = header.substr(0, at);
      ends_early = false;
    }
    name = relaxed_call_name(header, ends_early);
    if (name) {
      begin_call(*name);
      go(State::kGap, header.size());
      return true;
    }
    if (ends_early && is_tag_beginning(header)) {
      go(State::kGap, header.size());
      return false;
    }
    emit(Kind::kContent, tags_.invoke);
    go(State::kJunk, 0);
    take_as(Kind::kContent, header.size());
    return true;
  }

  // A reply ended before the call's name began.
  static bool is_tag_beginning(std::string_view header) {
    const size_t at = std::min(header.find_first_not_of(' '), header.size());
    return std::string_view("name=\"").starts_with(header.substr(at));
  }

  bool parameter_header() {
    const size_t from = searched_;
    const Found end = find_first({tags_.end_parameter});
    std::optional<ParameterHeader> header = strict_parameter_header(rest().substr(0, end.at), from);
    if (!header && !end && !is_over_) return false;
    if (!header && strict_) return refuse("a parameter without proper name and kind");
    if (!header) header = relaxed_parameter_header(rest().substr(0, end.at));
    if (header) {
      begin_parameter(*header);
      go(State::kValue, header->size);
      return true;
    }
    if (!end) {
      go(State::kGap, rest().size());
      return false;
    }
    emit(Kind::kContent, tags_.parameter);
    take_as(Kind::kContent, end.at + end.tag.size());
    go(State::kGap, 0);
    return true;
  }

  bool value() {
    size_t end = rest().find(tags_.end_parameter);
    size_t tag_size = tags_.end_parameter.size();
    if (end == std::string_view::npos && is_over_) {
      if (strict_) return refuse("a value without its end");
      // A tag that the reply ends in still says that the value is whole.
      tag_size = begun_at_end(rest(), tags_.end_parameter);
      if (tag_size < 2) {
        emit_value(rest());
        at_ = text.size();
        return false;
      }
      end = rest().size() - tag_size;
    }
    if (end != std::string_view::npos) {
      const std::string_view all = rest().substr(0, end);
      const std::optional<std::string_view> value = without_tag_start(all);
      if (!value && strict_) return refuse("a value that ends without a tag");
      emit_value(value.value_or(all));
      if (is_string_) emit(Kind::kCallArguments, "\"");
      in_value_ = false;
      go(State::kGap, end + tag_size);
      return true;
    }
    size_t held = begun_at_end(rest(), tags_.end_parameter);
    for (const std::string& marker : {"<" + tags_.end_parameter, "<\n" + tags_.end_parameter})
      held = std::max(held, begun_at_end(rest(), marker));
    if (held == 0 && rest().ends_with(kSymbolEos)) held = 1;
    const size_t size = rest().size() - held;
    emit_value(rest().substr(0, size));
    at_ += size;
    return false;
  }

  bool after_block() {
    if (strict_) {
      if (rest().empty()) return false;
      if (rest().front() != kSymbolEos) return refuse("text after the calls");
      go(State::kOver, 1);
      return true;
    }
    const size_t at = std::min(rest().find_first_not_of(" \t\r\n"), rest().size());
    const std::string_view next = rest().substr(at);
    if (next.empty()) {
      if (is_over_) at_ += at;
      return false;
    }
    if (!is_over_ && (tags_.block.starts_with(next) || next == std::string_view(&kSymbolEos, 1)))
      return false;
    // White space before another block says nothing.
    go(State::kContent, next.starts_with(tags_.block) ? at : 0);
    return true;
  }

  void begin_call(std::string_view name) {
    if (strict_ && traits_.has_namespaces && !is_namespaced_name(name))
      refuse("a call with more than one namespace");
    emit(Kind::kCallBegin, name);
    in_call_ = true;
    keys_.clear();
  }
  void end_call(bool complete) {
    if (!in_value_) emit(Kind::kCallArguments, keys_.empty() ? "{}" : "}");
    emit(Kind::kCallEnd, "", complete);
    in_call_ = in_value_ = false;
  }
  void begin_parameter(const ParameterHeader& header) {
    const std::string key = symbols_to_text(header.key);
    if (strict_ && std::ranges::find(keys_, key) != keys_.end()) refuse("a parameter comes twice");
    emit(Kind::kCallArguments, keys_.empty() ? "{" : ", ");
    emit(Kind::kCallArguments, json_quoted(key));
    emit(Kind::kCallArguments, header.is_string ? ": \"" : ": ");
    keys_.push_back(key);
    is_string_ = header.is_string;
    in_value_ = true;
  }
  void emit_value(std::string_view symbols_of_value) {
    if (!is_string_) return emit(Kind::kCallArguments, symbols_of_value);
    std::string escaped;
    append_json_escaped(symbols_to_text(symbols_of_value), escaped);
    emit(Kind::kCallArguments, escaped);
  }

  // The reply is over and every state has taken what it could.
  void end() {
    if (strict_ && (state_ == State::kReasoning || state_ == State::kContent))
      refuse(state_ == State::kReasoning ? "the reasoning does not end" : "the turn does not end");
    if (in_call_) end_call(false);
    at_ = text.size();
  }

  const ChatTraits& traits_;
  const ReplyTags tags_;
  bool strict_;
  State state_;
  size_t at_ = 0;
  size_t searched_ = 0;  // bytes of rest() in which no tag begins
  bool is_over_ = false;
  State before_block_ = State::kContent;
  std::string opening_;  // of a block in which no tag has come
  bool in_call_ = false;
  bool in_value_ = false;
  bool is_string_ = false;
  std::vector<std::string> keys_;
  std::vector<ReplyDelta> deltas_;
};

ReplyParser::ReplyParser(ReplyMode mode, bool thinking, ChatDialect dialect)
    : machine_(std::make_unique<Machine>(mode, thinking, dialect)) {}
ReplyParser::~ReplyParser() = default;
ReplyParser::ReplyParser(ReplyParser&&) noexcept = default;
ReplyParser& ReplyParser::operator=(ReplyParser&&) noexcept = default;

std::vector<ReplyDelta> ReplyParser::feed(std::string_view text) {
  machine_->symbols.read(text, machine_->text);
  return machine_->run(false);
}

std::vector<ReplyDelta> ReplyParser::feed_markup(std::string_view token) {
  machine_->symbols.read_markup(token, machine_->text);
  return machine_->run(false);
}

std::vector<ReplyDelta> ReplyParser::feed_content(std::string_view text) {
  machine_->symbols.read_content(text, machine_->text);
  return machine_->run(false);
}

std::vector<ReplyDelta> ReplyParser::finish() { return machine_->run(true); }

Reply parse_reply(std::string_view text, ReplyMode mode, bool thinking, ChatDialect dialect) {
  ReplyParser parser(mode, thinking, dialect);
  Reply reply;
  for (const ReplyDelta& delta : parser.feed(text)) reply.add(delta);
  for (const ReplyDelta& delta : parser.finish()) reply.add(delta);
  return reply;
}

}  // namespace hadal
