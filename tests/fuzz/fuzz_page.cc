// The routes of the web page's conversations: what a client sends to them one after the other is answered or
// refused as its mistake, users do not see each other's, and what is exported can be imported. Requests are
// divided by bytes 0x1E: the first byte of each says the route and who asks, the rest is the body or the
// query.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "server/conversation_routes.h"
#include "server/conversations.h"
#include "server_fuzz.h"

namespace hadal {
namespace {

// A file in memory that nobody else has.
std::string new_path() {
  const std::string path = "/dev/shm/hadal_fuzz_page." + std::to_string(getpid());
  for (const char* end : {"", "-wal", "-shm"}) unlink((path + end).c_str());
  return path;
}

struct Page {
  Page() {
    ConversationLimits limits;
    limits.messages = 50;
    limits.conversations = 20;
    limits.message_bytes = 4096;
    limits.namespace_bytes = 1 << 18;
    store = std::make_unique<ConversationStore>(path, limits);
    routes = conversation_routes(*store);
    std::atexit([] { new_path(); });
  }

  // Nothing: no such route.
  std::optional<PageAnswer> ask(std::string_view method, const std::string& route, std::string_view who,
                                std::string_view query, std::string_view body) {
    PageRequest request;
    request.name_space = who;
    request.query = query;
    request.body = body;
    std::optional<PageAnswer> answer = answer_page_route(routes, method, route, request);
    if (!answer) return answer;
    CHECK(answer->status < 500 && is_valid_utf8(answer->body));
    const Json json = json_of(answer->body);
    CHECK(json.object() != nullptr && (answer->status < 400 || json.find("error") != nullptr));
    return answer;
  }

  void clear(std::string_view who) {
    for (const std::string& id : store->ids(who)) store->erase(who, id);
  }

  std::string path = new_path();
  std::unique_ptr<ConversationStore> store;
  std::vector<PageRoute> routes;
};

constexpr std::string_view kUsers[] = {"me", "you"};
constexpr std::string_view kRoot = "/api/conversations";

// What goes out comes in again, under other ids.
void check_export(Page& page, std::string_view who) {
  const PageAnswer all = *page.ask("GET", std::string(kRoot) + "/export", who, "", "");
  CHECK(all.status == 200);
  const size_t count = page.store->ids(who).size();
  const PageAnswer answer = *page.ask("POST", std::string(kRoot) + "/import", "other", "", all.body);
  CHECK(answer.status == 201);
  CHECK(page.store->ids("other").size() == count);
  page.clear("other");
}

void run(Page& page, uint8_t choice, std::string_view rest) {
  const std::string_view who = kUsers[choice / 8 % 2];
  const std::vector<std::string> ids = page.store->ids(who);
  const std::vector<std::string> others = page.store->ids(kUsers[1 - choice / 8 % 2]);
  std::string one = std::string(kRoot) + "/" + (ids.empty() ? "none" : ids[choice / 16 % ids.size()]);
  switch (choice % 8) {
    case 0:
      page.ask("POST", std::string(kRoot), who, "", rest);
      break;
    case 1:
      page.ask("POST", std::string(kRoot) + "/import", who, "", rest);
      break;
    case 2:
      page.ask("PATCH", one, who, "", rest);
      break;
    case 3:
      page.ask("DELETE", one, who, "", rest);
      break;
    case 4:
      page.ask("GET", std::string(kRoot), who, rest, "");
      break;
    case 5:
      page.ask("GET", one, who, rest, "");
      break;
    case 6:
      page.ask(rest.substr(0, 3),
               std::string(kRoot) + std::string(rest.substr(std::min<size_t>(3, rest.size()))), who, "",
               "{}");
      break;
    default:
      check_export(page, who);
  }
  for (const std::string& id : others)
    CHECK(page.ask("GET", std::string(kRoot) + "/" + id, who, "", "")->status == 404);
}

}  // namespace
}  // namespace hadal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hadal;
  static Page page;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (int steps = 0; !text.empty() && steps < 16; ++steps) {
    const std::string_view step = text.substr(0, text.find('\x1e'));
    text.remove_prefix(std::min(step.size() + 1, text.size()));
    if (!step.empty()) run(page, static_cast<uint8_t>(step[0]), step.substr(1));
  }
  for (const std::string_view who : kUsers) page.clear(who);
  return 0;
}
