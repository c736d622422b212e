// hadal eval skills: a model answers the held-out cases of data/make.py at temperature 0, and its answers are
// judged (skill_checks.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "tools/loaded_model.h"

namespace hadal {

struct EvalSkillsOptions {
  ModelOptions model;
  std::vector<std::string> files;  // JSONL of cases, each file one skill in one language
  int64_t limit = 0;               // cases of each file; 0: all
  int64_t max_new_tokens = 400;
  std::string out;      // JSON with the scores
  std::string replies;  // JSONL with every reply and its verdict; empty: none
};

// One line of a file.
struct SkillCase {
  std::string skill;
  std::string language;
  std::string thinking_mode;
  JsonArray messages;
  Json check;
};
// Error(kInvalidModel) naming file and line.
std::vector<SkillCase> read_skill_cases(const std::string& path, int64_t limit);

// Writes options.out when all is done; returns its text.
std::string eval_skills(const EvalSkillsOptions& options);

}  // namespace hadal
