#include "server/scripted_generator.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "server/request_error.h"
#include "server/request_json.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxScriptBytes = uint64_t{1} << 30;

struct ScriptLine {
  std::vector<std::vector<int32_t>> pieces;  // the tokens that end in each
  int64_t tokens_per_piece = 1;
  FinishReason finish = FinishReason::kEnough;
  std::optional<int64_t> prompt_tokens;
  std::optional<int64_t> cached_tokens;
  std::chrono::milliseconds delay{0};
  std::string match;
  bool used = false;
};

// The tokens of the text, a group for each piece; without pieces each token is one.
std::vector<std::vector<int32_t>> cut_tokens(const std::string& text, const JsonArray* pieces,
                                             const Tokenizer& tokenizer) {
  std::vector<std::vector<int32_t>> groups;
  size_t at = 0;
  size_t end = 0;  // of the piece
  for (const int32_t id : tokenizer.encode(text)) {
    at += tokenizer.token_bytes(id).size();
    if (pieces == nullptr) {
      groups.push_back({id});
      continue;
    }
    while (groups.empty() || (end < at && groups.size() < pieces->size())) {
      end += (*pieces)[groups.size()].string()->size();
      groups.emplace_back();
    }
    groups.back().push_back(id);
  }
  if (pieces != nullptr) groups.resize(pieces->size());
  return groups;
}

ScriptLine read_line(const Json& value, const Tokenizer& tokenizer) {
  const RequestObject line(value, "");
  ScriptLine script;
  std::string text = line.find("text") == nullptr ? "" : line.need_text("text");
  const JsonArray* const pieces = line.list("pieces");
  if (pieces != nullptr) {
    std::string joined;
    for (const Json& piece : *pieces) {
      if (piece.string() == nullptr) refuse("pieces", "a piece is no string");
      joined += *piece.string();
    }
    if (line.find("text") != nullptr && joined != text) refuse("pieces", "together they are not the text");
    text = std::move(joined);
  }
  script.pieces = cut_tokens(text, pieces, tokenizer);
  script.tokens_per_piece = static_cast<int64_t>(line.count("tokens_per_piece").value_or(1));
  if (const std::string* const finish = line.choice("finish", {"stop", "length", "content_filter"}))
    script.finish = *finish == "stop"     ? FinishReason::kStopToken
                    : *finish == "length" ? FinishReason::kLength
                                          : FinishReason::kContentFilter;
  if (const std::optional<RequestObject> usage = line.object("usage")) {
    script.prompt_tokens = static_cast<int64_t>(usage->count("prompt_tokens").value_or(0));
    script.cached_tokens = static_cast<int64_t>(usage->count("cached_tokens").value_or(0));
  }
  script.delay = std::chrono::milliseconds(std::min<uint64_t>(line.count("delay_ms").value_or(0), 3600000));
  if (const std::string* const match = line.text("match")) script.match = *match;
  return script;
}

std::vector<ScriptLine> read_script(const std::string& path, const Tokenizer& tokenizer) {
  const std::string content = read_file(path, kMaxScriptBytes);
  std::vector<ScriptLine> script;
  size_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const std::string_view line = std::string_view(content).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    try {
      script.push_back(read_line(parse_request_json(line), tokenizer));
    } catch (const Error& error) {
      fail(ErrorCode::kUsage, "{}:{}: {}", path, number, error.what());
    }
  }
  return script;
}

class ScriptedGenerator : public Generator {
 public:
  ScriptedGenerator(std::vector<ScriptLine> script, const Tokenizer& tokenizer, int64_t max_context)
      : script_(std::move(script)),
        tokenizer_(tokenizer),
        max_context_(max_context),
        thread_([this] { run(); }) {}

  ~ScriptedGenerator() override { ScriptedGenerator::stop(); }

  int64_t vocab_size() const override { return static_cast<int64_t>(tokenizer_.vocab_size()); }
  int64_t max_context() const override { return max_context_; }

