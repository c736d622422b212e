#include "tools/first_token.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/error.h"

extern char** environ;  // NOLINT: what POSIX calls it

namespace hadal {
namespace {

// Every character is a token of its own in any byte-level vocabulary: with the first token, ten.
constexpr const char* kPrompt = "1 2 3 4 5";
constexpr int kRuns = 3;

// numerics and load as the command line spells them.
std::string_view numerics_name(Numerics numerics) {
  switch (numerics) {
    case Numerics::kFp32:
      return "fp32";
    case Numerics::kStored:
      return "stored";
    case Numerics::kNative:
      return "native";
    case Numerics::kOfficial:
      return "official";
  }
  return "";
}

struct Pipe {
  int read = -1;
  int write = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      fail(ErrorCode::kFailure, "cannot make a pipe: {}", std::strerror(errno));
    read = ends[0];
    write = ends[1];
  }
  ~Pipe() {
    ::close(read);
    if (write >= 0) ::close(write);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

// Starts the program with its output in the pipe; returns its process.
pid_t start(const std::vector<std::string>& arguments, const Pipe& pipe) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe.write, STDOUT_FILENO);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail(ErrorCode::kFailure, "cannot start hadal run: {}", std::strerror(error));
  return child;
}

double run_once(const std::vector<std::string>& arguments) {
  Pipe pipe;
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = start(arguments, pipe);
  ::close(std::exchange(pipe.write, -1));
  char buffer[256];
  ssize_t got = 0;
  do {
    got = ::read(pipe.read, buffer, sizeof buffer);
  } while (got < 0 && errno == EINTR);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  while (::read(pipe.read, buffer, sizeof buffer) > 0) {
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (got <= 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail(ErrorCode::kFailure, "`hadal run` gave no first token (status {}); try it by itself", status);
  return seconds.count();
}

}  // namespace

double first_token_seconds(const ModelOptions& options) {
  std::vector<std::string> arguments{"hadal",       "-q",
                                     "run",         options.dir,
                                     "-p",          kPrompt,
                                     "-n",          "1",
                                     "--temp",      "0",
                                     "--speculate", "off",
                                     "--threads",   std::to_string(chosen_threads(options)),
                                     "--numerics",  std::string(numerics_name(options.numerics)),
                                     "--load",      options.load == LoadMode::kMmap ? "mmap" : "read"};
  if (options.engram) {
    arguments.emplace_back("--engram");
    arguments.emplace_back(engram_source_name(*options.engram));
  }
  std::array<double, kRuns> seconds{};
  for (double& one : seconds) one = run_once(arguments);
  std::ranges::sort(seconds);
  return seconds[kRuns / 2];
}

}  // namespace hadal
