// The body of a request, which is refused as the client's mistake or becomes a prompt and an answer. The
// first byte says the protocol, the format and the dialect.
#include <cstdint>

#include "base/error.h"
#include "server/generations.h"
#include "server/request_json.h"
#include "server_fuzz.h"

namespace hadal {
namespace {

constexpr ChatDialect kFormats[] = {ChatDialect::kV40731, ChatDialect::kV4Preview, ChatDialect::kV41,
                                    ChatDialect::kV32};

const ChatLiterals& literals_of(size_t format) {
  static const ChatLiterals literals[] = {own_chat_literals(kFormats[0]), own_chat_literals(kFormats[1]),
                                          own_chat_literals(kFormats[2]), own_chat_literals(kFormats[3])};
  return literals[format];
}

int64_t number(const Json& segment, std::string_view key) {
  return std::stoll(segment.find(key)->integer()->text);
}

void check_plan(const Json& plan) {
  const Json again = json_of(dump_json(plan));
  const std::string& prompt = *again.find("prompt")->string();
  CHECK(is_valid_utf8(prompt));
  int64_t at = 0;
  bool last_is_content = false;
  for (const Json& segment : *again.find("segments")->array()) {
    const bool is_content = *segment.find("type")->string() == "content";
    CHECK(number(segment, "begin") == at && number(segment, "end") > at);
    CHECK(!(is_content && last_is_content));
    last_is_content = is_content;
    at = number(segment, "end");
  }
  CHECK(at == std::ssize(prompt));
  std::vector<int32_t> ids;
  for (const Json& id : *again.find("token_ids")->array()) ids.push_back(std::stoi(id.integer()->text));
  // Token ids may be no text: then it is shown with marks of what could not be.
  CHECK(fuzz_tokenizer().decode(ids) == prompt || prompt.find(kReplacementCharacter) != std::string::npos);
}

void check_reply(ServedReply& reply) {
  const std::string text = drained(reply);
  CHECK(reply.status() == 200);
  if (!reply.streams()) {
    CHECK(json_of(reply.body()).object() != nullptr);
    return;
  }
  for (const ReadEvent& event : read_events(text))
    if (event.data != "[DONE]") CHECK(json_of(event.data).object() != nullptr);
}

void check(Protocol protocol, size_t format, Dialect dialect, std::string_view text) {
  ToldGenerator generator;
  static const std::vector<int32_t> said = fuzz_tokenizer().encode("r</think>It is {\"a\": 1}.");
  generator.tokens = said;
  Generations generations(generator, fuzz_tokenizer(), literals_of(format), "fp", nullptr);
  RequestContext context;
  context.policy.format = kFormats[format];
  context.policy.dialect = dialect;
  context.policy.json_object_text = "JSON";
  try {
    const Json body = parse_request_json(text);
    check_plan(generations.describe(protocol, body, context));
    CHECK(generations.count_tokens(protocol, body, context) <= text.size() * 64 + 4096);
    ApiAnswer answer = generations.begin(protocol, body, context);
    if (answer.reply) check_reply(*answer.reply);
  } catch (const RequestError& error) {
    CHECK(error.status() >= 400 && error.status() < 500);
    CHECK(is_valid_utf8(error.what()));
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace hadal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hadal;
  if (size < 2) return 0;
  const size_t format = data[0] / 4 % 4;
  const Dialect dialect = data[0] / 16 % 2 == 0 ? Dialect::kDefault : Dialect::kDeepSeek;
  check(static_cast<Protocol>(data[0] % 4), format, dialect,
        {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
