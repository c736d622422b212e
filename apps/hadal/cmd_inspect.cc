// hadal inspect: what is in a file or a model's folder, and is it sound?
#include <iostream>
#include <memory>

#include "commands.h"
#include "model_options.h"
#include "tools/inspect.h"

namespace hadal {

void add_inspect(CLI::App& app, std::function<void()>& run) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* const command =
      app.add_subcommand("inspect", "look into a model's folder, or a safetensors, GGUF or JSON file");
  command->add_option("PATH", options->path, "the file or folder")->required();
  command->add_flag("--check", options->check,
                    "only say whether it is sound (exit code 3 if not); reads all weights of a folder");
  command->add_flag("--json", options->json, "print JSON");
  command->add_option("--ctx", options->ctx, "also plan the memory for so many tokens (folders)")
      ->check(CLI::PositiveNumber);
  add_engram_option(*command, options->engram);
  command->callback([options, &run] {
    run = [options] {
      std::ios::sync_with_stdio(false);
      inspect(*options, std::cout);
    };
  });
}

}  // namespace hadal