  Submission submit(GenerationRequest request) override {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return Refusal{Refusal::Reason::kStopping, 0, "the server is stopping"};
    const std::string prompt = tokenizer_.decode(request.prompt);
    for (ScriptLine& line : script_) {
      if (line.used || prompt.find(line.match) == std::string::npos) continue;
      line.used = true;
      Play play;
      play.line = &line;
      play.stream = std::make_shared<TokenStream>();
      play.prompt_size = static_cast<int64_t>(request.prompt.size());
      if (request.top_logprobs) play.logprobs = Logprobs{};
      play.finished.reason = line.finish;
      play.finished.usage.prompt_tokens = line.prompt_tokens.value_or(play.prompt_size);
      play.finished.usage.cached_tokens = line.cached_tokens.value_or(0);
      play.next = Clock::now() + line.delay;
      play.deadline = request.deadline;
      const Usage& usage = play.finished.usage;
      play.stream->push(PromptProgress{usage.prompt_tokens, usage.prompt_tokens, usage.cached_tokens});
      if (request.prompt_logprobs)
        for (int64_t i = 0; i < play.prompt_size; ++i)
          play.stream->push(PromptToken{request.prompt[static_cast<size_t>(i)], i,
                                        i == 0 ? std::nullopt : std::optional(Logprobs{})});
      std::shared_ptr<TokenStream> stream = play.stream;
      plays_.push_back(std::move(play));
      stats_.running = std::ssize(plays_);
      changed_.notify_all();
      return stream;
    }
    ++stats_.refused_requests;
    return Refusal{Refusal::Reason::kStopping, 1, "the script has no line left for this request"};
  }

  void prefill_in_background(std::vector<int32_t>, std::string) override {}

  GeneratorStats stats() const override {
    const std::scoped_lock lock(mutex_);
    return stats_;
  }

  bool drain(std::chrono::milliseconds at_most) override {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    return changed_.wait_for(lock, at_most, [this] { return plays_.empty(); });
  }

  void stop() override {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = stopped_ = true;
      changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Play {
    const ScriptLine* line = nullptr;
    std::shared_ptr<TokenStream> stream;
    int64_t prompt_size = 0;
    std::optional<Logprobs> logprobs;
    Finished finished;
    size_t next_piece = 0;
    Clock::time_point next;
    Clock::time_point deadline;
  };

  void run() {
    // Cancelled and slow readers do not announce themselves here, so they are looked at this often.
    constexpr std::chrono::milliseconds kStep{2};
    std::unique_lock lock(mutex_);
    while (!stopped_ || !plays_.empty()) {
      Clock::time_point next = Clock::now() + kStep;
      std::erase_if(plays_, [this](Play& play) { return advance(play); });
      stats_.running = std::ssize(plays_);
      changed_.notify_all();
      if (plays_.empty()) {
        changed_.wait(lock, [this] { return stopped_ || !plays_.empty(); });
        continue;
      }
      for (const Play& play : plays_) next = std::min(next, play.next);
      changed_.wait_until(lock, std::max(next, Clock::now() + std::chrono::microseconds(100)));
    }
  }

  // Gives out what is due. True: it has ended.
  bool advance(Play& play) {
    for (; play.next_piece < play.line->pieces.size(); ++play.next_piece) {
      const bool is_late = Clock::now() >= play.deadline;
      if (stopped_ || is_late || play.stream->is_cancelled()) {
        play.finished.reason = stopped_  ? FinishReason::kStopping
                               : is_late ? FinishReason::kDeadline
                                         : FinishReason::kCancelled;
        break;
      }
      if (play.stream->is_full() || play.next > Clock::now()) return false;
      play.finished.usage.new_tokens += play.line->tokens_per_piece;
      const int64_t position = play.prompt_size + play.finished.usage.new_tokens - 1;
      for (const int32_t id : play.line->pieces[play.next_piece])
        play.stream->push(GeneratedToken{id, position, false, play.logprobs});
      play.next = std::max(play.next + play.line->delay, Clock::now());
    }
    ++stats_.finished_requests;
    stats_.prompt_tokens += play.finished.usage.prompt_tokens;
    stats_.cached_tokens += play.finished.usage.cached_tokens;
    stats_.new_tokens += play.finished.usage.new_tokens;
    play.stream->push(play.finished);
    return true;
  }

  std::vector<ScriptLine> script_;
  const Tokenizer& tokenizer_;
  int64_t max_context_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool stopped_ = false;
  GeneratorStats stats_;
  std::vector<Play> plays_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Generator> make_scripted_generator(const std::string& path, const Tokenizer& tokenizer,
                                                   int64_t max_context) {
  return std::make_unique<ScriptedGenerator>(read_script(path, tokenizer), tokenizer, max_context);
}

}  // namespace hadal
