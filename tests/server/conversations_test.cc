// The store of conversations: what users rely on (nothing lost, nothing overwritten silently, nothing seen by
// others) and what hostile bodies meet.
#include "server/conversations.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "base/file.h"
#include "server/conversation_routes.h"
#include "server/request_error.h"
#include "server/request_json.h"
#include "server/search_text.h"

namespace hadal {
namespace {

class Conversations : public testing::Test {
 protected:
  Conversations() {
    char name[] = "/tmp/hadal_conversations_XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/chats.db";
  }
  ~Conversations() override { std::filesystem::remove_all(folder_); }

  void open(const ConversationLimits& limits = {}) {
    store_.reset();
    store_ = std::make_unique<ConversationStore>(path_, limits);
    routes_ = conversation_routes(*store_);
  }
  PageAnswer call(std::string_view method, std::string_view path, std::string_view body = "",
                  std::string_view query = "", std::string_view name_space = "me") {
    return answer_page_route(routes_, method, path, {name_space, "", query, body})
        .value_or(PageAnswer{0, "", "no such route"});
  }
  // The answer's JSON; the status must be as expected.
  Json call_json(int status, std::string_view method, std::string_view path, std::string_view body = "",
                 std::string_view query = "", std::string_view name_space = "me") {
    const PageAnswer answer = call(method, path, body, query, name_space);
    EXPECT_EQ(answer.status, status) << method << " " << path << "\n" << body << "\n" << answer.body;
    return parse_json(answer.body).value_or(Json());
  }
  std::string create(std::string_view body, std::string_view name_space = "me") {
    return *call_json(201, "POST", "/api/conversations", body, "", name_space).find("id")->string();
  }
  std::string error_of(std::string_view method, std::string_view path, std::string_view body, int status) {
    const Json answer = call_json(status, method, path, body);
    const Json* const error = answer.find("error");
    return error == nullptr ? "no error" : *error->find("message")->string();
  }

  std::string folder_;
  std::string path_;
  std::unique_ptr<ConversationStore> store_;
  std::vector<PageRoute> routes_;
};

constexpr std::string_view kChat = R"({"title": "Abyss", "settings": {"temperature": 0.50}, "current": "b",
  "messages": [{"id": "a", "parent": null, "role": "user", "content": "How deep?"},
               {"id": "b", "parent": "a", "role": "assistant", "content": "İstanbul 10,935 m", "own": [1, null]}]})";

TEST_F(Conversations, KeepWhatWasPut) {
  open();
  const std::string id = create(kChat);
  open();  // again, from the disk
  const Json chat = call_json(200, "GET", "/api/conversations/" + id);
  EXPECT_EQ(*chat.find("title")->string(), "Abyss");
  EXPECT_EQ(chat.find("version")->integer()->text, "1");
  EXPECT_EQ(*chat.find("current")->string(), "b");
  const JsonArray& messages = *chat.find("messages")->array();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(dump_json(*messages[1].find("own")), "[1, null]");
  EXPECT_EQ(messages[1].find("content")->string()->substr(0, 9), "İstanbul");
}

TEST_F(Conversations, RefuseAChangeFromAnOldVersion) {
  open();
  const std::string path = "/api/conversations/" + create(kChat);
  const Json first = call_json(200, "PATCH", path, R"({"version": 1, "title": "One tab"})");
  EXPECT_EQ(first.find("version")->integer()->text, "2");
  EXPECT_NE(error_of("PATCH", path, R"({"version": 1, "title": "Another tab"})", 409).find("version 2"),
            std::string::npos);
  EXPECT_EQ(*call_json(200, "GET", path).find("title")->string(), "One tab");
  error_of("PATCH", path, R"({"title": "No version"})", 400);
}

