// What a server refuses in each message of its client. The order of messages
// is tested in states_test.cc.

#include "handshake/server.h"

#include <functional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/channel.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/testing/walk.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

using ChangeHello = std::function<void(ClientHello&)>;

// The client's next hello but for `change`.
Bytes ClientHelloWith(Walk& walk, const ChangeHello& change) {
  ClientHello hello = ParseClientHello(MessageOf(walk.ToServer()).body).value();
  change(hello);
  return Serialize(hello).value();
}

std::string_view OutcomeOfBytes(const Bytes& hello) {
  Channel channel;
  return Outcome(Give(AwaitClientHello(), hello, channel));
}

// --- The first ClientHello ---

std::string_view OutcomeOfHello(const ChangeHello& change) {
  Walk walk;
  const auto client = walk.To<AwaitServerHello>();
  return OutcomeOfBytes(ClientHelloWith(walk, change));
}

TEST(Server, TakesTheClientsHello) {
  EXPECT_EQ(OutcomeOfHello([](auto&) {}), "accepted");
}

TEST(Server, RefusesAHelloThatLacksWhatIsMandatory) {
  const std::vector<ChangeHello> omissions = {
      [](auto& hello) { hello.signature_algorithms.clear(); },
      [](auto& hello) { hello.supported_groups.clear(); },
      [](auto& hello) { hello.key_shares.reset(); },
  };
  for (const ChangeHello& omit : omissions) {
    EXPECT_EQ(OutcomeOfHello(omit), "missing_extension");
  }
}

TEST(Server, TakesAHelloWithoutAnyShare) {
  EXPECT_EQ(OutcomeOfHello([](auto& hello) { hello.key_shares->clear(); }),
            "accepted");
}

// RFC 8446 section 4.2.9: "If clients offer "pre_shared_key" without a
// "psk_key_exchange_modes" extension, servers MUST abort the handshake."
TEST(Server, RefusesPsksWithoutTheirModes) {
  const auto offer_psk = [](ClientHello& hello) {
    hello.pre_shared_keys.emplace();
    hello.pre_shared_keys->identities = {{{1}, 0}};
    hello.pre_shared_keys->binders = {Bytes(32)};
  };
  EXPECT_EQ(OutcomeOfHello(offer_psk), "missing_extension");
  EXPECT_EQ(OutcomeOfHello([&](auto& hello) {
              offer_psk(hello);
              hello.psk_key_exchange_modes = {1};
            }),
            "accepted");
}

TEST(Server, RefusesAShareOfAGroupThatIsNotListed) {
  EXPECT_EQ(OutcomeOfHello([](auto& hello) {
              hello.supported_groups = {NamedGroup::kSecp256r1};
            }),
            "illegal_parameter");
}

TEST(Server, RefusesTwoSharesOfAGroup) {
  EXPECT_EQ(OutcomeOfHello([](auto& hello) {
              hello.key_shares->push_back(hello.key_shares->front());
            }),
            "illegal_parameter");
}

TEST(Server, RefusesAHelloWithoutSupportedVersions) {
  for (const uint8_t minor : Bytes{1, 3, 4}) {
    ByteWriter out;
    out.U8(static_cast<uint8_t>(HandshakeType::kClientHello));
    out.Prefixed(3, [&] {
      out.Append(Bytes{3, minor});
      out.Append(Bytes(kRandomSize));
      out.U8(0);  // no session id
      out.Prefixed(2, [&] { out.U16(0xc02f); });
      out.Prefixed(1, [&] { out.U8(0); });  // null compression
    });
    EXPECT_EQ(OutcomeOfBytes(std::move(out).Finish()), "protocol_version");
  }
}

// RFC 8446 section 4.2.1: servers "MUST NOT use the ClientHello.legacy_version
// value for version negotiation and MUST use only the "supported_versions"
// extension".
TEST(Server, FindsTheVersionInTheExtensionAlone) {
  for (const int number : {0x0300, 0x0301, 0x0303, 0x0304, 0x7f1c}) {
    EXPECT_EQ(OutcomeOfHello([&](auto& hello) {
                hello.legacy_version = static_cast<uint16_t>(number);
              }),
              "accepted");
  }
}

