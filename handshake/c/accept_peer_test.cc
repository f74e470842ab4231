// A peer that a program accepts has shown a certificate and its key all the
// same.

#include <cstddef>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/testing/c_pair.h"
#include "handshake/testing/sending_hook.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

// Of the end-entity's DER in a Certificate message without a context: behind
// the message's type and length, the context's length, the list's and its own
// (RFC 8446 section 4.4.2).
constexpr std::size_t kLeafOffset = 4 + 1 + 3 + 3;

bool IsOf(const Bytes& message, HandshakeType type) {
  return message.at(0) == static_cast<uint8_t>(type);
}

TEST(AcceptPeer, RefusesACertificateThatDoesNotParse) {
  const CPki pki;
  const ConfigPtr client_config = NewClientConfig(pki);
  const ConfigPtr server_config = NewServerConfig(pki, KTLSD_CLIENT_AUTH_NONE);
  ASSERT_EQ(ktlsd_config_set_verifier_external(client_config.get()), KTLSD_OK);
  const EnginePtr client_engine = NewEngine(client_config.get());
  const EnginePtr server_engine = NewEngine(server_config.get());
  CEnd client{.engine = client_engine.get()};
  CEnd server{.engine = server_engine.get()};
  int accepted = KTLSD_OK;
  client.answer = [&](int) {
    accepted = ktlsd_engine_accept_peer(client.engine);
    return static_cast<int>(KTLSD_OK);
  };
  const SendingHook hook([](Bytes& message) {
    if (IsOf(message, HandshakeType::kCertificate)) {
      message.at(kLeafOffset) ^= 1;  // no SEQUENCE any more
    }
  });
  Connect(client, server);
  EXPECT_EQ(accepted, KTLSD_CERTIFICATE_MALFORMED) << ktlsd_code_name(accepted);
  EXPECT_EQ(client.code, accepted) << ktlsd_code_name(client.code);
  EXPECT_EQ(server.code, KTLSD_ALERT_RECEIVED) << ktlsd_code_name(server.code);
}

}  // namespace
}  // namespace ktlsd::handshake
