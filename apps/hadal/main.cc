// hadal: argv -> one library call. Each subcommand lives in its own cmd_*.cc and registers itself here.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <functional>
#include <new>

#include "base/error.h"
#include "base/log.h"
#include "commands.h"

namespace {

// At once, with the exit code that a shell would report. What our parent ignores (nohup) stays ignored.
void leave_on(int signal) {
  struct sigaction action{};
  if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) return;
  action.sa_handler = [](int number) { _exit(128 + number); };
  sigaction(signal, &action, nullptr);
}

// argv -> one library call; the exit code.
int run_program(int argc, char** argv) {
  CLI::App app{"hadal: run the DeepSeek-V4 family of models on this machine", "hadal"};
  app.require_subcommand(1);
  app.set_version_flag("--version", HADAL_VERSION);
  bool quiet = false;
  bool verbose = false;
  app.add_flag("-q,--quiet", quiet, "print errors only");
  app.add_flag("-v,--verbose", verbose, "print debug messages too");
  app.fallthrough();
  std::function<void()> run;
  for (const auto add : hadal::kCommands) add(app, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : static_cast<int>(hadal::ErrorCode::kUsage);
  }
  hadal::set_log_verbosity(quiet ? -1 : verbose ? 1 : 0);
  run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using hadal::ErrorCode;
  leave_on(SIGINT);
  leave_on(SIGTERM);
  try {
    return run_program(argc, argv);
  } catch (const hadal::Error& e) {
    std::fprintf(stderr, "hadal: %s\n", e.what());
    return static_cast<int>(e.code());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "hadal: out of memory\n");
    return static_cast<int>(ErrorCode::kNoMemory);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "hadal: %s\n", e.what());
    return static_cast<int>(ErrorCode::kFailure);
  }
}
