#include "server/reply_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.h"
#include "server/json_filter.h"
#include "text/control_tokens.h"
#include "text/reply_parser.h"
#include "text/stop_strings.h"

namespace hadal {
namespace {

// The other formats' names after the DSML token, and what the parser knows them as.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOtherNames = {
    {{" calls", "tool_calls"},
     {"function_calls", "tool_calls"},
     {" invoke", "invoke"},
     {" parameter", "parameter"}}};

// Holds back line ends until it is clear whether something follows them.
class LineEnds {
 public:
  explicit LineEnds(bool drops_leading) : drops_leading_(drops_leading) {}

  std::string feed(std::string_view text) {
    if (drops_leading_) {
      const size_t at = std::min(text.find_first_not_of('\n'), text.size());
      text.remove_prefix(at);
      if (text.empty()) return {};
      drops_leading_ = false;
    }
    const size_t last = text.find_last_not_of('\n');
    if (last == std::string_view::npos) {
      held_ += text;
      return {};
    }
    std::string shown = std::exchange(held_, std::string(text.substr(last + 1)));
    return shown.append(text.substr(0, last + 1));
  }
  std::string flush() { return std::exchange(held_, {}); }

 private:
  bool drops_leading_;
  std::string held_;
};

}  // namespace

class ReplyReader::State {
 public:
  State(OutputReading reading, const Tokenizer& tokenizer)
      : reading_(std::move(reading)),
        tokenizer_(tokenizer),
        decoder_(tokenizer),
        parser_(ReplyMode::kLenient, starts_in_reasoning(reading_)),
        in_reasoning_(starts_in_reasoning(reading_)),
        reasoning_(reading_.stage != ThinkingStage::kReasoningContinued),
        content_begins_(reading_.stage != ThinkingStage::kContentContinued && !reading_.plain_text),
        stop_(reading_.stop),
        dsml_(tokenizer.find_added(kDsmlToken).value_or(-1)),
        end_think_(tokenizer.find_added(kEndThinkToken).value_or(-1)),
        eos_(tokenizer.find_added(kEosToken).value_or(-1)) {
    block_pending_ = reading_.starts_in_tool_calls;
  }

  std::vector<ReplyEvent> feed(int32_t id, const std::optional<Logprobs>& logprobs) {
    events_.clear();
    if (stopped_ || is_over_) return {};
    if (logprobs) logprobs_.push_back({id, *logprobs});
    if (tokenizer_.has_token(id) && tokenizer_.is_added(id)) {
      content(decoder_.flush());
      control(id);
    } else {
      content(decoder_.feed(id));
    }
    return std::move(events_);
  }

  std::vector<ReplyEvent> finish() {
    events_.clear();
    if (stopped_) return {};
    content(decoder_.flush());
    release_name();
    release_opening();
    std::vector<ReplyDelta> deltas = parser_.finish();
    leave_out_cut_markup(deltas);
    take(deltas);
    end_content();
    return std::move(events_);
  }

  bool stopped() const { return stopped_; }
  bool in_reasoning() const { return in_reasoning_; }
  std::string stop_string;

 private:
  static bool starts_in_reasoning(const OutputReading& reading) {
    return reading.stage == ThinkingStage::kReasoning || reading.stage == ThinkingStage::kReasoningContinued;
  }

  void control(int32_t id) {
    release_name();
    if (id == eos_) {
      is_over_ = true;
    } else if (id == end_think_ && !in_call_ && !reading_.plain_text) {
      // A second one says nothing.
      if (!in_reasoning_) return logprobs_.clear();
      in_reasoning_ = false;
      logprobs_.clear();
      take(parser_.feed_markup(kEndThinkToken));
    } else if (id == dsml_ && reading_.parse_tool_calls) {
      after_dsml_ = true;
    } else {
      content(std::string(tokenizer_.token_bytes(id)));
    }
  }

