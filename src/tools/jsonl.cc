#include "tools/jsonl.h"

#include <istream>
#include <ostream>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

namespace hadal {

void for_each_json_line(std::istream& in, std::ostream& out,
                        const std::function<std::string(const std::string& line)>& answer) {
  std::string line;
  while (std::getline(in, line)) {
    std::string said;
    try {
      said = answer(line);
    } catch (const Error& error) {
      std::string message;
      const std::string_view what = error.what();
      if (append_repaired_utf8(what, message) != what.size()) message += kReplacementCharacter;
      said = "{\"error\":" + json_quoted(message) + "}";
    }
    out << said << '\n';
    if (!out) fail(ErrorCode::kIo, "standard output: write failed");
  }
}

}  // namespace hadal
