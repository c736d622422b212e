// Judges one reply against the check of a held-out case (data/README.md): is it well formed, is it right,
// does it repeat itself.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "text/reply_parser.h"

namespace hadal {

struct SkillVerdict {
  bool well_formed = true;  // calls that parse, JSON that fits its schema; other checks ask for no form
  bool right = false;
};

// The names of the checks: number, keywords, tool_calls, no_call, json_schema, free. `text` is the reply as
// it was written, control tokens and the end of text included. Error(kInvalidModel) for a check that is none
// of these or lacks a field.
SkillVerdict judge_reply(const Json& check, std::string_view text, bool thinking,
                         ChatDialect dialect = ChatDialect::kV4Preview);

// Whether a reply goes round in circles: some stretch of words stands three times in a row (12 words or more
// in all), or a stretch of eight words stands four times anywhere.
bool repeats_itself(std::string_view text);

}  // namespace hadal