  // Text that is no control token, whatever it spells.
  void content(const std::string& text) {
    if (text.empty()) return;
    if (after_dsml_) {
      name_ += text;
      const bool undecided = std::ranges::any_of(kOtherNames, [&](const auto& names) {
        const auto begins = [&](std::string_view name) {
          return name_.size() < name.size() && name.starts_with(name_);
        };
        return begins(names.first) || begins(names.second);
      });
      return undecided ? void() : release_name();
    }
    if (block_pending_) {
      opening_ += text;
      // Only "<" may stand before the first tag.
      if (opening_.find_first_not_of("\n<") != std::string::npos) release_opening();
      return;
    }
    say_text(text);
  }

  void say_text(std::string_view text) {
    since_dsml_ += text;
    take(parser_.feed_content(text));
  }

  // The DSML token that was held back, and the name after it as the parser knows it. Inside a value only the
  // value's own end tag is a tag.
  void release_name() {
    if (!after_dsml_) return;
    after_dsml_ = false;
    std::string name = std::exchange(name_, {});
    if (block_pending_) open_block(name);
    const bool closes = since_dsml_.ends_with("</");
    for (const auto& [other, plain] : kOtherNames) {
      const bool is_other = name.starts_with(other);
      if (!is_other && !name.starts_with(plain)) continue;
      const bool is_parameter = plain == "parameter";
      if (in_value_ && !(closes && is_parameter)) break;
      if (is_other) name.replace(0, other.size(), plain);
      in_value_ = is_parameter && !closes;
      break;
    }
    since_dsml_.clear();
    take(parser_.feed_markup(kDsmlToken));
    if (!name.empty()) say_text(name);
  }

  // The prompt has opened the block of calls. Models open it again.
  void open_block(std::string_view name) {
    block_pending_ = false;
    const std::string text = std::exchange(opening_, {});
    if (!name.starts_with("tool_calls") && !name.starts_with(" calls") &&
        !name.starts_with("function_calls")) {
      say_text("\n\n<");
      take(parser_.feed_markup(kDsmlToken));
      say_text("tool_calls>\n");
    } else {
      say_text("\n\n");
    }
    say_text(text.substr(std::min(text.find_first_not_of('\n'), text.size())));
  }

  // No call came: what stands there is text.
  void release_opening() {
    if (!block_pending_) return;
    block_pending_ = false;
    if (!opening_.empty()) say_text(std::exchange(opening_, {}));
  }

  // What a reply ends in when it is cut: a call that does not end stays open, so that nobody takes it for a
  // whole one; half a name and half an opening say nothing.
  void leave_out_cut_markup(std::vector<ReplyDelta>& deltas) {
    using Kind = ReplyDelta::Kind;
    if (deltas.empty()) return;
    if (deltas.back().kind == Kind::kCallEnd && !deltas.back().complete) {
      const auto begin = std::ranges::find(deltas, Kind::kCallBegin, &ReplyDelta::kind);
      const bool half_name =
          since_dsml_.starts_with("invoke") && since_dsml_.find("\">") == std::string::npos;
      if (begin != deltas.end() && half_name) {
        deltas.erase(begin, deltas.end());
        return;
      }
      std::string arguments = begin != deltas.end() ? "" : arguments_;
      ReplyDelta* last = nullptr;
      for (ReplyDelta& delta : deltas) {
        if (delta.kind != Kind::kCallArguments) continue;
        arguments += delta.text;
        last = &delta;
      }
      // Closed by the parser, if it is whole.
      if (last != nullptr && last->text.ends_with('}') && parse_json(arguments)) {
        last->text.pop_back();
        if (arguments == "{}") last->text.clear();
      }
      return;
    }
    const std::string opening = "<" + std::string(kDsmlToken) + since_dsml_;
    if (deltas.back().kind != Kind::kContent || !deltas.back().text.ends_with(opening)) return;
    if (!std::string_view("tool_calls>\n").starts_with(since_dsml_)) return;
    std::string& text = deltas.back().text;
    text.resize(text.size() - opening.size());
    while (text.ends_with('\n')) text.pop_back();
    emit(ReplyEvent::Kind::kContent, tail_.feed(stop_.flush()));
    tail_.flush();
  }

  void take(const std::vector<ReplyDelta>& deltas) {
    for (const ReplyDelta& delta : deltas) {
      if (stopped_) return;
      take(delta);
    }
  }

