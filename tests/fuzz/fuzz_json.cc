// What is read is written, and what is written reads as itself; what is refused says where.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/python_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  hadal::JsonProblem problem;
  const std::optional<hadal::Json> value = hadal::parse_json(text, &problem);
  if (!value) {
    CHECK(*problem.what != '\0' && problem.offset <= size);
    return 0;
  }
  const std::string written = hadal::dump_json(*value);
  const std::optional<hadal::Json> again = hadal::parse_json(written);
  CHECK(again && hadal::dump_json(*again) == written);
  CHECK(hadal::python_truth(&*value) == hadal::python_truth(&*again));
  // repr() says every string in printable characters, so it is UTF-8 whatever the strings hold.
  if (hadal::is_valid_utf8(text) && value->string() == nullptr)
    CHECK(hadal::is_valid_utf8(hadal::python_str(*value)));
  return 0;
}