TEST_F(Conversations, AreATreeOfMessages) {
  open();
  const std::string path = "/api/conversations/" + create(kChat);
  // A branch beside b, and new content of a.
  call_json(200, "PATCH", path, R"({"version": 1, "current": "c", "messages": [
    {"id": "a", "parent": null, "role": "user", "content": "How deep is it?"},
    {"id": "c", "parent": "a", "role": "assistant", "content": "Very."},
    {"id": "d", "parent": "c", "role": "user", "content": "Thanks"}]})");
  const auto refused = [&](std::string_view body) { error_of("PATCH", path, body, 400); };
  refused(
      R"({"version": 2, "messages": [{"id": "a", "parent": "d", "role": "user", "content": ""}]})");  // a
                                                                                                      // loop
  refused(R"({"version": 2, "messages": [{"id": "e", "parent": "e", "role": "user", "content": ""}]})");
  refused(R"({"version": 2, "messages": [{"id": "e", "parent": "x", "role": "user", "content": ""}]})");
  refused(R"({"version": 2, "current": "x"})");
  refused(R"({"version": 2, "removed": ["x"]})");
  // Nothing of a refused change is kept.
  refused(R"({"version": 2, "title": "half", "messages": [{"id": "e", "parent": null, "role": "user"}, 5]})");
  Json chat = call_json(200, "GET", path);
  EXPECT_EQ(chat.find("messages")->array()->size(), 4U);
  EXPECT_EQ(*chat.find("title")->string(), "Abyss");
  // A branch goes with all below it, and with the leaf that was shown.
  call_json(200, "PATCH", path, R"({"version": 2, "removed": ["c"]})");
  chat = call_json(200, "GET", path);
  EXPECT_EQ(chat.find("messages")->array()->size(), 2U);
  EXPECT_TRUE(chat.find("current")->is_null());
}

TEST_F(Conversations, AreOnesOwn) {
  open();
  const std::string path = "/api/conversations/" + create(kChat);
  for (const std::string_view method : {"GET", "DELETE"}) call_json(404, method, path, "", "", "another");
  call_json(404, "PATCH", path, R"({"version": 1, "title": "x"})", "", "another");
  EXPECT_EQ(dump_json(call_json(200, "GET", "/api/conversations", "", "", "another")),
            R"({"conversations": []})");
  EXPECT_EQ(call_json(200, "GET", "/api/conversations/export", "", "", "another")
                .find("conversations")
                ->array()
                ->size(),
            0U);
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(Conversations, AreFoundByEveryWord) {
  open();
  create(kChat);
  create(R"({"title": "深海的生物", "messages": [{"id": "a", "role": "user", "content": "a%b_c"}]})");
  const auto found = [&](std::string_view query) {
    return call_json(200, "GET", "/api/conversations", "", query).find("conversations")->array()->size();
  };
  EXPECT_EQ(found(""), 2U);
  EXPECT_EQ(found("search=istanbul"), 1U);
  EXPECT_EQ(found("search=%C4%B0STANBUL+deep"), 1U);  // İSTANBUL, and a word of another message
  EXPECT_EQ(found("search=istanbul+deeper"), 0U);
  EXPECT_EQ(found("search=%E7%94%9F%E7%89%A9"), 1U);  // 生物, inside
  EXPECT_EQ(found("search=%25"), 1U);                 // no wildcard
  EXPECT_EQ(found("search=%27%20OR%201=1"), 0U);
  EXPECT_EQ(found("limit=1"), 1U);
  EXPECT_EQ(found("limit=5&offset=1"), 1U);
  const Json list = call_json(200, "GET", "/api/conversations", "", "search=10,935");
  EXPECT_EQ(*(*list.find("conversations")->array())[0].find("excerpt")->string(), "İstanbul 10,935 m");
  for (const std::string_view query : {"search=%", "search=%zz", "search=%ff", "limit=1001", "limit=-1",
                                       "offset=1e3", "search=a+b+c+d+e+f+g+h+i"})
    EXPECT_EQ(call("GET", "/api/conversations", "", query).status, 400) << query;
}

TEST_F(Conversations, AreReallyDeleted) {
  open();
  const std::string canary = "canary-7f3a9c";
  const std::string id =
      create(R"({"title": "x", "messages": [{"id": "a", "role": "user", "content": ")" + canary + "\"}]}");
  const auto on_disk = [&] {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      all += read_file(entry.path(), 1 << 24);
    return all.find(canary) != std::string::npos;
  };
  EXPECT_TRUE(on_disk());
  call_json(200, "DELETE", "/api/conversations/" + id);
  EXPECT_FALSE(on_disk());
  call_json(404, "GET", "/api/conversations/" + id);
}

