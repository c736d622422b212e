#include "server/secrets.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstdint>
#include <cstring>

#include "base/error.h"

namespace hadal {
namespace {

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1)
    fail(ErrorCode::kFailure, "the system has no random numbers to give");
  return bytes;
}

std::string sha256(std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += kDigits[static_cast<uint8_t>(byte) >> 4];
    text += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  return text;
}

}  // namespace

std::string random_name(size_t bytes) { return hex(random_bytes(bytes)); }

uint64_t random_seed() {
  uint64_t seed = 0;
  std::memcpy(&seed, random_bytes(sizeof(seed)).data(), sizeof(seed));
  return seed >> 1;
}

KeyRing::KeyRing(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) digests_.push_back(sha256(key));
}

std::string KeyRing::find(std::string_view key) const {
  const std::string digest = sha256(key);
  std::string found;
  for (const std::string& known : digests_)
    if (CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0) found = hex(digest.substr(0, 8));
  return found;
}

}  // namespace hadal
