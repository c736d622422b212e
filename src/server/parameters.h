// The one table of request parameters: type, range, default and what each is for. Reading a scalar of a
// request checks it against this table; docs/API.md and /openapi.json are written from it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "server/chat_request.h"
#include "server/request_json.h"

namespace hadal {

enum class ParameterType : uint8_t { kNumber, kInteger, kFlag, kText, kList, kObject, kAny };

struct RequestParameter {
  std::string_view name;
  uint8_t protocols;  // bit per Protocol
  ParameterType type;
  double min = 0;
  double max = 0;  // no range when both are 0
  bool above_min = false;
  std::string_view default_text;  // empty: none
  std::string_view doc;

  bool belongs_to(Protocol protocol) const { return (protocols >> static_cast<uint8_t>(protocol) & 1U) != 0; }
  bool has_range() const { return min != 0 || max != 0; }
};

std::span<const RequestParameter> request_parameters();

// A field that the table knows, of its type and in its range; nothing when it is not there.
std::optional<double> read_number(const RequestObject& body, Protocol protocol, std::string_view name);
std::optional<uint64_t> read_count(const RequestObject& body, Protocol protocol, std::string_view name);
std::optional<bool> read_flag(const RequestObject& body, Protocol protocol, std::string_view name);

}  // namespace hadal