  void take(const ReplyDelta& delta) {
    using Kind = ReplyDelta::Kind;
    switch (delta.kind) {
      case Kind::kReasoning:
        return emit(ReplyEvent::Kind::kReasoning, reasoning_.feed(delta.text));
      case Kind::kContent:
        in_reasoning_ = false;
        return say(delta.text);
      case Kind::kCallBegin:
        in_reasoning_ = false;
        emit(ReplyEvent::Kind::kContent, tail_.feed(stop_.flush()));
        tail_.flush();  // line ends before calls say nothing
        logprobs_.clear();
        in_call_ = true;
        arguments_.clear();
        events_.push_back({ReplyEvent::Kind::kCallBegin, delta.text});
        return;
      case Kind::kCallArguments:
        logprobs_.clear();
        arguments_ += delta.text;
        if (!delta.text.empty()) events_.push_back({ReplyEvent::Kind::kCallArguments, delta.text});
        return;
      case Kind::kCallEnd:
        logprobs_.clear();
        in_call_ = false;
        events_.push_back({ReplyEvent::Kind::kCallEnd, "", delta.complete});
        return;
    }
  }

  // Content without the line ends at its start, in JSON mode without what is around the JSON, up to a stop
  // string.
  void say(std::string_view text) {
    if (content_begins_) {
      text.remove_prefix(std::min(text.find_first_not_of('\n'), text.size()));
      if (text.empty()) return;
      content_begins_ = false;
    }
    show(reading_.parse_json_output ? json_.feed(text) : std::string(text));
  }

  void show(const std::string& text) {
    if (text.empty()) return;
    emit(ReplyEvent::Kind::kContent, tail_.feed(stop_.feed(text)));
    if (!stop_.found()) return;
    emit(ReplyEvent::Kind::kContent, tail_.flush());
    stopped_ = true;
    stop_string = stop_.which();
  }

  void end_content() {
    if (stopped_) return;
    show(json_.finish());
    if (stopped_) return;
    emit(ReplyEvent::Kind::kContent, tail_.feed(stop_.flush()) + tail_.flush());
  }

  void emit(ReplyEvent::Kind kind, std::string text) {
    if (text.empty()) return;
    events_.push_back({kind, std::move(text), false, std::exchange(logprobs_, {})});
  }

  OutputReading reading_;
  const Tokenizer& tokenizer_;
  StreamDecoder decoder_;
  ReplyParser parser_;
  bool in_reasoning_;
  LineEnds reasoning_;
  bool content_begins_;  // line ends are dropped
  JsonFilter json_;
  StopStrings stop_;
  LineEnds tail_{false};
  int32_t dsml_;
  int32_t end_think_;
  int32_t eos_;
  bool after_dsml_ = false;  // a DSML token is held back
  std::string name_;         // what follows it, until it is clear whether it is one of the names
  std::string since_dsml_;   // the text after the last DSML token
  bool block_pending_ = false;
  std::string opening_;  // while block_pending_
  bool in_call_ = false;
  bool in_value_ = false;
  std::string arguments_;  // of the call
  bool stopped_ = false;
  bool is_over_ = false;
  std::vector<TokenLogprobs> logprobs_;  // of tokens whose text has not come out
  std::vector<ReplyEvent> events_;
};

ReplyReader::ReplyReader(OutputReading reading, const Tokenizer& tokenizer)
    : state_(std::make_unique<State>(std::move(reading), tokenizer)) {}
ReplyReader::~ReplyReader() = default;
ReplyReader::ReplyReader(ReplyReader&&) noexcept = default;
ReplyReader& ReplyReader::operator=(ReplyReader&&) noexcept = default;

std::vector<ReplyEvent> ReplyReader::feed(int32_t id, const std::optional<Logprobs>& logprobs) {
  return state_->feed(id, logprobs);
}
std::vector<ReplyEvent> ReplyReader::finish() { return state_->finish(); }
bool ReplyReader::stopped() const { return state_->stopped(); }
const std::string& ReplyReader::stop_string() const { return state_->stop_string; }
bool ReplyReader::in_reasoning() const { return state_->in_reasoning(); }

}  // namespace hadal