// About as many shares and groups as a hello can hold.
TEST(Server, TakesTheLongestHello) {
  const auto fill = [](ClientHello& hello) {
    hello.supported_groups.resize(10000, NamedGroup::kX25519);
    for (uint16_t i = 0; i < 6000; ++i) {
      const auto group = static_cast<NamedGroup>(0x4000 + i);
      hello.supported_groups.push_back(group);
      hello.key_shares->push_back({group, {1}});
    }
  };
  EXPECT_EQ(OutcomeOfHello(fill), "accepted");
}

// --- Its choice ---

// RFC 8446 sections 4.1.2 and 9.3: suites, groups, schemes and shares that it
// does not know are ignored, wherever they stand.
TEST(Server, IgnoresValuesThatItDoesNotKnow) {
  Walk walk;
  const auto client = walk.To<AwaitServerHello>();
  const Bytes hello = ClientHelloWith(walk, [](auto& changed) {
    const auto surround = [](auto& list, auto unknown) {
      list.insert(list.begin(), unknown);
      list.push_back(unknown);
    };
    changed.cipher_suites = {CipherSuite::kChaCha20Poly1305Sha256};
    surround(changed.cipher_suites, CipherSuite{0x1a1a});
    surround(changed.supported_groups, NamedGroup{0x2a2a});
    surround(changed.signature_algorithms, SignatureScheme{0x3a3a});
    changed.key_shares->insert(changed.key_shares->begin(),
                               {NamedGroup{0x2a2a}, {1}});
    changed.psk_key_exchange_modes = {0x4a};
    changed.alpn_protocols = {{0x0a, 0x0a}};
  });
  auto state = Give(AwaitClientHello(), hello, walk.server).value();
  const auto next = std::move(state).Configure(walk.server_config, walk.server);
  ASSERT_EQ(Outcome(next), "accepted");
  const HandshakeInfo& info = std::get<AwaitServerSignature>(*next).info();
  EXPECT_EQ(info.suite, CipherSuite::kChaCha20Poly1305Sha256);
  EXPECT_EQ(info.group, walk.server_config.groups.front());
  EXPECT_FALSE(info.hello_retry);
  EXPECT_EQ(info.our_scheme, SignatureScheme::kEd25519);
}

// Nothing in common, though both hellos and all lists are well-formed.
TEST(Server, KnowsNoSuiteThatDoesNotEncrypt) {
  Walk walk;
  const auto client = walk.To<AwaitServerHello>();
  const Bytes hello = ClientHelloWith(walk, [](auto& changed) {
    // TLS_SHA256_SHA256, TLS_SHA384_SHA384 (RFC 9150), TLS_NULL_WITH_NULL_NULL
    changed.cipher_suites = {CipherSuite{0xc0b4}, CipherSuite{0xc0b5},
                             CipherSuite{0x0000}};
  });
  auto state = Give(AwaitClientHello(), hello, walk.server).value();
  EXPECT_EQ(
      Outcome(std::move(state).Configure(walk.server_config, walk.server)),
      "no_common_cipher_suite");
}

std::string_view OutcomeOfConfig(const std::function<void(Walk&)>& change) {
  Walk walk;
  change(walk);
  return Outcome(
      walk.To<AwaitServerConfig>().Configure(walk.server_config, walk.server));
}

TEST(Server, RefusesWithoutSomethingInCommon) {
  EXPECT_EQ(OutcomeOfConfig([](Walk& walk) {
              walk.client_config.suites = {CipherSuite::kAes128GcmSha256};
              walk.server_config.suites = {CipherSuite::kAes256GcmSha384};
            }),
            "no_common_cipher_suite");
  EXPECT_EQ(OutcomeOfConfig([](Walk& walk) {
              walk.client_config.groups = {NamedGroup::kX25519};
              walk.client_config.share_groups = {NamedGroup::kX25519};
              walk.server_config.groups = {NamedGroup::kSecp256r1};
            }),
            "no_common_group");
  EXPECT_EQ(OutcomeOfConfig([](Walk& walk) {
              LocalCertificate ours = *walk.server_config.certificates[0];
              ours.schemes = {SignatureScheme::kRsaPkcs1Sha256};
              walk.server_config.certificates = {ours};
            }),
            "no_common_signature_scheme");
  EXPECT_EQ(OutcomeOfConfig([](Walk& walk) {
              walk.client_config.alpn_protocols = {{'a'}};
              walk.server_config.alpn_protocols = {{'b'}};
            }),
            "no_application_protocol");
}

