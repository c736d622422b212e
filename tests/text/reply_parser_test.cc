#include "text/reply_parser.h"

#include <functional>
#include <random>

#include "chat_cases.h"
#include "reply_oracle.h"
#include "text/control_tokens.h"
#include "text/tool_namespaces.h"

namespace hadal {
namespace {

constexpr const char* kRefused = "refused";

// What comes out of a text cut at these places; for strict perhaps that it is refused.
std::string parsed(std::string_view text, ReplyMode mode, bool thinking, ChatDialect dialect,
                   const std::vector<size_t>& cuts) {
  Reply reply;
  const auto add = [&reply](const std::vector<ReplyDelta>& deltas) {
    for (const ReplyDelta& delta : deltas) reply.add(delta);
  };
  try {
    ReplyParser parser(mode, thinking, dialect);
    size_t begin = 0;
    for (const size_t cut : cuts) {
      add(parser.feed(text.substr(begin, cut - begin)));
      begin = cut;
    }
    add(parser.feed(text.substr(begin)));
    add(parser.finish());
  } catch (const Error&) {
    return kRefused;
  }
  return shown(reply, mode == ReplyMode::kLenient);
}

// Strict says what the reference says, lenient the same where that is something, and cuts change nothing.
void check_reply(std::string_view text, bool thinking, ChatDialect dialect = ChatDialect::kV4Preview) {
  SCOPED_TRACE(json_quoted(text) + (thinking ? ", thinking" : ""));
  const std::optional<Reply> expected = ReplyOracle::parse(text, thinking, dialect);
  const std::string strict = parsed(text, ReplyMode::kStrict, thinking, dialect, {});
  EXPECT_EQ(strict, expected ? shown(*expected, false) : kRefused);
  const Reply lenient_reply = parse_reply(text, ReplyMode::kLenient, thinking, dialect);
  if (expected) {
    EXPECT_EQ(shown(lenient_reply, false), strict);
  }
  const std::string lenient = shown(lenient_reply, true);
  std::vector<size_t> everywhere;
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(parsed(text, ReplyMode::kStrict, thinking, dialect, {cut}), strict) << "cut at " << cut;
    EXPECT_EQ(parsed(text, ReplyMode::kLenient, thinking, dialect, {cut}), lenient) << "cut at " << cut;
    everywhere.push_back(cut);
  }
  EXPECT_EQ(parsed(text, ReplyMode::kStrict, thinking, dialect, everywhere), strict);
  EXPECT_EQ(parsed(text, ReplyMode::kLenient, thinking, dialect, everywhere), lenient);
}

// The name as the shared cases have it: of V4.1 in two parts.
void check_name(std::string_view name, const Json& call, ChatDialect dialect) {
  const NamespacedName parts =
      dialect == ChatDialect::kV41 ? split_namespace(name) : NamespacedName{"", name};
  EXPECT_EQ(parts.name, text_of(*call.find("function"), "name"));
  const Json* const name_space = call.find("namespace");
  EXPECT_EQ(parts.name_space, name_space == nullptr || name_space->is_null() ? "" : *name_space->string());
}

void check_folder(const std::string& folder, ChatDialect dialect, size_t count) {
  const std::vector<std::string> files = json_files(shared_path(folder));
  EXPECT_EQ(files.size(), count);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    const Json test_case = read_json(file);
    const std::string& completion = text_of(test_case, "completion");
    const bool thinking = *test_case.find("thinking")->boolean();
    if (test_case.find("error") != nullptr) {
      EXPECT_THROW(parse_reply(completion, ReplyMode::kStrict, thinking, dialect), Error);
    } else {
      const Reply reply = parse_reply(completion, ReplyMode::kStrict, thinking, dialect);
      const Json& message = *test_case.find("message");
      EXPECT_EQ(reply.content, text_of(message, "content"));
      EXPECT_EQ(reply.reasoning, text_of(message, "reasoning_content"));
      const JsonArray& calls = *message.find("tool_calls")->array();
      ASSERT_EQ(reply.calls.size(), calls.size());
      for (size_t i = 0; i < calls.size(); ++i) {
        check_name(reply.calls[i].name, calls[i], dialect);
        EXPECT_EQ(reply.calls[i].arguments, text_of(*calls[i].find("function"), "arguments"));
      }
    }
    check_reply(completion, thinking, dialect);
  }
}

TEST(ReplyParser, SharedCasesOfThePreview) {
  HADAL_NEED_SHARED("golden/chat/parse");
  check_folder("golden/chat/parse", ChatDialect::kV4Preview, 64);
}

TEST(ReplyParser, SharedCasesOf0731) {
  HADAL_NEED_SHARED("golden/chat/v4-0731/parse");
  check_folder("golden/chat/v4-0731/parse", ChatDialect::kV40731, 24);
}

