// What answers the requests of `hadal serve`: a model behind an engine, or a script.
#pragma once

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

// A generator and what it needs.
struct Backend {
  Tokenizer tokenizer;
  ChatLiterals literals;
  std::unique_ptr<LoadedModel> loaded;
  std::unique_ptr<Generator> generator;
  std::string name;
};

// Error(kNoMemory) before a weight is read where it would not fit.
Backend open_backend(const ServeOptions& options);
// What the requests for it may say.
ApiConfig api_config(const ServeOptions& options, const Backend& backend, std::vector<std::string> keys);

}  // namespace hadal
