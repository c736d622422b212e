#include "tools/terminal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace hadal {
namespace {

constexpr int kEscapeWaitMs = 50;
constexpr std::string_view kPasteOn = "\x1b[?2004h";
constexpr std::string_view kPasteOff = "\x1b[?2004l";

// What the signal handlers touch.
std::atomic<bool> g_interrupted{false};
std::atomic<int> g_terminal{-1};  // a descriptor whose mode must be put back, or -1
termios g_original{};

void put_back_mode() {
  if (g_terminal >= 0) tcsetattr(g_terminal, TCSADRAIN, &g_original);
}

void on_signal(int signal) {
  if (signal == SIGWINCH) return;  // it only ends the wait for a key
  if (signal == SIGINT && !g_interrupted.exchange(true)) return;
  put_back_mode();
  _exit(128 + signal);
}

// Without SA_RESTART, so that a read that waits returns. What our parent ignores (nohup) stays ignored.
void handle(int signal, void (*handler)(int)) {
  struct sigaction action{};
  if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) return;
  action = {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

bool is_set(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

// Raw while a line is edited, else only without echo.
void set_mode(bool raw) {
  termios mode = g_original;
  mode.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  if (raw) {
    mode.c_iflag &= ~static_cast<tcflag_t>(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
    mode.c_lflag &= ~static_cast<tcflag_t>(ICANON | IEXTEN | ISIG);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
  }
  tcsetattr(g_terminal, TCSADRAIN, &mode);
}

struct RawMode {
  RawMode() { set_mode(true); }
  ~RawMode() { set_mode(false); }
  RawMode(const RawMode&) = delete;
  RawMode& operator=(const RawMode&) = delete;
};

// Bytes read, 0 at the end of input, -1 when a signal came first, -2 when nothing came within timeout_ms (>=
// 0).
ssize_t read_some(int fd, char* into, size_t size, int timeout_ms) {
  pollfd wait{fd, POLLIN, 0};
  const int ready = ::poll(&wait, 1, timeout_ms);
  if (ready == 0) return -2;
  const ssize_t n = ready < 0 ? -1 : ::read(fd, into, size);
  if (n >= 0) return n;
  if (errno == EIO) return 0;  // the terminal is gone
  if (errno != EINTR) fail(ErrorCode::kIo, "standard input: read failed: {}", std::strerror(errno));
  return -1;
}

}  // namespace

Terminal::Terminal(int in, int out) : in_(in), out_(out), shows_(isatty(out) == 1) {
  const char* const kind = std::getenv("TERM");
  const bool dumb = kind == nullptr || std::string_view(kind) == "dumb";
  coloured_ = shows_ && !dumb && !is_set("NO_COLOR");
  edits_ = shows_ && !dumb && tcgetattr(in, &g_original) == 0;
  prompts_ = shows_ && isatty(in) == 1;
  clear_interrupt();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) handle(signal, on_signal);
  if (!edits_) return;
  g_terminal = in;
  set_mode(false);
}

Terminal::~Terminal() {
  put_back_mode();
  g_terminal = -1;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) handle(signal, SIG_DFL);
}

bool Terminal::interrupted() { return g_interrupted; }
void Terminal::clear_interrupt() { g_interrupted = false; }

Terminal::Input Terminal::read(LineEditor& editor, std::string_view prompt, std::string_view continuation) {
  Input input = edits_ ? read_edited(editor, prompt, continuation) : read_plainly(prompt, continuation);
  clear_interrupt();
  return input;
}

Terminal::Input Terminal::read_edited(LineEditor& editor, std::string_view prompt,
                                      std::string_view continuation) {
  const RawMode raw;
  LineEditorView view;
  editor.clear();
  write(kPasteOn);
  const auto draw = [&] {
    const std::string search =
        editor.search() != nullptr ? fmt::format("search \"{}\": ", *editor.search()) : std::string();
    write(view.draw({.prompt = search.empty() ? prompt : search,
                     .continuation = continuation,
                     .text = editor.text(),
                     .cursor = editor.cursor(),
                     .coloured = coloured_},
                    screen_size()));
  };
  const auto finish = [&](Status status) {
    draw();
    write(view.finish() + std::string(kPasteOff));
    return Input{status, std::string(editor.text())};
  };
  while (true) {
    if (pending_.empty()) {
      draw();
      char bytes[4096];
      const ssize_t n = read_some(in_, bytes, sizeof(bytes), editor.escape_pending() ? kEscapeWaitMs : -1);
      if (n == 0) return finish(Status::kEndOfInput);
      if (interrupted()) return finish(Status::kInterrupted);
      if (n == -2) editor.flush_escape();
      if (n > 0) pending_.assign(bytes, static_cast<size_t>(n));
    }
    EditorEvent event = EditorEvent::kNone;
    size_t used = 0;
    while (used < pending_.size() && event == EditorEvent::kNone) event = editor.feed(pending_[used++]);
    pending_.erase(0, used);
    switch (event) {
      case EditorEvent::kNone:
        break;
      case EditorEvent::kSubmit:
        return finish(Status::kLine);
      case EditorEvent::kInterrupt:
        return finish(Status::kInterrupted);
      case EditorEvent::kEndOfInput:
        return finish(Status::kEndOfInput);
      case EditorEvent::kClearScreen:
        write("\x1b[H\x1b[2J");
        view.forget();
        break;
      case EditorEvent::kSuspend:
        write(view.finish() + std::string(kPasteOff));
        put_back_mode();
        raise(SIGTSTP);
        set_mode(true);
        write(kPasteOn);
        break;
      case EditorEvent::kChoices:
        write(view.finish() + fmt::format("{}\r\n", fmt::join(editor.choices(), "  ")));
        break;
    }
  }
}

Terminal::Input Terminal::read_plainly(std::string_view prompt, std::string_view continuation) {
  if (prompts_) write(prompt);
  std::string text;
  while (true) {
    const auto line = read_plain_line();
    if (interrupted()) return {Status::kInterrupted, {}};
    if (!line) return {text.empty() ? Status::kEndOfInput : Status::kLine, text};
    text += *line;
    if (!continues(text)) return {Status::kLine, text};
    if (prompts_) write(continuation);
  }
}

// Without its newline; nothing at the end of input or when interrupted.
std::optional<std::string> Terminal::read_plain_line() {
  size_t searched = 0;
  while (true) {
    const size_t newline = pending_.find('\n', searched);
    if (newline != std::string::npos) {
      std::string line = pending_.substr(0, newline);
      pending_.erase(0, newline + 1);
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    searched = pending_.size();
    char bytes[65536];
    const ssize_t n = read_some(in_, bytes, sizeof(bytes), -1);
    if (n < 0 && interrupted()) return std::nullopt;
    if (n > 0) pending_.append(bytes, static_cast<size_t>(n));
    if (n != 0) continue;
    if (pending_.empty()) return std::nullopt;
    pending_ += '\n';
  }
}

ScreenSize Terminal::screen_size() const {
  winsize size{};
  if (::ioctl(out_, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

void Terminal::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::write(out_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::kIo, "standard output: write failed: {}", std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace hadal
