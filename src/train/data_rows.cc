#include "train/data_rows.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace hadal {
namespace {

// Rows that are filled at the same time: the next part goes where it leaves the least room.
constexpr size_t kOpenRows = 64;

// The finalizer of SplitMix64.
uint64_t mixed(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

struct OpenRow {
  std::vector<size_t> parts;
  uint64_t tokens = 0;
};

}  // namespace

RowReader::RowReader(const DataSet& data, const RowOptions& options) : data_(data), options_(options) {
  if (options.row_tokens < 2 || options.row_tokens > std::numeric_limits<uint32_t>::max())
    fail(ErrorCode::kUsage, "rows of {} tokens; 2 is the least", options.row_tokens);
  if (data.documents() > std::numeric_limits<uint32_t>::max())
    fail(ErrorCode::kUsage, "{} documents, more than {}", data.documents(),
         std::numeric_limits<uint32_t>::max());
}

std::vector<RowReader::Part> RowReader::parts_in_order(uint64_t epoch) const {
  const uint64_t key = mixed(mixed(options_.seed) ^ epoch);
  const bool short_first = options_.curriculum && epoch == 0;
  std::vector<std::pair<uint64_t, uint32_t>> order;
  order.reserve(data_.documents());
  for (uint32_t d = 0; d < data_.documents(); ++d) {
    // A random number below 2^63; with a curriculum, a document as long as a row is that far behind an empty
    // one.
    uint64_t place = mixed(key ^ d) >> 1;
    if (short_first) {
      const uint64_t tokens = std::min(data_.document_tokens(d), options_.row_tokens);
      place += (uint64_t{1} << 62) / options_.row_tokens * tokens * 2;
    }
    order.emplace_back(place, d);
  }
  std::ranges::sort(order);
  std::vector<Part> parts;
  parts.reserve(order.size());
  for (const auto& [place, document] : order) {
    const uint64_t tokens = data_.document_tokens(document);
    for (uint64_t first = 0;; first += options_.row_tokens - 1) {
      const uint64_t taken = std::min(tokens - first, options_.row_tokens);
      parts.push_back({document, static_cast<uint32_t>(taken), first});
      if (first + taken == tokens) break;
    }
  }
  return parts;
}

void RowReader::plan(uint64_t epoch) {
  if (planned_ == epoch) return;
  const std::vector<Part> parts = parts_in_order(epoch);
  parts_.clear();
  row_ends_.clear();
  std::vector<OpenRow> open;
  const auto close = [&](size_t which) {
    for (const size_t part : open[which].parts) parts_.push_back(parts[part]);
    row_ends_.push_back(parts_.size());
    open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
  };
  const auto fuller = [](const OpenRow& a, const OpenRow& b) { return a.tokens < b.tokens; };
  for (size_t i = 0; i < parts.size(); ++i) {
    OpenRow* best = nullptr;
    for (OpenRow& row : open) {
      const bool fits = row.tokens + parts[i].tokens <= options_.row_tokens;
      if (fits && (best == nullptr || row.tokens > best->tokens)) best = &row;
    }
    if (best == nullptr) {
      if (open.size() == kOpenRows)
        close(static_cast<size_t>(std::ranges::max_element(open, fuller) - open.begin()));
      best = &open.emplace_back();
    }
    best->parts.push_back(i);
    best->tokens += parts[i].tokens;
    if (best->tokens == options_.row_tokens) close(static_cast<size_t>(best - open.data()));
  }
  while (!open.empty()) close(0);
  planned_ = epoch;
}

uint64_t RowReader::rows(uint64_t epoch) {
  plan(epoch);
  return row_ends_.size();
}

PackedRow RowReader::read(DataPosition& position) {
  plan(position.epoch);
  CHECK(position.row < row_ends_.size());
  PackedRow row;
  row.parts.push_back(0);
  const uint64_t begin = position.row == 0 ? 0 : row_ends_[position.row - 1];
  for (uint64_t p = begin; p < row_ends_[position.row]; ++p) {
    const Part& part = parts_[p];
    const size_t at = row.ids.size();
    row.ids.resize(at + part.tokens);
    row.is_target.resize(at + part.tokens);
    data_.read(part.document, part.first, std::span(row.ids).subspan(at),
               std::span(row.is_target).subspan(at));
    row.is_target[at] = 0;
    row.parts.push_back(static_cast<int64_t>(row.ids.size()));
  }
  if (++position.row == row_ends_.size()) position = {position.epoch + 1, 0};
  return row;
}

}  // namespace hadal
