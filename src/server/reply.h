// One answer under way: from a plan through the generator to the bytes of a stream, or to one JSON.
//
// No sockets: whoever has one asks take() for what there is to send and is told by on_ready() when there is
// more. Destroying a reply cancels it. For one thread, but for the callback of on_ready(), which comes from
// the generator's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/generator.h"
#include "server/reader_parts.h"
#include "server/reply_shaper.h"
#include "server/request_error.h"

namespace hadal {

// What an answer said that ended by itself.
struct WholeReply {
  std::string reasoning;
  std::string content;
  std::vector<HistoryCall> calls;  // without ids
  std::vector<int32_t> ids;        // all that were drawn, with the token that ended it
  bool cut = false;                // by a stop string: the ids say more
};

// A generation and what shapes it.
struct ReplyPart {
  std::shared_ptr<TokenStream> stream;
  OutputReading reading;
  std::unique_ptr<ReplyShaper> shaper;
  int64_t prompt_size = 0;
  bool counts_prompt = true;  // false: another part has the same prompt
  // Told of an answer that ended by itself; may be empty.
  std::function<void(WholeReply reply)> on_end;
};

// The body of an error in the words of a protocol.
Json error_body(Protocol protocol, int status, const std::string& message, const std::string& param,
                const std::string& kind);

class ServedReply {
 public:
  // `owner` keeps alive what the parts point to.
  ServedReply(Protocol protocol, bool streams, std::vector<ReplyPart> parts, const Tokenizer& tokenizer,
              std::shared_ptr<const void> owner);
  ~ServedReply();
  ServedReply(const ServedReply&) = delete;
  ServedReply& operator=(const ServedReply&) = delete;

  // What there is to send of a stream, up to a bounded part; never blocks. Nothing when it does not stream.
  std::string take();
  // The last take() has left something that on_ready() does not tell again.
  bool has_more() const;
  bool done() const;
  bool streams() const { return streams_; }
  // When done and not streamed: the status and body.
  int status() const { return status_; }
  std::string body() const;
  // Replaces the callback; empty: none any more.
  void on_ready(const std::function<void()>& callback);

  ReplyUsage usage() const;
  double age_seconds() const;
  bool has_begun() const { return begun_; }

 private:
  class Part;

  void fail_with(int status, const std::string& message);

  Protocol protocol_;
  bool streams_;
  std::shared_ptr<const void> owner_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::string out_;
  bool begun_ = false;  // something of the answer has come
  bool ended_ = false;  // the stream's last word has been said
  int status_ = 200;
  Json error_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace hadal