TEST(Server, RefusesAShareThatIsNoPoint) {
  Walk walk;
  const auto client = walk.To<AwaitServerHello>();
  const Bytes hello = ClientHelloWith(walk, [](auto& changed) {
    changed.key_shares->front().key_exchange.push_back(0);
  });
  auto state = Give(AwaitClientHello(), hello, walk.server).value();
  EXPECT_EQ(
      Outcome(std::move(state).Configure(walk.server_config, walk.server)),
      "illegal_parameter");
  EXPECT_TRUE(walk.server.ProveFlushed());  // nothing was sent before
}

TEST(Server, RefusesBytesBehindTheHelloBeforeARetry) {
  Walk walk;
  const auto client = walk.To<AwaitServerHello>();
  walk.server_config.groups = {NamedGroup::kSecp256r1};
  Channel channel = ChannelWithLeftOver();
  auto state = Give(AwaitClientHello(), walk.ToServer(), channel).value();
  EXPECT_EQ(Outcome(std::move(state).Configure(walk.server_config, channel)),
            "unexpected_message");
  EXPECT_TRUE(channel.ProveFlushed());  // no HelloRetryRequest went out
}

// --- The second ClientHello ---

std::string_view OutcomeOfSecond(const ChangeHello& change) {
  Walk walk;
  walk.client_config.alpn_protocols = {{'a'}};
  auto server = walk.To<AwaitSecondHello>();
  const auto client =
      Give(*std::move(walk.waiting_client), walk.ToClient(), walk.client);
  EXPECT_EQ(Outcome(client), "accepted");
  const Bytes hello = ClientHelloWith(walk, change);
  return Outcome(Give(std::move(server), hello, walk.server));
}

TEST(Server, TakesTheSecondHello) {
  EXPECT_EQ(OutcomeOfSecond([](auto&) {}), "accepted");
}

// RFC 8446 section 4.2.10: data that a client sends early is skipped, from a
// client that says so.
TEST(Server, SkipsEarlyDataThatAHelloAnnounces) {
  for (const bool announced : {true, false}) {
    Walk walk;
    const auto client = walk.To<AwaitServerHello>();
    const Bytes hello = ClientHelloWith(
        walk, [&](auto& message) { message.early_data = announced; });
    Channel channel;
    ASSERT_EQ(Outcome(Give(AwaitClientHello(), hello, channel)), "accepted");
    ASSERT_TRUE(channel.Add(Bytes{23, 3, 3, 0, 9}).ok());
    EXPECT_EQ(channel.Add(Bytes(9)).ok(), announced);
  }
}

// RFC 8446 section 4.2.10: after a retry the early data ends with the second
// hello; what comes behind it and does not open is an error.
TEST(Server, EndsEarlyDataWithTheSecondHello) {
  Walk walk;
  auto server = walk.To<AwaitSecondHello>();
  const auto client =
      Give(*std::move(walk.waiting_client), walk.ToClient(), walk.client);
  ASSERT_EQ(Outcome(client), "accepted");
  walk.server.AllowEarlyData();
  const Bytes hello = walk.ToServer();
  ASSERT_EQ(Outcome(Give(std::move(server), hello, walk.server)), "accepted");
  ASSERT_TRUE(walk.server.Add(Bytes{23, 3, 3, 0, 17}).ok());
  const Status early = walk.server.Add(Bytes(17));
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.error().code, Code::kBadRecordMac);
}

