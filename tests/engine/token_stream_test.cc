#include "engine/token_stream.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine/generator.h"

namespace hadal {
namespace {

using std::chrono::milliseconds;

GeneratedToken token(int32_t id) {
  GeneratedToken made;
  made.id = id;
  return made;
}

template <typename Event>
Event next_as(TokenStream& stream) {
  const std::optional<StreamEvent> event = stream.next();
  if (!event) {
    ADD_FAILURE() << "nothing waits";
    return {};
  }
  return std::get<Event>(*event);
}

TEST(TokenStream, GivesEventsInOrderAndOnlyTheNewestProgress) {
  TokenStream stream;
  EXPECT_FALSE(stream.next());
  stream.push(PromptProgress{1, 9, 0});
  stream.push(PromptProgress{5, 9, 0});
  stream.push(token(3));
  stream.push(token(4));
  stream.push(Finished{FinishReason::kLength, {}});
  EXPECT_EQ(next_as<PromptProgress>(stream).done, 5);
  EXPECT_EQ(next_as<GeneratedToken>(stream).id, 3);
  EXPECT_EQ(next_as<GeneratedToken>(stream).id, 4);
  EXPECT_EQ(next_as<Finished>(stream).reason, FinishReason::kLength);
  EXPECT_FALSE(stream.next());
}

TEST(TokenStream, TellsTheWriterWhenThereIsRoom) {
  TokenStream stream(2);
  int room = 0;
  stream.on_room([&] { ++room; });
  stream.push(token(1));
  EXPECT_FALSE(stream.is_full());
  stream.push(token(2));
  stream.push(token(3));  // a step of several tokens may go over
  EXPECT_TRUE(stream.is_full());
  stream.next();
  EXPECT_TRUE(stream.is_full());
  EXPECT_EQ(room, 0);
  stream.next();
  EXPECT_FALSE(stream.is_full());
  EXPECT_EQ(room, 1);
  stream.next();
  EXPECT_EQ(room, 1);
  EXPECT_FALSE(stream.is_cancelled());
  stream.cancel();
  stream.cancel();
  EXPECT_TRUE(stream.is_cancelled());
  EXPECT_EQ(room, 2);
}

TEST(TokenStream, CallsTheReaderForWhatWaitsAlready) {
  TokenStream stream;
  int calls = 0;
  stream.on_ready([&] { ++calls; });
  EXPECT_EQ(calls, 0);
  stream.push(token(1));
  EXPECT_EQ(calls, 1);
  int later = 0;
  stream.on_ready([&] { ++later; });
  EXPECT_EQ(later, 1);
  stream.on_ready({});
  stream.push(token(2));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(later, 1);
}

TEST(TokenStream, CarriesEverythingBetweenThreads) {
  TokenStream stream(4);
  std::thread writer([&] {
    for (int32_t id = 0; id < 2000; ++id) {
      while (stream.is_full()) std::this_thread::yield();
      stream.push(token(id));
    }
    stream.push(Finished{});
  });
  int32_t expected = 0;
  for (;;) {
    const std::optional<StreamEvent> event = stream.wait_next(milliseconds(10'000));
    if (!event || std::holds_alternative<Finished>(*event)) break;
    EXPECT_EQ(std::get<GeneratedToken>(*event).id, expected++);
  }
  EXPECT_EQ(expected, 2000);
  EXPECT_FALSE(stream.wait_next(milliseconds(1)));
  writer.join();
}

}  // namespace
}  // namespace hadal