TEST(ReplyParser, SharedCasesOfV41) {
  HADAL_NEED_SHARED("golden/chat/v41/parse");
  check_folder("golden/chat/v41/parse", ChatDialect::kV41, 29);
}

TEST(ReplyParser, SharedCasesOfV32) {
  HADAL_NEED_SHARED("golden/chat/v32/parse");
  check_folder("golden/chat/v32/parse", ChatDialect::kV32, 24);
}

// Text for tests is written with D for the DSML token and E for the end of the turn.
std::string spelt(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == 'D') {
      out += kDsmlToken;
    } else if (c == 'E') {
      out += kEosToken;
    } else {
      out += c;
    }
  }
  return out;
}

std::string lenient(std::string_view text, bool thinking = false) {
  const std::string whole = spelt(text);
  check_reply(whole, thinking);
  return shown(parse_reply(whole, ReplyMode::kLenient, thinking), true);
}

TEST(ReplyParser, LenientReadsWhatWasMeant) {
  const std::string call =
      "<Dinvoke name=\"f\">\n<Dparameter name=\"a\" string=\"true\">x</Dparameter>\n</Dinvoke>\n";
  const std::string f = R"( | "f" "{\"a\": \"x\"}")";
  EXPECT_EQ(lenient("r</think>c", true), R"("r" | "c")");
  EXPECT_EQ(lenient("only thoughtsE", true), R"("only thoughts" | "")");
  EXPECT_EQ(lenient("r\n\n<Dtool_calls>\n" + call + "</Dtool_calls>E", true), R"("r" | "")" + f);
  EXPECT_EQ(lenient("c\n<Dtool_calls>" + call + "</Dtool_calls>\n\n"), R"("" | "c")" + f);
  EXPECT_EQ(lenient("<Dtool_calls>\n" + call + call + "</Dtool_calls>bye"), R"("" | "bye")" + f + f);
  EXPECT_EQ(lenient("\n\n<Dtool_calls>\n" + call + "hm\n" + call), R"("" | "\nhm\n")" + f + f);
  EXPECT_EQ(
      lenient("\n\n<Dtool_calls>\n" + call + "</Dtool_calls>\n\n<Dtool_calls>\n" + call + "</Dtool_calls>E"),
      R"("" | "")" + f + f);
  // End tags that are missing.
  EXPECT_EQ(
      lenient(
          "\n\n<Dtool_calls>\n<Dinvoke name=\"f\">\n<Dparameter name=\"a\" string=\"true\">x</Dparameter>\n" +
          call + "</Dtool_calls>"),
      R"("" | "")" + f + f);
  EXPECT_EQ(lenient("\n\n<Dtool_calls>\n<Dinvoke name=\"g\">\n</Dtool_calls>"), R"("" | "" | "g" "{}")");
  EXPECT_EQ(lenient("\n\n<Dtool_calls>\n<Dinvoke name='g'>\n<Dinvoke name='f'>\n</Dinvoke>\n</Dtool_calls>"),
            R"("" | "" | "g" "{}" | "f" "{}")");
  // Here the reference takes all up to the second "> for the name, and so must we.
  EXPECT_EQ(
      lenient("\n\n<Dtool_calls>\n<Dinvoke name=\"g\">\n<Dinvoke name=\"f\">\n</Dinvoke>\n</Dtool_calls>E"),
      spelt(R"("" | "" | "g\">\n<Dinvoke name=\"f" "{}")"));
  // Other spellings.
  EXPECT_EQ(lenient("\n\n<Dtool_calls>\n<Dinvoke name='f' >\n<Dparameter  name='a' "
                    "string='False'>1</Dparameter></Dinvoke>"),
            R"("" | "" | "f" "{\"a\": 1}")");
  EXPECT_EQ(lenient("\n\n<Dtool_calls>\n<Dinvoke name=f>\n<Dparameter "
                    "name=\"a\">1</Dparameter>\n</Dinvoke>\n</Dtool_calls>E"),
            R"("" | "" | "f" "{\"a\": \"1\"}")");
}

TEST(ReplyParser, LenientLeavesTheRestAsText) {
  EXPECT_EQ(lenient("a</think>b"), R"("" | "a</think>b")");
  EXPECT_EQ(lenient("aEbE"), spelt(R"("" | "aEb")"));
  EXPECT_EQ(lenient("the tag\n\n<Dtool_calls> opens"), spelt(R"("" | "the tag\n\n<Dtool_calls> opens")"));
  EXPECT_EQ(lenient("r\n\n<Dtool_calls>?</think>c", true), spelt(R"("r\n\n<Dtool_calls>?" | "c")"));
  EXPECT_EQ(lenient("<Dinvoke name=\"f\">\n</Dinvoke>"), spelt(R"("" | "<Dinvoke name=\"f\">\n</Dinvoke>")"));
  EXPECT_EQ(
      lenient("\n\n<Dtool_calls>\n<Dinvoke>\n</Dinvoke>\n<Dinvoke name=\"g\">\n</Dinvoke>\n</Dtool_calls>"),
      spelt(R"("" | "<Dinvoke>\n</Dinvoke>\n" | "g" "{}")"));
  EXPECT_EQ(lenient("\n\n<Dtool_calls>\n<Dinvoke name=\"g\">\n<Dparameter "
                    "a>1</Dparameter>\n</Dinvoke>\n</Dtool_calls>"),
            spelt(R"("" | "<Dparameter a>1</Dparameter" | "g" "{}")"));
  EXPECT_EQ(lenient("x\n\n<"), R"("" | "x\n\n<")");
  EXPECT_EQ(lenient("x\n\n<D"), spelt(R"("" | "x\n\n<D")"));
  EXPECT_EQ(lenient("x</thin"), R"("" | "x</thin")");
}

TEST(ReplyParser, LenientSaysWhatWasCut) {
  const std::string begin =
      "\n\n<Dtool_calls>\n<Dinvoke name=\"f\">\n<Dparameter name=\"a\" string=\"true\">he\"l";
  EXPECT_EQ(lenient(begin), R"("" | "" | "f" "{\"a\": \"he\\\"l" cut)");
  EXPECT_EQ(lenient(begin + "E"), R"("" | "" | "f" "{\"a\": \"he\\\"l" cut)");
  EXPECT_EQ(lenient(begin + "</"), R"("" | "" | "f" "{\"a\": \"he\\\"l</" cut)");
  EXPECT_EQ(lenient(begin + "</Dpar"), R"("" | "" | "f" "{\"a\": \"he\\\"l\"}" cut)");
  EXPECT_EQ(lenient(begin + "</Dparameter>\n"), R"("" | "" | "f" "{\"a\": \"he\\\"l\"}" cut)");
  EXPECT_EQ(lenient(begin + "</Dparameter>\n</Dinvoke"), R"("" | "" | "f" "{\"a\": \"he\\\"l\"}")");
  EXPECT_EQ(lenient("\n\n<Dtool_calls>\n<Dinvoke name=\"get_"), R"("" | "" | "get_" "{}" cut)");
  EXPECT_EQ(lenient("\n\n<Dtool_calls>\n<Dinvoke na"), R"("" | "")");
  EXPECT_EQ(lenient("\n\n<Dtool_calls>\n<Dinvoke name=\"f\">\n<Dparameter name=\"a\" str"),
            R"("" | "" | "f" "{}" cut)");
  EXPECT_EQ(lenient("x\n\n<Dtool_calls>\n<"), R"("" | "x")");
}

// Pieces of replies, whole and damaged, put together at random.
std::string random_reply(std::mt19937& random) {
  constexpr const char* kPieces[] = {"a",
                                     "x y",
                                     "\n",
                                     "\n\n",
                                     "<",
                                     "</",
                                     "é",
                                     "\"",
                                     " ",
                                     "\u2003",
                                     ">\n",
                                     ">",
                                     "/",
                                     "name=\"",
                                     "D",
                                     "E",
                                     "</think>",
                                     "<think>",
                                     "{\"b\": 1}",
                                     "\\",
                                     "\" string=\"true\">",
                                     "\n\n<Dtool_calls>\n",
                                     "<Dinvoke name=\"f\">\n",
                                     "</Dinvoke>\n",
                                     "<Dparameter name=\"a\" string=\"false\">",
                                     "</Dparameter>\n",
                                     "</Dtool_calls>",
                                     "｜"};
  const auto below = [&random](size_t limit) {
    return std::uniform_int_distribution<size_t>(0, limit - 1)(random);
  };
  std::string reply = "t";
  if (below(3) == 0) {
    for (size_t i = below(12); i > 0; --i) reply += kPieces[below(std::size(kPieces))];
    return spelt(reply);
  }
  reply += "</think>c\n\n<Dtool_calls>\n";
  for (size_t call = below(3) + 1; call > 0; --call) {
    reply += "<Dinvoke name=\"f\">\n";
    for (size_t i = below(3); i > 0; --i) {
      reply += "<Dparameter name=\"";
      reply.append(1, static_cast<char>('a' + below(4)))
          .append(below(2) == 0 ? "\" string=\"true\">" : "\" string=\"false\">");
      reply.append(kPieces[below(std::size(kPieces))]).append("</Dparameter>\n");
    }
    reply += "</Dinvoke>\n";
  }
  reply += "</Dtool_calls>E";
  for (size_t damage = below(4); damage > 0; --damage) {
    const size_t at = below(reply.size() + 1);
    switch (below(4)) {
      case 0:
        reply.resize(at);
        break;
      case 1:
        reply.insert(at, kPieces[below(std::size(kPieces))]);
        break;
      case 2:
        reply.erase(at, below(5));
        break;
      default:
        break;
    }
  }
  return spelt(reply);
}

// The reply with the tags of another format.
std::string in_dialect(std::string text, ChatDialect dialect) {
  const DsmlNames& from = traits_of(ChatDialect::kV4Preview).names;
  const DsmlNames& to = traits_of(dialect).names;
  for (const auto& [old_name, new_name] :
       {std::pair(from.block, to.block), {from.invoke, to.invoke}, {from.parameter, to.parameter}}) {
    const std::string old_tag = std::string(kDsmlToken).append(old_name);
    const std::string new_tag = std::string(kDsmlToken).append(new_name);
    for (size_t at = 0; (at = text.find(old_tag, at)) != std::string::npos; at += new_tag.size())
      text.replace(at, old_tag.size(), new_tag);
  }
  return text;
}

TEST(ReplyParser, RandomReplies) {
  std::mt19937 random(20261124);
  for (int i = 0; i < 600; ++i) check_reply(random_reply(random), i % 3 != 0);
  for (int i = 0; i < 300; ++i)
    for (const ChatDialect dialect : {ChatDialect::kV41, ChatDialect::kV32})
      check_reply(in_dialect(random_reply(random), dialect), i % 3 != 0, dialect);
}

TEST(ReplyParser, TellsMarkupFromWhatIsSpeltLikeIt) {
  ReplyParser parser(ReplyMode::kLenient, true);
  Reply reply;
  const auto add = [&reply](const std::vector<ReplyDelta>& deltas) {
    for (const ReplyDelta& delta : deltas) reply.add(delta);
  };
  add(parser.feed_content("a </think> b"));
  add(parser.feed_markup(kEndThinkToken));
  add(parser.feed_content(spelt("say\n\n<Dtool_calls>\n<Dinvoke name=\"f\">\n")));
  add(parser.feed_markup("<｜User｜>"));
  add(parser.feed_content("\n\n<"));
  add(parser.feed_markup(kDsmlToken));
  add(parser.feed_content("tool_calls>\n<"));
  add(parser.feed_markup(kDsmlToken));
  add(parser.feed_content("invoke name=\"g\">\n</"));
  add(parser.feed_markup(kDsmlToken));
  add(parser.feed_content("invoke>\n"));
  add(parser.finish());
  EXPECT_EQ(shown(reply, true),
            spelt(R"("a </think> b" | "say\n\n<Dtool_calls>\n<Dinvoke name=\"f\">\n<｜User｜>" | "g" "{}")"));
}

TEST(ReplyParser, TextComesOutAsSoonAsItIsClear) {
  ReplyParser parser(ReplyMode::kLenient, true);
  const auto fed = [&parser](std::string_view text) {
    std::string all;
    for (const ReplyDelta& delta : parser.feed(spelt(text)))
      all += std::to_string(static_cast<int>(delta.kind)) + delta.text + ";";
    return all;
  };
  EXPECT_EQ(fed("abc"), "0abc;");
  EXPECT_EQ(fed("d<"), "0d;");
  EXPECT_EQ(fed("/thi"), "");
  EXPECT_EQ(fed("nk>e\n"), "1e;");
  EXPECT_EQ(fed("f\n\n"), "1\nf;");
  EXPECT_EQ(fed("<Dtool_calls>"), "");
  EXPECT_EQ(fed("\n<Dinvoke name=\"f\">\n"), "");
  EXPECT_EQ(fed("<Dparameter"), "2f;");
  EXPECT_EQ(fed(" name=\"a\" string=\"true\">x"), "3{\"a\": \"x;");
  EXPECT_EQ(fed("y\n</"), "3y\\n;");
  EXPECT_EQ(fed("b"), "3</b;");
  EXPECT_EQ(fed("</Dparameter>\n</Dinvoke>\n</Dtool_calls>"), "3\"};4;");
}

TEST(ReplyParser, LongRepliesTakeNoMoreThanTheirLength) {
  std::string text = spelt("\n\n<Dtool_calls>\n");
  for (int i = 0; i < 20'000; ++i)
    text +=
        spelt("<Dinvoke name=\"f\">\n<Dparameter name=\"a\" string=\"true\">x</Dparameter>\n</Dinvoke>\n");
  text += spelt("</Dtool_calls>E");
  EXPECT_EQ(parse_reply(text, ReplyMode::kStrict, false).calls.size(), 20'000u);
  // A header that never ends, a byte at a time.
  ReplyParser parser(ReplyMode::kLenient, false);
  parser.feed(spelt("\n\n<Dtool_calls>\n<Dinvoke name=\""));
  for (int i = 0; i < 100'000; ++i) parser.feed("n");
  EXPECT_EQ(parser.finish().at(0).text.size(), 100'000u);
}

}  // namespace
}  // namespace hadal
