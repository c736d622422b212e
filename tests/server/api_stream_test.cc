// The stream cases of golden/api: the same merged events and the same folded answer, however the text is cut,
// except where tests/api/DEVIATIONS.md says otherwise.
#include "api_cases.h"
#include "server/reply_shaper.h"
#include "text/stop_strings.h"

namespace hadal {
namespace {

const std::vector<std::string> kProtocols = {"chat", "responses", "messages"};

// The text as tokens: control tokens where they are spelt, the rest as it is encoded, or a token a character.
std::vector<int32_t> tokens_of(const std::string& text, bool by_character) {
  const Tokenizer& tokenizer = real_tokenizer();
  const std::vector<int32_t> ids = tokenizer.encode(text);
  if (!by_character) return ids;
  std::vector<int32_t> out;
  for (const int32_t id : ids) {
    if (tokenizer.is_added(id)) {
      out.push_back(id);
      continue;
    }
    for (const char byte : tokenizer.token_bytes(id))
      for (const int32_t part : tokenizer.encode_content(std::string_view(&byte, 1))) out.push_back(part);
  }
  return out;
}

struct Run {
  std::vector<std::pair<std::string, Json>> events;
  Json whole;
};

// The item of a list that has one.
Json only(const Json& value) {
  return value.array() != nullptr && value.array()->size() == 1 ? value.array()->front() : Json();
}

// Texts of neighbouring deltas of one kind, joined.
bool join(Json& last, const Json& next) {
  if (last.object() == nullptr || next.object() == nullptr) return false;
  JsonObject joined;
  bool any = false;
  if (last.object()->members().size() != next.object()->members().size()) return false;
  for (const JsonMember& member : last.object()->members()) {
    const Json* const other = next.find(member.key);
    if (other == nullptr) return false;
    const bool is_text = member.key == "content" || member.key == "reasoning_content" ||
                         member.key == "delta" || member.key == "arguments" || member.key == "text" ||
                         member.key == "thinking" || member.key == "partial_json" || member.key == "logprobs";
    if (is_text && member.value.string() != nullptr && other->string() != nullptr) {
      joined.set(member.key, *member.value.string() + *other->string());
      any = true;
    } else if (member.key == "logprobs" && member.value.array() != nullptr && other->array() != nullptr) {
      JsonArray all = *member.value.array();
      all.insert(all.end(), other->array()->begin(), other->array()->end());
      joined.set(member.key, std::move(all));
    } else if (Json inner = member.value; inner.object() != nullptr && join(inner, *other)) {
      joined.set(member.key, std::move(inner));
      any = true;
    } else if (Json first = only(member.value); first.object() != nullptr && join(first, only(*other))) {
      joined.set(member.key, JsonArray{std::move(first)});
      any = true;
    } else if (same_json(member.value, *other)) {
      joined.set(member.key, member.value);
    } else {
      return false;
    }
  }
  if (any) last = Json(std::move(joined));
  return any;
}

bool is_delta(const std::string& protocol, const std::string& name, const Json& data) {
  if (protocol == "messages") return name == "content_block_delta";
  if (protocol == "responses") return name.ends_with(".delta");
  const JsonArray* const choices = data.find("choices")->array();
  return choices->size() == 1 && choices->front().find("finish_reason")->is_null() &&
         choices->front().find("delta")->find("role") == nullptr;
}

Json without(const Json& value, std::initializer_list<const char*> keys) {
  JsonObject out;
  for (const JsonMember& member : value.object()->members())
    if (std::ranges::find(keys, member.key) == keys.end()) out.set(member.key, member.value);
  return out;
}

Run run_case(const Json& test_case, const std::vector<int32_t>& ids) {
  const std::string protocol = text_of(test_case, "protocol");
  const ChatDialect format =
      text_of(test_case, "name").ends_with("_v41") ? ChatDialect::kV41 : ChatDialect::kV40731;
  RequestPolicy policy = policy_of(nullptr, format);
  policy.model_names = {"*"};
  const Tokenizer& tokenizer = tokenizer_of(format);
  const ChatRequest request = read_request(protocol, *test_case.find("request"), policy);
  PromptPlan plan = plan_chat(request, policy, placeholder_literals(format), tokenizer);
  const Json& parsing = *test_case.find("parsing");
  EXPECT_EQ(plan.reading.starts_in_tool_calls, *parsing.find("starts_in_tool_calls")->boolean());
  // Some cases read in another way than their request says.
  plan.reading.parse_json_output = *parsing.find("parse_json_output")->boolean();
  plan.reading.stop.clear();
  for (const Json& stop : *parsing.find("stop")->array()) plan.reading.stop.push_back(*stop.string());
  const Json* const common = test_case.find("common");
  const std::string fingerprint = common == nullptr || common->find("system_fingerprint")->is_null()
                                      ? ""
                                      : text_of(*common, "system_fingerprint");
  ReplyIdentity identity{"ID", "MODEL", 0, fingerprint, [] { return std::string("RANDOM"); }};
  std::unique_ptr<ReplyShaper> shaper;
  if (protocol == "chat") shaper = make_chat_shaper(request, plan, policy, tokenizer, identity);
  if (protocol == "responses") shaper = make_responses_shaper(request, tokenizer, identity);
  if (protocol == "messages") shaper = make_messages_shaper(request, identity);
  const Json* const ready = test_case.find("ready");
  const auto count = [&](const char* key) {
    const Json* const value = ready->is_null() ? nullptr : ready->find(key);
    return value == nullptr ? int64_t{0} : static_cast<int64_t>(number_of(*value));
  };
  ReplyUsage usage{count("prompt_tokens"), count("prompt_cache_hit_tokens"), 0, 0};
  shaper->start(usage);
  ReplyReader reader(plan.reading, tokenizer);
  for (const int32_t id : ids) {
    for (const ReplyEvent& event : reader.feed(id)) shaper->add(event);
    if (reader.stopped()) break;
  }
  for (const ReplyEvent& event : reader.finish()) shaper->add(event);
  const Json& finish = *test_case.find("finish");
  const std::string end = finish.is_null() ? "stop" : *finish.string();
  shaper->finish(reader.stopped()          ? ReplyEnd::kStop
                 : end == "length"         ? ReplyEnd::kLength
                 : end == "content_filter" ? ReplyEnd::kContentFilter
                                           : ReplyEnd::kStop,
                 reader.stop_string(), usage);
  Run run;
  for (SseEvent& event : shaper->take()) {
    if (event.name == "ping") continue;
    Json data = without(event.data, {"sequence_number"});
    if (!run.events.empty() && run.events.back().first == event.name &&
        is_delta(protocol, event.name, data) && is_delta(protocol, event.name, run.events.back().second) &&
        join(run.events.back().second, data))
      continue;
    run.events.emplace_back(event.name, std::move(data));
  }
  run.whole = shaper->whole();
  return run;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// Token counts are those of the cut; the rest of the usage counts. In JSON mode blanks around the JSON depend
// on the cut.
Json without_counts(const Json& value) {
  if (value.string() != nullptr) return trimmed(*value.string());
  if (value.array() != nullptr) {
    JsonArray out;
    for (const Json& item : *value.array()) out.push_back(without_counts(item));
    return out;
  }
  if (value.object() == nullptr) return value;
  JsonObject out;
  for (const JsonMember& member : value.object()->members()) {
    if (member.key == "completion_tokens" || member.key == "total_tokens" || member.key == "output_tokens" ||
        member.key == "completion_tokens_details" || member.key == "output_tokens_details" ||
        member.key == "logprobs")
      continue;
    out.set(member.key, without_counts(member.value));
  }
  return out;
}

// An event of the case with what is common to all of them.
Json completed(const Json& data, const Json& test_case) {
  JsonObject out = *data.object();
  if (const Json* const common = test_case.find("common"))
    for (const JsonMember& member : common->object()->members()) out.set(member.key, member.value);
  const Json* const common = test_case.find("common_response");
  const Json* const response = data.find("response");
  if (common == nullptr || response == nullptr) return out;
  JsonObject whole = *common->object();
  for (const JsonMember& member : response->object()->members()) whole.set(member.key, member.value);
  out.set("response", std::move(whole));
  return out;
}

std::string difference(const Run& run, const Json& test_case) {
  const JsonArray& merged = *test_case.find("merged")->array();
  for (size_t i = 0; i < std::max(merged.size(), run.events.size()); ++i) {
    if (i >= run.events.size()) return "ends early";
    if (i >= merged.size()) return "goes on: " + dump_json(run.events[i].second);
    const Json& name = merged[i].array()->at(0);
    const std::string want_name = name.is_null() ? "" : *name.string();
    const Json want = without_counts(completed(merged[i].array()->at(1), test_case));
    const Json have = without_counts(run.events[i].second);
    if (run.events[i].first != want_name || !same_json(have, want))
      return fmt::format("event {}: {}\n  instead of {}", i, dump_json(have), dump_json(want));
  }
  Json want = *test_case.find("final");
  if (const Json* const common = test_case.find("common_response")) {
    JsonObject whole = *common->object();
    for (const JsonMember& member : want.object()->members()) whole.set(member.key, member.value);
    want = Json(std::move(whole));
  }
  if (!same_json(without_counts(run.whole), without_counts(want)))
    return "folded: " + dump_json(without_counts(run.whole)) + "\n  instead of " +
           dump_json(without_counts(want));
  return "";
}

// The tokens of a case, in the two cuts.
std::vector<std::vector<int32_t>> cuts_of(const Json& test_case) {
  const Json& text = *test_case.find("text");
  if (text.string() != nullptr) return {tokens_of(*text.string(), false), tokens_of(*text.string(), true)};
  std::vector<int32_t> ids;
  for (const Json& chunk : *test_case.find("runs")->array()->front().find("chunks")->array())
    for (const Json& id : *chunk.find("token_ids")->array())
      ids.push_back(static_cast<int32_t>(number_of(id)));
  return {ids};
}

// An option of the package alone.
const std::set<std::string> kNotOurs = {"signature_v41"};

TEST(ApiStreams, SharedCases) {
  HADAL_NEED_SHARED("golden/api/stream");
  size_t checked = 0;
  for (const std::string& protocol : kProtocols) {
    for (const std::string& file : json_files(api_path("stream/" + protocol))) {
      const Json test_case = read_json(file);
      if (kNotOurs.contains(text_of(test_case, "name"))) continue;
      const std::string name = "stream/" + protocol + "/" + text_of(test_case, "name");
      ++checked;
      std::string differs;
      for (const std::vector<int32_t>& ids : cuts_of(test_case)) {
        const std::string found = difference(run_case(test_case, ids), test_case);
        if (differs.empty()) differs = found;
      }
      EXPECT_EQ(differs.empty(), !deviations().contains(name)) << name << "\n  " << differs;
    }
  }
  std::cout << "checked " << checked << " streams\n";
  EXPECT_GE(checked, 380U);
}

}  // namespace
}  // namespace hadal
