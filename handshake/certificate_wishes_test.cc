// That both roles heed all of what a peer says about certificates: through
// their states, against another side that is made by hand where no Engine of
// ours says such things.

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/chain_facts.h"
#include "handshake/client.h"
#include "handshake/client_start.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_share.h"
#include "handshake/crypto/signature.h"
#include "handshake/key_schedule.h"
#include "handshake/negotiation.h"
#include "handshake/server.h"
#include "handshake/server_start.h"
#include "handshake/testing/test_pki.h"
#include "handshake/testing/walk.h"
#include "handshake/verdict_source.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

using enum SignatureScheme;

LocalCertificate Ours(const std::vector<const TestCertificate*>& chain) {
  LocalCertificate certificate;
  for (const TestCertificate* one : chain) {
    certificate.chain.push_back(one->der());
  }
  certificate.schemes = SchemesOfKey(chain.front()->key());
  certificate.facts = DescribeChain(certificate.chain).value();
  return certificate;
}

const TestCertificate& RsaRoot() {
  static const TestCertificate root = TestCertificate::SelfSigned(
      {.common_name = "rsa", .key = KeyKind::kRsa2048, .authority = true});
  return root;
}

const TestCertificate& EcdsaRoot() {
  static const TestCertificate root =
      TestCertificate::SelfSigned({.common_name = "ec", .authority = true});
  return root;
}

// Both keys are ECDSA; 0 is signed with RSA, 1 with ECDSA and for clients.
const LocalCertificates& BothChains() {
  static const TestCertificate under_rsa = RsaRoot().Issue({});
  static const TestCertificate under_ecdsa =
      EcdsaRoot().Issue({.extended_key_usage = "clientAuth"});
  static const LocalCertificates chains = {Ours({&under_rsa}),
                                           Ours({&under_ecdsa})};
  return chains;
}

const Bytes& IssuerOf(std::size_t chain) {
  return BothChains()[chain]->facts.issuers.front();
}

// --- Servers ---

// The index of what a server of `ours` shows to a client whose ClientHello
// `change` has changed, or the label of its error.
template <typename Change>
std::string ShownByServer(LocalCertificates ours, Change change) {
  Walk walk;
  walk.To<AwaitServerHello>();
  const Bytes sent = walk.ToServer();
  ClientHello hello = ParseClientHello(MessageOf(sent).body).value();
  change(hello);
  const Bytes changed = Serialize(hello).value();
  auto start =
      AwaitClientHello().Receive(MessageOf(changed), walk.server).value();
  walk.server_config.certificates = std::move(ours);
  auto next = std::move(start).Configure(walk.server_config, walk.server);
  if (!next.ok()) {
    return std::string(Describe(next.error().code).label);
  }
  return std::to_string(
      std::get<AwaitServerSignature>(*next).request().certificate);
}

TEST(ServerCertificate, FitsTheSignaturesOfTheClientsExtensions) {
  EXPECT_EQ(
      ShownByServer(BothChains(),
                    [](ClientHello& hello) {
                      hello.signature_algorithms = {kEcdsaSecp256r1Sha256};
                      hello.signature_algorithms_cert = {kRsaPkcs1Sha256};
                    }),
      "0");
  EXPECT_EQ(
      ShownByServer(BothChains(),
                    [](ClientHello& hello) {
                      hello.signature_algorithms = {kEcdsaSecp256r1Sha256};
                      hello.signature_algorithms_cert.clear();
                    }),
      "1");
}

TEST(ServerCertificate, IsUnderAnAuthorityThatTheClientNames) {
  for (const std::size_t wanted : {0U, 1U}) {
    EXPECT_EQ(ShownByServer(BothChains(),
                            [&](ClientHello& hello) {
                              hello.certificate_authorities = {
                                  {0x30, 0x00}, IssuerOf(wanted)};
                            }),
              std::to_string(wanted));
  }
}

// RFC 8446 section 4.4.2.2: better "a certificate chain of its choice" than no
// handshake.
TEST(ServerCertificate, IsShownEvenIfNoWishIsMet) {
  EXPECT_EQ(
      ShownByServer({BothChains()[0]},
                    [](ClientHello& hello) {
                      hello.signature_algorithms = {kEcdsaSecp256r1Sha256};
                      hello.signature_algorithms_cert = {kEd25519};
                      hello.certificate_authorities = {{0x30, 0x00}};
                    }),
      "0");
}

// --- Clients ---