TEST_F(Conversations, ComeBackFromAnExport) {
  open();
  create(kChat);
  create(R"({"title": "Second", "settings": {}})");
  const PageAnswer exported = call("GET", "/api/conversations/export");
  const Json imported = call_json(201, "POST", "/api/conversations/import", exported.body, "", "another");
  ASSERT_EQ(imported.find("conversations")->array()->size(), 2U);
  const Json again = call_json(200, "GET", "/api/conversations/export", "", "", "another");
  const Json before = parse_json(exported.body).value_or(Json());
  for (size_t i = 0; i < 2; ++i) {
    const Json& was = (*before.find("conversations")->array())[i];
    const Json& is = (*again.find("conversations")->array())[i];
    EXPECT_NE(*was.find("id")->string(), *is.find("id")->string());
    for (const std::string_view key :
         {"title", "settings", "messages", "current", "created_ms", "updated_ms"})
      EXPECT_EQ(dump_json(*was.find(key)), dump_json(*is.find(key))) << key;
  }
  // All or nothing.
  error_of(
      "POST", "/api/conversations/import",
      R"({"format": "hadal.conversations", "version": 1, "conversations": [{"title": "good"}, {"title": 5}]})",
      400);
  error_of("POST", "/api/conversations/import",
           R"({"format": "hadal.conversations", "conversations": [{"title": "good"}, {"current": "x"}]})",
           400);
  error_of("POST", "/api/conversations/import",
           R"({"format": "hadal.conversations", "version": 2, "conversations": []})", 400);
  EXPECT_EQ(call_json(200, "GET", "/api/conversations").find("conversations")->array()->size(), 2U);
}

TEST_F(Conversations, RefuseHostileBodies) {
  open({.title_bytes = 20,
        .settings_bytes = 64,
        .message_bytes = 200,
        .messages = 3,
        .conversation_bytes = 400,
        .conversations = 3});
  const std::vector<std::pair<int, std::string>> cases = {
      {400, ""},
      {400, "null"},
      {400, "[]"},
      {400, "{"},
      {400, "\xff"},
      {400, std::string(200, '[') + std::string(200, ']')},
      {400, R"({"title": 5})"},
      {400, R"({"title": "a\u0000b"})"},
      {400, R"({"title": "\ud800"})"},
      {413, R"({"title": "a title of more than twenty bytes"})"},
      {400, R"({"settings": []})"},
      {413, R"({"settings": {"system": ")" + std::string(80, 's') + R"("}})"},
      {400, R"({"messages": {}})"},
      {400, R"({"messages": [5]})"},
      {400, R"({"messages": [{}]})"},
      {400, R"({"messages": [{"id": "", "role": "user"}]})"},
      {400, R"({"messages": [{"id": "../a", "role": "user"}]})"},
      {400, R"({"messages": [{"id": ")" + std::string(65, 'a') + R"(", "role": "user"}]})"},
      {400, R"({"messages": [{"id": "a", "role": "root"}]})"},
      {400, R"({"messages": [{"id": "a", "role": "user", "content": 1}]})"},
      {400, R"({"messages": [{"id": "a", "role": "user", "content": "\udfff"}]})"},
      {400, R"({"messages": [{"id": "a", "role": "user", "parent": 1}]})"},
      {413, R"({"messages": [{"id": "a", "role": "user", "content": ")" + std::string(200, 'c') + R"("}]})"},
      {413, R"({"messages": [{"id": "a", "role": "user"}, {"id": "b", "role": "user"},
                             {"id": "c", "role": "user"}, {"id": "d", "role": "user"}]})"},
      {400, R"({"removed": [1]})"},
      {400, R"({"removed": ["a"]})"},
  };
  for (const auto& [status, body] : cases) error_of("POST", "/api/conversations", body, status);
  EXPECT_EQ(call_json(200, "GET", "/api/conversations").find("conversations")->array()->size(), 0U);
  const std::string long_messages = [] {
    std::string list;
    for (const char c : {'a', 'b', 'c'})
      list += fmt::format(R"({}{{"id": "{}", "role": "user", "content": "{}"}})", list.empty() ? "" : ",", c,
                          std::string(120, 'c'));
    return R"({"messages": [)" + list + "]}";
  }();
  error_of("POST", "/api/conversations", long_messages, 413);
  for (int i = 0; i < 3; ++i) create("{}");
  error_of("POST", "/api/conversations", "{}", 413);
  EXPECT_EQ(call("PUT", "/api/conversations", "{}").status, 405);
  EXPECT_EQ(call("GET", "/api/conversations/%2e%2e").status, 404);
  EXPECT_FALSE(answer_page_route(routes_, "GET", "/api/conversations/a/b", {}));
  EXPECT_FALSE(answer_page_route(routes_, "GET", "/api/conversations/", {}));
}

