#include "tools/training_text.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/chat_format.h"
#include "text/control_tokens.h"
#include "text/python_text.h"

namespace hadal {
namespace {

// A file in lines, read in blocks.
class LineReader {
 public:
  LineReader(const std::string& path, uint64_t limit_bytes)
      : path_(path), limit_(limit_bytes), file_(std::fopen(path.c_str(), "rb"), &std::fclose) {
    if (file_ == nullptr || is_directory(path))
      fail(ErrorCode::kIo, "{}: cannot open: {}", path, std::strerror(file_ == nullptr ? errno : EISDIR));
  }

  // The next line without its line break; false at the end.
  bool next(std::string& line) {
    line.clear();
    ++number_;
    for (;;) {
      const size_t end = block_.find('\n', at_);
      const size_t stop = end == std::string::npos ? block_.size() : end;
      if (line.size() + (stop - at_) > limit_)
        fail(ErrorCode::kInvalidModel,
             "{}:{}: this line has more than {} bytes; cut it into several documents", path_, number_,
             limit_);
      line.append(block_, at_, stop - at_);
      at_ = stop;
      if (end != std::string::npos) {
        ++at_;
        return true;
      }
      if (!refill()) return !line.empty();
    }
  }

  uint64_t number() const { return number_; }

 private:
  bool refill() {
    block_.resize(size_t{1} << 20);
    const size_t read = std::fread(block_.data(), 1, block_.size(), file_.get());
    if (std::ferror(file_.get()) != 0)
      fail(ErrorCode::kIo, "{}: cannot read: {}", path_, std::strerror(errno));
    block_.resize(read);
    at_ = 0;
    return read != 0;
  }

  const std::string& path_;
  uint64_t limit_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::string block_;
  size_t at_ = 0;
  uint64_t number_ = 0;
};

[[noreturn]] void bad_line(const std::string& place, std::string_view problem) {
  fail(ErrorCode::kInvalidModel, "{}: {}", place, problem);
}

// Where the first byte is that belongs to no character.
std::optional<size_t> invalid_utf8_at(std::string_view text) {
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    const Utf8Char c = next_utf8(p, end);
    if (c.status != Utf8Status::kValid) return static_cast<size_t>(p - text.data());
    p += c.size;
  }
  return std::nullopt;
}

void check_utf8(std::string_view text, const std::string& place) {
  const std::optional<size_t> at = invalid_utf8_at(text);
  if (at)
    bad_line(place, fmt::format("not valid UTF-8: byte 0x{:02x} at offset {}",
                                static_cast<uint8_t>(text[*at]), *at));
}

TextRange append(std::string_view part, std::string& text) {
  const auto begin = static_cast<int64_t>(text.size());
  text += part;
  return {begin, static_cast<int64_t>(text.size())};
}

// All of it is learned, the end token too.
TrainingText plain_document(std::string_view content) {
  TrainingText document;
  document.specials.push_back(append(kBosToken, document.text));
  const TextRange body = append(content, document.text);
  document.specials.push_back(append(kEosToken, document.text));
  document.learned.push_back({body.begin, document.specials.back().end});
  return document;
}

bool has_reasoning(const JsonArray& messages) {
  for (const Json& message : messages)
    if (python_truth(message.find("reasoning_content"))) return true;
  return false;
}

// What follows each assistant header (its token, and <think> or </think>), up to its end token or the next
// user.
std::vector<TextRange> assistant_ranges(const RenderedPrompt& prompt) {
  std::vector<TextRange> ranges;
  const auto token = [&](size_t i) {
    const TextRange& range = prompt.special_ranges[i];
    return std::string_view(prompt.text)
        .substr(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin));
  };
  const size_t count = prompt.special_ranges.size();
  for (size_t i = 0; i + 1 < count; ++i) {
    if (token(i) != kAssistantToken) continue;
    const int64_t begin = prompt.special_ranges[++i].end;
    int64_t end = static_cast<int64_t>(prompt.text.size());
    while (i + 1 < count) {
      const std::string_view next = token(i + 1);
      if (next == kUserToken || next == kAssistantToken || next == kLatestReminderToken) {
        end = prompt.special_ranges[i + 1].begin;
        break;
      }
      ++i;
      if (next == kEosToken) {
        end = prompt.special_ranges[i].end;
        break;
      }
    }
    if (begin < end) ranges.push_back({begin, end});
  }
  return ranges;
}

TrainingText chat_document(const Json& line, const ChatLiterals& literals, const std::string& place) {
  const JsonArray* const messages = line.find("messages")->array();
  if (messages == nullptr || messages->empty()) bad_line(place, "\"messages\" is not a list of messages");
  ChatOptions options;
  options.thinking_mode = has_reasoning(*messages) ? "thinking" : "chat";
  if (const Json* const mode = line.find("thinking_mode")) options.thinking_mode = python_str(*mode);
  if (const Json* const effort = line.find("reasoning_effort")) options.reasoning_effort = *effort;
  TrainingText document;
  try {
    RenderedPrompt prompt = render_chat(literals, *messages, options);
    refuse_images(prompt);
    document.learned = assistant_ranges(prompt);
    document.text = std::move(prompt.text);
    document.specials = std::move(prompt.special_ranges);
    document.is_chat = true;
  } catch (const Error& error) {
    bad_line(place, error.what());
  }
  if (document.learned.empty()) bad_line(place, "no message of an assistant, so there is nothing to learn");
  return document;
}

// Nothing for an empty text.
std::optional<TrainingText> read_line(const std::string& line, const ChatLiterals& literals,
                                      const std::string& place) {
  check_utf8(line, place);
  JsonProblem problem;
  const std::optional<Json> value = parse_json(line, &problem);
  if (!value) bad_line(place, fmt::format("not JSON: {} at byte {}", problem.what, problem.offset));
  if (value->find("messages") != nullptr) return chat_document(*value, literals, place);
  const Json* const text = value->find("text");
  if (text == nullptr || text->string() == nullptr)
    bad_line(place, "expected an object with a string \"text\" or a list \"messages\"");
  check_utf8(*text->string(), place);  // an escape may have spelt half of a surrogate pair
  if (text->string()->empty()) return std::nullopt;
  return plain_document(*text->string());
}

}  // namespace

uint64_t for_each_training_text(const std::string& path, const ChatLiterals& literals, uint64_t limit_bytes,
                                const std::function<void(const TrainingText&)>& take) {
  if (!path.ends_with(".jsonl")) {
    const std::string content = read_file(path, limit_bytes);
    check_utf8(content, path);
    if (content.empty()) return 0;
    take(plain_document(content));
    return 1;
  }
  uint64_t documents = 0;
  LineReader lines(path, limit_bytes);
  for (std::string line; lines.next(line);) {
    if (line.empty() || line == "\r") continue;
    const auto document = read_line(line, literals, fmt::format("{}:{}", path, lines.number()));
    if (!document) continue;
    take(*document);
    ++documents;
  }
  return documents;
}

}  // namespace hadal
