#include "server/tls.h"

#include <openssl/ssl.h>

#include "base/error.h"
#include "base/file.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxPemBytes = 1 << 20;

void check_file(const boost::system::error_code& error, const char* option, const std::string& path,
                const char* expected) {
  if (error) fail(ErrorCode::kUsage, "{} {}: not {}: {}", option, path, expected, error.message());
}

}  // namespace

std::shared_ptr<boost::asio::ssl::context> open_tls(const std::string& certificate, const std::string& key) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  // Nobody is there to be asked for a passphrase.
  context->set_password_callback([](size_t, ssl::context::password_purpose) { return std::string(); });
  boost::system::error_code error;
  const std::string chain = read_file(certificate, kMaxPemBytes);
  check_file(context->use_certificate_chain(boost::asio::buffer(chain), error), "--tls-cert", certificate,
             "a certificate in PEM form");
  const std::string secret = read_file(key, kMaxPemBytes);
  check_file(context->use_private_key(boost::asio::buffer(secret), ssl::context::pem, error), "--tls-key",
             key, "the certificate's key in PEM form without a passphrase");
  return context;
}

}  // namespace hadal
