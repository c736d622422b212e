// What answers the requests of `hadal serve`: a model behind an engine, or a script.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/generator.h"
#include "serve_options.h"
#include "server/api.h"
#include "text/literals.h"
#include "text/tokenizer.h"
#include "tools/loaded_model.h"

namespace hadal {

// How far a model has been loaded. One thread loads, others ask and may stop it.
class LoadProgress {
 public:
  void begin(uint64_t bytes) { all_ = bytes; }
  // Error(kInterrupted) where it is to stop.
  void add(uint64_t bytes);
  // From 0 to 1.
  double part() const;
  void stop() { stopping_ = true; }
  bool has_stopped() const { return stopped_; }

 private:
  std::atomic<uint64_t> all_{0};
  std::atomic<uint64_t> done_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> stopped_{false};
};

// A generator and what it needs; the one refers to the other, so they stay where they are.
struct Backend {
  Tokenizer tokenizer;
  ChatLiterals literals;
  std::unique_ptr<LoadedModel> loaded;
  std::unique_ptr<Generator> generator;
  std::string name;
};

// Error(kNoMemory) before a weight is read where it would not fit.
std::unique_ptr<Backend> open_backend(const ServeOptions& options, LoadProgress& progress);
// The names under which the server may be called, beside this machine's own.
std::vector<std::string> known_hosts(const ServeOptions& options);
// What the requests for it may say.
ApiConfig api_config(const ServeOptions& options, const Backend& backend, std::vector<std::string> keys);

}  // namespace hadal