TEST(Server, RefusesASecondHelloThatDiffers) {
  const std::vector<ChangeHello> changes = {
      [](auto& hello) { hello.random[0] ^= 1; },
      [](auto& hello) { hello.legacy_version = kVersionTls13; },
      [](auto& hello) { hello.legacy_session_id.clear(); },
      [](auto& hello) { hello.cipher_suites.pop_back(); },
      [](auto& hello) { hello.server_name = "other.example"; },
      [](auto& hello) { hello.server_name.reset(); },
      [](auto& hello) { hello.supported_groups.pop_back(); },
      [](auto& hello) { hello.signature_algorithms.pop_back(); },
      [](auto& hello) { hello.signature_algorithms_cert.clear(); },
      [](auto& hello) { hello.alpn_protocols = {{'b'}}; },
      [](auto& hello) { hello.record_size_limit = 16385; },
      [](auto& hello) { hello.status_request = true; },
      [](auto& hello) { hello.psk_key_exchange_modes = {1}; },
      // Without psk_key_exchange_modes, which may not be added.
      [](auto& hello) {
        hello.pre_shared_keys.emplace();
        hello.pre_shared_keys->identities = {{Bytes{1}, 0}};
        hello.pre_shared_keys->binders = {Bytes(32)};
      },
      [](auto& hello) { hello.early_data = true; },
      [](auto& hello) { hello.cookie = Bytes{1}; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(OutcomeOfSecond(changes[i]), "illegal_parameter") << i;
  }
}

TEST(Server, RefusesASecondHelloWithoutTheOneShare) {
  const std::vector<ChangeHello> changes = {
      [](auto& hello) { hello.key_shares.reset(); },
      [](auto& hello) { hello.key_shares->clear(); },
      [](auto& hello) {
        hello.key_shares->front().group = NamedGroup::kX25519;
      },
      [](auto& hello) {
        hello.key_shares->push_back({NamedGroup::kX25519, Bytes(32, 9)});
      },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(OutcomeOfSecond(changes[i]), "illegal_parameter") << i;
  }
}

// --- CertificateRequest, Certificate, CertificateVerify ---

std::vector<Bytes> AuthoritiesAskedFor(std::vector<Bytes> configured) {
  Walk walk;
  walk.server_config.certificate_authorities = std::move(configured);
  const auto client = walk.To<AwaitServerCertificate>();
  const Bytes request = walk.ToClient();
  return ParseCertificateRequest(MessageOf(request).body)
      .value()
      .certificate_authorities;
}

TEST(Server, NamesTheAuthoritiesThatAreConfigured) {
  const std::vector<Bytes> names = {{0x30, 0}, {0x30, 1, 0}};
  EXPECT_EQ(AuthoritiesAskedFor(names), names);
  EXPECT_EQ(AuthoritiesAskedFor({}), std::vector<Bytes>());
}

TEST(Server, RefusesACertificateWithAContext) {
  Walk walk;
  const Bytes certificate = Serialize(Certificate{{1}, {}}).value();
  EXPECT_EQ(Outcome(Give(walk.To<AwaitClientCertificate>(), certificate,
                         walk.server)),
            "illegal_parameter");
}

TEST(Server, RefusesACertificateExtensionThatItDidNotOffer) {
  Walk walk;
  const CertificateEntry stapled = {{0x30, 0}, Bytes{1}, {}};
  const Bytes certificate = Serialize(Certificate{{}, {stapled}}).value();
  EXPECT_EQ(Outcome(Give(walk.To<AwaitClientCertificate>(), certificate,
                         walk.server)),
            "unsupported_extension");
}

TEST(Server, RefusesASchemeThatItDidNotAskFor) {
  for (const auto scheme :
       {SignatureScheme::kRsaPkcs1Sha256, SignatureScheme{0x0203}}) {
    Walk walk;
    const Bytes verify = Serialize(CertificateVerify{scheme, {1}}).value();
    EXPECT_EQ(Outcome(Give(walk.To<AwaitClientProof>(), verify, walk.server)),
              "illegal_parameter");
  }
}

}  // namespace
}  // namespace ktlsd::handshake
