#include "engine/token_stream.h"

#include <utility>

namespace hadal {

TokenStream::TokenStream(size_t capacity) : capacity_(capacity) {}

std::optional<StreamEvent> TokenStream::next() {
  const std::lock_guard lock(mutex_);
  return take();
}

std::optional<StreamEvent> TokenStream::wait_next(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [&] { return progress_ || !events_.empty(); });
  return take();
}

std::optional<StreamEvent> TokenStream::take() {
  // Progress always is older than what waits: the prompt ends before the first token comes.
  if (progress_) return std::exchange(progress_, std::nullopt);
  if (events_.empty()) return {};
  const bool was_full = events_.size() >= capacity_;
  StreamEvent event = std::move(events_.front());
  events_.pop_front();
  if (was_full && events_.size() < capacity_ && on_room_) on_room_();
  return event;
}

void TokenStream::on_ready(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  on_ready_ = std::move(callback);
  if (on_ready_ && (progress_ || !events_.empty())) on_ready_();
}

void TokenStream::cancel() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(cancelled_, true)) return;
  if (on_room_) on_room_();
}

void TokenStream::push(StreamEvent event) {
  const std::lock_guard lock(mutex_);
  if (const auto* progress = std::get_if<PromptProgress>(&event))
    progress_ = *progress;
  else
    events_.push_back(std::move(event));
  changed_.notify_one();
  if (on_ready_) on_ready_();
}

bool TokenStream::is_full() const {
  const std::lock_guard lock(mutex_);
  return events_.size() >= capacity_;
}

bool TokenStream::is_cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

void TokenStream::on_room(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  on_room_ = std::move(callback);
}

}  // namespace hadal
