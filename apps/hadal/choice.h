// An option whose value is one of a few names: `--load mmap|read`.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace hadal {

// Help shows the names as the option's type; any other value is a usage error that lists them.
template <typename Value>
CLI::Option* add_choice(CLI::App& command, const char* name, Value& value,
                        std::initializer_list<std::pair<const char*, Value>> names, const char* help) {
  std::string all;
  for (const auto& [text, meaning] : names) all += (all.empty() ? "" : "|") + std::string(text);
  const std::vector<std::pair<std::string, Value>> known(names.begin(), names.end());
  const auto parse = [known, all, name, &value](const CLI::results_t& results) {
    const auto found =
        std::find_if(known.begin(), known.end(), [&](const auto& one) { return one.first == results[0]; });
    if (found == known.end()) throw CLI::ValidationError(name, results[0] + " is none of " + all);
    value = found->second;
    return true;
  };
  return command.add_option(name, parse, help)->type_name(all)->expected(1);
}

}  // namespace hadal
