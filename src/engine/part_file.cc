#include "engine/part_file.h"

#include <array>
#include <cstring>

#include "base/check.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "model/state.h"

namespace hadal {
namespace {

constexpr std::string_view kMagic = "hadalkv1";
constexpr size_t kDigits = 64;
constexpr size_t kNumbers = 4;  // kind, rollback, tokens, payload bytes
constexpr size_t kFixedBytes = kMagic.size() + kNumbers * sizeof(int64_t) + 2 * kDigits;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string head_of(const PartFile& file, int64_t payload_bytes) {
  CHECK(file.fingerprint.size() == kDigits && file.key.size() == kDigits);
  const int64_t numbers[kNumbers] = {static_cast<int64_t>(file.kind), file.rollback,
                                     static_cast<int64_t>(file.tokens.size()), payload_bytes};
  std::string head(kMagic);
  head.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
  head += file.fingerprint + file.key;
  head.append(reinterpret_cast<const char*>(file.tokens.data()), file.tokens.size() * sizeof(int32_t));
  return head + sha256_hex(head);
}

std::optional<PartFile> parse_head(std::span<const std::byte> bytes) {
  if (bytes.size() < kFixedBytes || text_of(bytes.first(kMagic.size())) != kMagic) return {};
  std::array<int64_t, kNumbers> numbers{};
  std::memcpy(numbers.data(), bytes.data() + kMagic.size(), sizeof numbers);
  const auto [kind, rollback, tokens, payload] = numbers;
  if (kind < 0 || kind > 1 || rollback < 0 || rollback > kMaxRollback) return {};
  if (tokens < 0 || tokens > kMaxTokens || payload < 0) return {};
  const CheckedSize head_size = CheckedSize(kFixedBytes) +
                                CheckedSize(static_cast<uint64_t>(tokens)) * CheckedSize(sizeof(int32_t)) +
                                CheckedSize(kDigits);
  const CheckedSize whole = head_size + CheckedSize(static_cast<uint64_t>(payload)) + CheckedSize(kDigits);
  if (!whole.ok() || whole.value() != bytes.size()) return {};
  const auto head = bytes.first(head_size.value() - kDigits);
  if (text_of(bytes.subspan(head.size(), kDigits)) != sha256_hex(head)) return {};
  PartFile file;
  file.kind = static_cast<PartFile::Kind>(kind);
  file.rollback = rollback;
  file.fingerprint = text_of(bytes.subspan(kFixedBytes - 2 * kDigits, kDigits));
  file.key = text_of(bytes.subspan(kFixedBytes - kDigits, kDigits));
  file.tokens.resize(static_cast<size_t>(tokens));
  if (tokens > 0)
    std::memcpy(file.tokens.data(), bytes.data() + kFixedBytes, file.tokens.size() * sizeof(int32_t));
  return file;
}

}  // namespace

int64_t PartFile::file_bytes(int64_t tokens, int64_t payload) {
  return static_cast<int64_t>(kFixedBytes + 2 * kDigits) + tokens * static_cast<int64_t>(sizeof(int32_t)) +
         payload;
}

void write_part(const std::string& path, const PartFile& file, std::span<const std::byte> payload) {
  FileReplacement replacement(path);
  replacement.write(head_of(file, std::ssize(payload)));
  replacement.write(text_of(payload));
  replacement.write(sha256_hex(payload));
  replacement.commit();
}

std::optional<PartFile> read_part_head(const std::string& path) {
  try {
    return parse_head(FileView(path, LoadMode::kMmap).bytes());
  } catch (const Error&) {
    return {};
  }
}

std::optional<StatePart> read_part(const std::string& path, const PartFile& expected, int64_t payload_bytes) {
  try {
    const auto size = static_cast<uint64_t>(PartFile::file_bytes(std::ssize(expected.tokens), payload_bytes));
    const std::string bytes = read_file(path, size);
    const std::string head = head_of(expected, payload_bytes);
    if (bytes.size() != size || !bytes.starts_with(head)) return {};
    const auto payload =
        std::as_bytes(std::span(bytes)).subspan(head.size(), static_cast<size_t>(payload_bytes));
    if (!bytes.ends_with(sha256_hex(payload))) return {};
    return StatePart(payload.begin(), payload.end());
  } catch (const Error&) {
    return {};
  }
}

}  // namespace hadal