// Valid bodies with a few bytes changed: an answer of some kind, never a failure of the store.
TEST_F(Conversations, AnswerBrokenBodies) {
  open({.message_bytes = 4096, .messages = 50, .conversations = 50});
  const std::string path = "/api/conversations/" + create(kChat);
  const std::string exported = call("GET", "/api/conversations/export").body;
  std::mt19937 random(20261125);
  const std::string_view pieces[] = {
      "\"", "{",     "}",       "[",       "]",    ",", ":", "null",
      "-1", "1e999", "\\u0000", "\\ud800", "\xff", "a", "b", "99999999999999999999"};
  std::map<int, int> statuses;
  for (int i = 0; i < 1500; ++i) {
    std::string body = i % 3 == 2 ? exported : std::string(kChat);
    if (i % 3 == 1) body.insert(1, R"("version": 1, )");
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
      const size_t at = random() % body.size();
      body.replace(at, random() % 4, pieces[random() % std::size(pieces)]);
    }
    const PageAnswer answer = i % 3 == 0   ? call("POST", "/api/conversations", body)
                              : i % 3 == 1 ? call("PATCH", path, body)
                                           : call("POST", "/api/conversations/import", body);
    ++statuses[answer.status];
    ASSERT_TRUE(parse_json(answer.body)) << answer.body;
    ASSERT_TRUE(answer.status < 500) << answer.status << " for " << body << "\n" << answer.body;
  }
  EXPECT_GT(statuses[400], 700);
  EXPECT_GT(statuses[201], 10);
  SqliteDatabase database(path_, 0x6864616C, 1, "");
  SqliteStatement check(database, "PRAGMA integrity_check");
  ASSERT_TRUE(check.step());
  EXPECT_EQ(check.text(0), "ok");
}

TEST_F(Conversations, LeaveADamagedOrForeignFileAlone) {
  const auto refused_untouched = [&](const std::string& words) {
    const std::string before = read_file(path_, 1 << 24);
    try {
      open();
      ADD_FAILURE() << "opened";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path_), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
    EXPECT_EQ(read_file(path_, 1 << 24), before);
  };
  std::ofstream(path_) << "this is no database, but somebody may need it";
  refused_untouched("not a database");
  std::filesystem::remove(path_);
  {
    SqliteDatabase(path_, 1, 1, "CREATE TABLE theirs(x)");
  }
  refused_untouched("another program");
  std::filesystem::remove(path_);
  {
    SqliteDatabase(path_, 0x6864616C, 2, "CREATE TABLE later(x)");
  }
  refused_untouched("version 2");
  path_ = folder_ + "/no/such/folder.db";
  EXPECT_THROW(open(), Error);
}

TEST_F(Conversations, ReportDamageFoundLater) {
  open();
  const std::string id = create(R"({"messages": [{"id": "a", "role": "user", "content": ")" +
                                std::string(100'000, 'x') + "\"}]}");
  store_.reset();
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(static_cast<size_t>(std::filesystem::file_size(path_)) - 4096, '\xA5');
  }
  try {
    open();
  } catch (const Error&) {
    return;  // seen at once: as good
  }
  EXPECT_EQ(call("GET", "/api/conversations/" + id).status, 500);
}

