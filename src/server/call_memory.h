// CallMemory: the arguments of tool calls as they were sampled, found again by what they say.
//
// Agents do not send a call back as they got it: they write its JSON anew, in the order of their schema, with
// arguments added that have a default. The prompt would differ from what the engine keeps from the call on,
// and every turn would read its own call again. So a call that says the same as a known one (the same
// arguments in any order, those apart that only say the default of the tool's schema) is put back as it was
// sampled. A call that a client has changed says something else and stays as sent. A bounded memory: what was
// asked longest ago goes first. For one thread.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/chat_request.h"
#include "server/reader_parts.h"

namespace hadal {

class CallMemory {
 public:
  explicit CallMemory(size_t budget_bytes) : budget_(budget_bytes) {}

  // Calls of an answer to a request with these tools. Nothing of one owner is found by another. Of two that
  // say the same the first stays: prompts have it already.
  void remember(const std::string& owner, const std::vector<ToolSpec>& tools,
                const std::vector<HistoryCall>& calls);
  // Puts the calls of the messages back as they were sampled.
  void restore(const std::string& owner, ChatRequest& request);

  size_t bytes() const { return bytes_; }

 private:
  using Entries = std::list<std::pair<std::string, std::string>>;  // digest, arguments; asked for last: first

  // Null: not known.
  const std::string* find(const std::string& digest);

  size_t budget_;
  size_t bytes_ = 0;
  Entries entries_;
  std::map<std::string, Entries::iterator> by_digest_;
};

}  // namespace hadal
