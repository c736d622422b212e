// The certificate and the key under which a server speaks TLS.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

namespace hadal {

// TLS 1.2 and later. Error(kIo) for files that cannot be read, Error(kUsage) for what is no certificate (PEM,
// with the ones that it rests on behind it) or not its key (PEM, without a passphrase).
std::shared_ptr<boost::asio::ssl::context> open_tls(const std::string& certificate, const std::string& key);

}  // namespace hadal
