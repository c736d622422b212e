#include "tools/chat_settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "base/error.h"

namespace hadal {
namespace {

struct Setting {
  std::string_view name;
  std::string_view help;
  std::string (*get)(const ChatSettings&);
  bool (*set)(ChatSettings&, std::string_view);  // false: not such a value
};

template <typename T>
bool read_number(std::string_view text, T& into) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  into = value;
  return true;
}

template <auto Member>
constexpr Setting sampling_setting(std::string_view name, std::string_view help) {
  return {name, help, [](const ChatSettings& s) { return fmt::to_string(s.sampling.*Member); },
          [](ChatSettings& s, std::string_view text) { return read_number(text, s.sampling.*Member); }};
}

bool set_reasoning(ChatSettings& settings, std::string_view text) {
  if (text != "show" && text != "hide") return false;
  settings.show_reasoning = text == "show";
  return true;
}

bool set_length(ChatSettings& settings, std::string_view text) {
  int64_t value = 0;
  if (!read_number(text, value) || value < 0) return false;
  settings.max_new_tokens = value;
  return true;
}

constexpr Setting kSettings[] = {
    sampling_setting<&SamplingParams::temperature>("temp", "0: always the most likely token"),
    sampling_setting<&SamplingParams::top_k>("top-k", "draw among this many most likely tokens; 0: all"),
    sampling_setting<&SamplingParams::top_p>("top-p",
                                             "draw among those that have this probability together; 1: all"),
    sampling_setting<&SamplingParams::min_p>("min-p",
                                             "leave out what is less likely than this share of the best"),
    sampling_setting<&SamplingParams::repetition_penalty>("repeat-penalty", "1: off"),
    sampling_setting<&SamplingParams::presence_penalty>("presence-penalty", "0: off"),
    sampling_setting<&SamplingParams::frequency_penalty>("frequency-penalty", "0: off"),
    sampling_setting<&SamplingParams::seed>("seed", "the same seed gives the same answers"),
    {"max-tokens", "longest reply; 0: as long as there is room",
     [](const ChatSettings& s) { return fmt::to_string(s.max_new_tokens); }, set_length},
    {"reasoning", "show or hide",
     [](const ChatSettings& s) { return std::string(s.show_reasoning ? "show" : "hide"); }, set_reasoning},
};

}  // namespace

std::vector<SettingText> list_settings(const ChatSettings& settings) {
  std::vector<SettingText> list;
  for (const Setting& setting : kSettings)
    list.push_back({std::string(setting.name), setting.get(settings), std::string(setting.help)});
  return list;
}

void change_setting(ChatSettings& settings, std::string_view name, std::string_view value,
                    int64_t vocab_size) {
  std::vector<std::string_view> names;
  for (const Setting& setting : kSettings) {
    names.push_back(setting.name);
    if (setting.name != name) continue;
    ChatSettings changed = settings;
    if (!setting.set(changed, value))
      fail(ErrorCode::kUsage, "{} cannot be \"{}\": {}", name, value, setting.help);
    check_sampling_params(changed.sampling, vocab_size);
    settings = std::move(changed);
    return;
  }
  fail(ErrorCode::kUsage, "there is no setting \"{}\"; there are {}", name, fmt::join(names, ", "));
}

}  // namespace hadal
