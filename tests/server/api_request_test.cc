// The request cases of golden/api: the same prompt, segments and parameters, or the same status and kind of
// error, except where tests/api/DEVIATIONS.md says otherwise.
#include <openssl/sha.h>

#include "api_cases.h"
#include "server/apply_template.h"
#include "server/request_error.h"

namespace hadal {
namespace {

const std::vector<std::string> kProtocols = {"chat", "responses", "messages"};

Json body_of(const Json& test_case) {
  if (const Json* const text = test_case.find("body_text")) return parse_request_json(*text->string());
  return parse_request_json(dump_json(*test_case.find("body")));
}

std::string sha256_hex(std::string_view text) {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const uint8_t*>(text.data()), text.size(), digest);
  std::string hex;
  for (const uint8_t byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

std::string joined_ids(const Json& ids) {
  std::string text;
  for (const Json& id : *ids.array()) text += (text.empty() ? "" : ",") + id.integer()->text;
  return text;
}

// What is different, in words; empty when nothing is.
std::string difference(const Json& got, const Json& expected) {
  for (const char* const key :
       {"prompt", "special_ranges", "thinking", "effort", "tools", "tool_choice", "response_format",
        "inference", "parsing", "stream", "echo", "namespace_tool_map"}) {
    const Json* const want = expected.find(key);
    const Json* const have = got.find(key);
    if (want == nullptr) continue;
    if (have == nullptr || !same_json(*have, *want))
      return fmt::format("{}: {} instead of {}", key, have == nullptr ? "nothing" : dump_json(*have),
                         dump_json(*want));
  }
  const Json& constraint = *expected.find("constraint");
  if (!constraint.is_null()) {
    const Json* const have = got.find("constraint");
    if (have->is_null()) return "no constraint";
    const std::string& want_text = *constraint.find("schema")->string();
    const std::string& have_text = *have->find("schema")->string();
    const std::optional<Json> want_json = parse_json(want_text);
    const std::optional<Json> have_json = parse_json(have_text);
    const bool same = want_json && have_json ? same_json(*want_json, *have_json) : want_text == have_text;
    if (!same || *have->find("kind")->string() != *constraint.find("kind")->string())
      return "constraint: " + dump_json(*have) + " instead of " + dump_json(constraint);
  } else if (!got.find("constraint")->is_null()) {
    return "a constraint";
  }
  const Json* const ids = expected.find("token_ids");
  if (ids != nullptr && !ids->is_null() && !same_json(*got.find("token_ids"), *ids)) return "token_ids";
  const Json* const hash = expected.find("token_ids_sha256");
  if (hash != nullptr && sha256_hex(joined_ids(*got.find("token_ids"))) != *hash->string())
    return "token_ids by hash";
  return "";
}

std::string outcome(const std::string& protocol, const Json& test_case, const RequestPolicy& policy,
                    const Json& expected) {
  try {
    const ChatRequest request = read_request(protocol, body_of(test_case), policy);
    const PromptPlan plan =
        plan_chat(request, policy, placeholder_literals(policy.format), tokenizer_of(policy.format));
    return difference(describe_plan(request, plan, policy), expected);
  } catch (const Error& error) {
    return std::string("refused: ") + error.what();
  }
}

TEST(ApiRequests, SharedCases) {
  HADAL_NEED_SHARED("golden/api/request");
  size_t checked = 0;
  size_t checked_v41 = 0;
  for (const std::string& protocol : kProtocols) {
    for (const std::string& file : json_files(api_path("request/" + protocol))) {
      const Json test_case = read_json(file);
      if (test_case.array() != nullptr) continue;
      const Json& expected = *test_case.find("expected");
      const bool is_v41 = *expected.find("encoding")->string() != "v4";
      ++(is_v41 ? checked_v41 : checked);
      const std::string name = "request/" + protocol + "/" + text_of(test_case, "name");
      RequestPolicy policy =
          policy_of(test_case.find("options"), is_v41 ? ChatDialect::kV41 : ChatDialect::kV40731);
      // The text of the package alone is in no shared file but in its own cases.
      if (const Json* const tools = expected.find("tools"))
        for (const Json& tool : *tools->array())
          if (*tool.find("name")->string() == "apply_patch")
            policy.apply_patch_text = *tool.find("description")->string();
      const std::string differs = outcome(protocol, test_case, policy, expected);
      EXPECT_EQ(differs.empty(), !deviations().contains(name)) << name << "\n  " << differs;
    }
  }
  std::cout << "checked " << checked << " cases of V4, " << checked_v41 << " of V4.1\n";
  EXPECT_GE(checked, 199U);
  EXPECT_GE(checked_v41, 363U);
}

TEST(ApiRequests, SharedRefusals) {
  HADAL_NEED_SHARED("golden/api/request");
  size_t checked = 0;
  for (const std::string& protocol : kProtocols) {
    const Json cases = read_json(api_path("request/" + protocol + "/errors.json"));
    for (const Json& test_case : *cases.array()) {
      const std::string& case_name = text_of(test_case, "name");
      const std::string name = "request/" + protocol + "/" + case_name;
      const ChatDialect format = case_name.ends_with("_v41") ? ChatDialect::kV41 : ChatDialect::kV40731;
      RequestPolicy policy = policy_of(test_case.find("options"), format);
      policy.model_names = {"DeepSeek-V4-Pro", "DeepSeek-V4.1-Flash"};
      int status = 200;
      try {
        const ChatRequest request = read_request(protocol, body_of(test_case), policy);
        plan_chat(request, policy, placeholder_literals(format), tokenizer_of(format));
      } catch (const RequestError& error) {
        status = error.status();
      } catch (const Error&) {
        status = 400;
      }
      ++checked;
      if (deviations().contains(name)) {
        EXPECT_EQ(status, 200) << name;
      } else {
        EXPECT_EQ(status, static_cast<int>(number_of(*test_case.find("error")->find("status")))) << name;
      }
    }
  }
  std::cout << "checked " << checked << " refusals\n";
  EXPECT_GE(checked, 270U);
}

TEST(ApiRequests, SharedTokenLimits) {
  HADAL_NEED_SHARED("golden/api/request/max_tokens.json");
  const Json cases = read_json(api_path("request/max_tokens.json"));
  for (const Json& test_case : *cases.array()) {
    SCOPED_TRACE(dump_json(test_case).substr(0, 300));
    RequestPolicy policy = policy_of(nullptr);
    policy.model_names = {"*"};
    const ChatRequest request = read_chat_request(*test_case.find("body"), policy);
    const auto resolve = [&] {
      return resolve_max_tokens(request.max_tokens, request,
                                static_cast<uint64_t>(number_of(*test_case.find("prompt_tokens"))),
                                static_cast<uint64_t>(number_of(*test_case.find("context_limit"))));
    };
    if (const Json* const limit = test_case.find("max_tokens")) {
      EXPECT_EQ(resolve(), static_cast<uint64_t>(number_of(*limit)));
    } else {
      EXPECT_THROW(resolve(), RequestError);
    }
  }
}

}  // namespace
}  // namespace hadal
