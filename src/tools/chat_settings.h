// What /set changes: the sampling, the longest reply, whether reasoning is shown. Each has a name, a value
// that can be read and written as text, and one line of help.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sampler.h"

namespace hadal {

struct ChatSettings {
  SamplingParams sampling;
  int64_t max_new_tokens = 0;  // 0: as long as there is room
  bool show_reasoning = true;
};

struct SettingText {
  std::string name;
  std::string value;
  std::string help;
};
std::vector<SettingText> list_settings(const ChatSettings& settings);

// Error(kUsage) for an unknown name (listing those there are) or a value that cannot be; settings are then as
// before.
void change_setting(ChatSettings& settings, std::string_view name, std::string_view value,
                    int64_t vocab_size);

}  // namespace hadal
