// The subcommands. Each adds itself to the app and, when chosen, puts what it does into `run`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace hadal {

using AddCommand = void (*)(CLI::App& app, std::function<void()>& run);

void add_bench(CLI::App& app, std::function<void()>& run);
void add_chat(CLI::App& app, std::function<void()>& run);
void add_data(CLI::App& app, std::function<void()>& run);
void add_eval(CLI::App& app, std::function<void()>& run);
void add_finetune(CLI::App& app, std::function<void()>& run);
void add_inspect(CLI::App& app, std::function<void()>& run);
void add_make_random(CLI::App& app, std::function<void()>& run);
void add_render(CLI::App& app, std::function<void()>& run);
void add_run(CLI::App& app, std::function<void()>& run);
void add_serve(CLI::App& app, std::function<void()>& run);
void add_tokenize(CLI::App& app, std::function<void()>& run);
void add_tokenizer(CLI::App& app, std::function<void()>& run);
void add_train(CLI::App& app, std::function<void()>& run);

inline constexpr AddCommand kCommands[] = {
    add_bench,  add_chat, add_data,  add_eval,     add_finetune,  add_inspect, add_make_random,
    add_render, add_run,  add_serve, add_tokenize, add_tokenizer, add_train,
};

}  // namespace hadal