// A child writes numbered messages and says each number after the answer; it is killed at some moment. What
// it had said must be there, in order and whole.
TEST_F(Conversations, SurviveKills) {
  open();
  const std::string path = "/api/conversations/" + create("{}");
  store_.reset();
  int acknowledged = -1;
  for (int round = 0; round < 12; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      open();
      for (int i = acknowledged + 1;; ++i) {
        const std::string last = i == 0 ? "null" : fmt::format("\"m{}\"", i - 1);
        const std::string version = call_json(200, "GET", path).find("version")->integer()->text;
        const std::string body = fmt::format(
            R"({{"version": {}, "current": "m{}", "messages": [{{"id": "m{}", "parent": {}, "role": "user", "content": "{}"}}]}})",
            version, i, i, last, std::string(20'000, 'x'));
        if (call("PATCH", path, body).status != 200) _exit(1);
        if (write(pipe_ends[1], &i, sizeof i) != sizeof i) _exit(1);
      }
    }
    close(pipe_ends[1]);
    // Some moment after the first answer.
    const bool began = read(pipe_ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged;
    usleep(static_cast<useconds_t>(900 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (int i = 0; read(pipe_ends[0], &i, sizeof i) == sizeof i;) acknowledged = i;
    close(pipe_ends[0]);
    ASSERT_TRUE(began);

    open();
    const Json chat = call_json(200, "GET", path);
    const JsonArray& messages = *chat.find("messages")->array();
    const auto count = static_cast<int>(messages.size());
    ASSERT_GE(count, acknowledged + 1);
    ASSERT_LE(count, acknowledged + 2);  // one may have been written and not yet said
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(*messages[i].find("id")->string(), fmt::format("m{}", i));
      EXPECT_EQ(messages[i].find("content")->string()->size(), 20'000U);
    }
    SqliteDatabase database(path_, 0x6864616C, 1, "");
    SqliteStatement check(database, "PRAGMA integrity_check");
    ASSERT_TRUE(check.step());
    EXPECT_EQ(check.text(0), "ok");
    acknowledged = count - 1;
    store_.reset();
  }
  EXPECT_GE(acknowledged, 11);
}

// A disk that takes no more: the change is refused with a reason, what was there stays, later changes work
// again.
TEST_F(Conversations, SurviveAFullDisk) {
  open();
  const std::string path = "/api/conversations/" + create(kChat);
  store_.reset();
  const pid_t child = fork();
  if (child == 0) {
    open();
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64 << 10, 64 << 10};
    setrlimit(RLIMIT_FSIZE, &limit);
    const std::string big = R"({"version": 1, "messages": [{"id": "big", "role": "user", "content": ")" +
                            std::string(400'000, 'x') + "\"}]}";
    const PageAnswer answer = call("PATCH", path, big);
    const bool told = answer.status == 500 && answer.body.find("storage_error") != std::string::npos;
    _exit(told && call("GET", path).status == 200 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  open();
  EXPECT_EQ(call_json(200, "GET", path).find("messages")->array()->size(), 2U);
  call_json(200, "PATCH", path, R"({"version": 1, "title": "Space again"})");
}

TEST_F(Conversations, TakeManyThreads) {
  open();
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> created = 0;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string name_space = t % 2 == 0 ? "even" : "odd";
        if (call("POST", "/api/conversations", kChat, "", name_space).status == 201) ++created;
        call("GET", "/api/conversations", "", "search=deep", name_space);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, 80);
  EXPECT_EQ(store_->list("odd", "", 1000, 0).size(), 40U);
}

TEST(SearchText, FoldsCaseOfThreeAlphabets) {
  EXPECT_EQ(folded(U"AÉİIıŞĞŸŁĽΣΆςЖЁ深×"), U"aéiiişğÿłľσάσжё深×");
  EXPECT_TRUE(contains_folded("aab", U"ab"));
  EXPECT_FALSE(contains_folded("aa", U"ab"));
  EXPECT_FALSE(contains_folded("a\xff", U"a\xff"));
  EXPECT_EQ(search_words("  Two\tWORDS "), (std::vector<std::u32string>{U"two", U"words"}));
  const std::string text = std::string(50, 'a') + " İki\n\nÜç " + std::string(90, 'b');
  EXPECT_EQ(excerpt_around(text, U"üç"),
            "…" + std::string(26, 'a') + " İki Üç " + std::string(69, 'b') + "…");
}

}  // namespace
}  // namespace hadal