// A server's side of one handshake whose messages are made here, for any
// CertificateRequest.
class HandmadeServer {
 public:
  // The index of what a client of `ours` shows, "none", or the label of its
  // error.
  std::string ShownByClient(LocalCertificates ours,
                            const CertificateRequest& request) {
    walk_.client_config.certificates = std::move(ours);
    walk_.client_config.suites = {CipherSuite::kAes128GcmSha256};
    auto greeted = walk_.To<AwaitServerHello>();
    auto agreed =
        Receive<AwaitEncryptedExtensions>(std::move(greeted), Hello());
    auto extended = Receive<AwaitServerCertificate>(
        std::move(agreed), Add(Serialize(EncryptedExtensions{})));
    auto asked = Receive<AwaitServerCertificate>(std::move(extended),
                                                 Add(Serialize(request)));
    auto shown = Receive<AwaitServerProof>(std::move(asked),
                                           Add(Serialize(SomeCertificate())));
    auto verdict = Receive<AwaitServerVerdict>(
        std::move(shown), Add(Serialize(CertificateVerify{kEd25519, {1}})));
    auto finished = std::move(verdict).Accept(VerdictSource::Accepted());
    auto next = Give(std::move(finished), Finished(), walk_.client);
    if (!next.ok()) {
      return std::string(Describe(next.error().code).label);
    }
    const auto* signing = std::get_if<AwaitClientSignature>(&*next);
    return signing == nullptr ? "none"
                              : std::to_string(signing->request().certificate);
  }

 private:
  template <typename Next, typename State>
  Next Receive(State state, const Bytes& message) {
    auto next = Give(std::move(state), message, walk_.client).value();
    if constexpr (requires { std::get<Next>(std::move(next)); }) {
      return std::get<Next>(std::move(next));
    } else {
      return next;
    }
  }

  static Certificate SomeCertificate() {
    Certificate certificate;
    certificate.entries.emplace_back().der = {0x30, 0x00};
    return certificate;
  }

  Bytes Add(const Result<Bytes>& message) {
    transcript_.Add(*message).value();
    return *message;
  }

  Bytes Hello() {
    const Bytes sent = walk_.ToServer();
    transcript_.Add(sent).value();
    const ClientHello offer = ParseClientHello(MessageOf(sent).body).value();
    const KeyShareEntry& share = offer.key_shares->front();
    auto agreement = Answer(share.group, share.key_exchange).value();
    ServerHello hello;
    hello.random.fill(0x5a);
    hello.legacy_session_id_echo = offer.legacy_session_id;
    hello.cipher_suite = CipherSuite::kAes128GcmSha256;
    hello.selected_version = kVersionTls13;
    hello.key_share = {share.group, std::move(agreement.public_share)};
    Bytes message = Add(Serialize(hello));
    const HandshakeSecrets secrets =
        HandshakeSchedule::WithoutPsk(HashAlgorithm::kSha256, agreement.secret)
            .value()
            .Derive(transcript_.Current().value())
            .value();
    auto traffic =
        HkdfExpander::Create(HashAlgorithm::kSha256, secrets.traffic.server)
            .value();
    finished_key_ = FinishedKey(traffic).value();
    return message;
  }

  Bytes Finished() {
    const HashSecret mac = FinishedMac(HashAlgorithm::kSha256, finished_key_,
                                       transcript_.Current().value())
                               .value();
    ByteWriter out;
    WriteFinished(out, ToSend(mac));
    return std::move(out).Finish();
  }

  Walk walk_;
  Transcript transcript_ = Transcript::Create(HashAlgorithm::kSha256).value();
  HashSecret finished_key_;
};

std::string ShownByClient(const CertificateRequest& request) {
  return HandmadeServer().ShownByClient(BothChains(), request);
}

CertificateRequest AnyEcdsa() {
  CertificateRequest request;
  request.signature_algorithms = {kEcdsaSecp256r1Sha256, kRsaPkcs1Sha256};
  return request;
}

TEST(ClientCertificate, FitsTheSignaturesOfTheRequest) {
  CertificateRequest request = AnyEcdsa();
  EXPECT_EQ(ShownByClient(request), "0");
  request.signature_algorithms = {kEcdsaSecp256r1Sha256};
  EXPECT_EQ(ShownByClient(request), "1");
  request.signature_algorithms_cert = {kRsaPkcs1Sha256};
  EXPECT_EQ(ShownByClient(request), "0");
  request.signature_algorithms_cert = {kEd25519};
  EXPECT_EQ(ShownByClient(request), "none");
}

TEST(ClientCertificate, IsUnderAnAuthorityOfTheRequest) {
  CertificateRequest request = AnyEcdsa();
  request.certificate_authorities = {{0x30, 0x00}, IssuerOf(1)};
  EXPECT_EQ(ShownByClient(request), "1");
  request.certificate_authorities = {{0x30, 0x00}};
  EXPECT_EQ(ShownByClient(request), "none");
}

TEST(ClientCertificate, PassesTheFiltersOfTheRequest) {
  const Bytes purposes = {0x06, 0x03, 0x55, 0x1d, 0x25};
  CertificateRequest request = AnyEcdsa();
  request.oid_filters = {{purposes,
                          {0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05,
                           0x07, 0x03, 0x02}}};
  EXPECT_EQ(ShownByClient(request), "1");
  request.oid_filters.front().values.back() = 0x01;  // serverAuth
  EXPECT_EQ(ShownByClient(request), "none");
  request.oid_filters.front().values = {0x05, 0x00};
  EXPECT_EQ(ShownByClient(request), "decode_error");
}

}  // namespace
}  // namespace ktlsd::handshake
