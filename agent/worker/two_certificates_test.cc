// A job with two certificates: which is shown, and whose key signs.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "agent/ipc/messages.h"
#include "agent/worker/connection.h"
#include "agent/worker/testing/no_services.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "handshake/chain_facts.h"
#include "handshake/codec/messages.h"
#include "handshake/credential.h"
#include "handshake/peer_verifier.h"
#include "handshake/server_name.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::agent {
namespace {

using handshake::BytesOf;
using handshake::Credential;
using handshake::KeyKind;
using handshake::SignatureScheme;
using handshake::TestPki;
using handshake::TrustStore;

constexpr CredentialId kFirst = 8;
constexpr CredentialId kSecond = 9;

// Takes every request, and remembers by whose key a signature is wanted.
class Signers final : public NoServices {
 public:
  Status RequestSignature(JobId, CredentialId credential,
                          const handshake::SignatureRequest& request) override {
    asked = credential;
    signature = request;
    return Ok{};
  }
  Status RequestVerdict(JobId, const handshake::PeerProof&) override {
    verdict_wanted = true;
    return Ok{};
  }

  CredentialId asked = 0;
  std::optional<handshake::SignatureRequest> signature;
  bool verdict_wanted = false;
};

Credential CredentialOf(const TestPki& pki,
                        const handshake::TestCertificate& end) {
  return Credential::FromPem(BytesOf(pki.ChainPemOf(end)),
                             BytesOf(end.key_pem()))
      .value();
}

// Ed25519 stands for the post-quantum key where libcrypto has none.
KeyKind FirstKind() {
  return handshake::HasPostQuantumKeys() ? KeyKind::kMlDsa65
                                         : KeyKind::kEd25519;
}

class TwoCertificatesTest : public ::testing::Test {
 protected:
  TwoCertificatesTest()
      : first_pki_(handshake::MakeTestPki(FirstKind())),
        second_pki_(handshake::MakeTestPki(KeyKind::kEcdsaP256)),
        trust_(TrustStore::FromPem(
                   BytesOf(first_pki_.root.pem() + second_pki_.root.pem()), {})
                   .value()) {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    ours_ = OwnedFd(ends[0]);
    peer_ = OwnedFd(ends[1]);
  }

  void Start(Side side, Credential first, Credential second) {
    Job job;
    job.job = 1;
    job.side = side;
    job.credentials = {kFirst, kSecond};
    job.suites = {0x1302};
    job.first_byte_ms = job.progress_ms = job.total_ms = 60'000;
    job.flags = kVerifyPeer;
    if (side == Side::kClient) {
      job.server_name = Text<kNameSize>::Of("server.example");
    }
    credentials_.push_back(std::move(first));
    credentials_.push_back(std::move(second));
    connection_.emplace(
        job, std::move(ours_),
        OurSide{{credentials_[0].certificate(), credentials_[1].certificate()},
                {}},
        signers_, ktls_, clock_);
    connection_->Resume();
  }

  // Whose signature a server wants for the hello of a client that `takes`
  // these; 0: none.
  CredentialId SignerFor(const std::vector<SignatureScheme>& takes) {
    Start(Side::kServer, CredentialOf(first_pki_, first_pki_.server),
          CredentialOf(second_pki_, second_pki_.server));
    const Bytes hello = HelloThatTakes(takes);
    EXPECT_EQ(::send(peer_.raw(), hello.data(), hello.size(), 0),
              static_cast<ssize_t>(hello.size()));
    connection_->Resume();
    // Only the certificate's own key can sign: the request must go to it.
    if (signers_.signature.has_value()) {
      const std::size_t index = signers_.asked == kFirst ? 0 : 1;
      EXPECT_TRUE(credentials_[index]
                      .Sign(signers_.signature->scheme,
                            signers_.signature->signer,
                            signers_.signature->transcript_hash)
                      .ok());
    }
    return signers_.asked;
  }

  static Bytes HelloThatTakes(const std::vector<SignatureScheme>& takes) {
    constexpr std::size_t kHeaders = 5 + 4;  // of record and message
    const auto client = handshake::LocalPeer::Client({});
    const ByteView record = client.engine().output();
    auto hello = handshake::ParseClientHello(record.subspan(kHeaders)).value();
    hello.signature_algorithms = takes;
    hello.signature_algorithms_cert = takes;
    const Bytes message = handshake::Serialize(hello).value();
    const std::array<uint8_t, 5> header = {
        0x16, 0x03, 0x01, static_cast<uint8_t>(message.size() >> 8),
        static_cast<uint8_t>(message.size())};
    Bytes changed(header.size() + message.size());
    std::ranges::copy(message, std::ranges::copy(header, changed.begin()).out);
    return changed;
  }

  // Lets a client run against a server that names `authorities`, up to the
  // signature that it wants.
  CredentialId SignerUnder(const std::vector<Bytes>& authorities) {
    Start(Side::kClient, CredentialOf(first_pki_, first_pki_.client),
          Credential::FromPem(BytesOf(OtherClient().pem()),
                              BytesOf(OtherClient().key_pem()))
              .value());
    const Credential server = CredentialOf(second_pki_, second_pki_.server);
    handshake::LocalPeerSetup setup;
    setup.credentials = {&server};
    setup.trust = &trust_;
    setup.policy.now = handshake::kTestNow;
    setup.server.client_auth = handshake::ClientAuth::kRequest;
    setup.server.certificate_authorities = authorities;
    auto peer = handshake::LocalPeer::Server(setup);
    for (int turns = 0; turns < 100 && signers_.asked == 0; ++turns) {
      Turn(peer);
      connection_->Resume();
      if (std::exchange(signers_.verdict_wanted, false)) {
        connection_->OnVerdict(Ok{});
      }
    }
    return signers_.asked;
  }

  static const handshake::TestCertificate& OtherClient() {
    static const auto client =
        handshake::TestCertificate::SelfSigned(
            {.common_name = "Other Root", .authority = true})
            .Issue({.extended_key_usage = "clientAuth"});
    return client;
  }

  void Turn(handshake::LocalPeer& peer) {
    peer.Settle();
    const ByteView output = peer.engine().output();
    if (!output.empty()) {
      const ssize_t sent =
          ::send(peer_.raw(), output.data(), output.size(), MSG_NOSIGNAL);
      peer.engine().Written(static_cast<std::size_t>(sent));
      return;
    }
    Bytes buffer(peer.wants().value_or(0));
    const ssize_t count =
        ::recv(peer_.raw(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count > 0) {
      peer.engine().Feed(
          ByteView(buffer).first(static_cast<std::size_t>(count)));
    }
  }

  TestPki first_pki_;
  TestPki second_pki_;
  TrustStore trust_;
  std::vector<Credential> credentials_;
  OwnedFd ours_;
  OwnedFd peer_;
  const SystemClock clock_;
  ktls::FakeSocketOps ktls_;
  Signers signers_;
  std::optional<Connection> connection_;
};

std::vector<SignatureScheme> AllButTheFirst() {
  return {SignatureScheme::kEcdsaSecp256r1Sha256,
          SignatureScheme::kRsaPssRsaeSha256};
}

TEST_F(TwoCertificatesTest, AServerShowsTheFirstToWhoCanVerifyIt) {
  std::vector<SignatureScheme> takes = AllButTheFirst();
  takes.push_back(handshake::HasPostQuantumKeys() ? SignatureScheme::kMlDsa65
                                                  : SignatureScheme::kEd25519);
  EXPECT_EQ(SignerFor(takes), kFirst);
}

TEST_F(TwoCertificatesTest, AServerShowsTheSecondToWhoCannot) {
  EXPECT_EQ(SignerFor(AllButTheFirst()), kSecond);
}

TEST_F(TwoCertificatesTest, AServerRefusesAPeerThatCanVerifyNeither) {
  EXPECT_EQ(SignerFor({SignatureScheme::kRsaPssRsaeSha256}), 0U);
  uint8_t type = 0;
  EXPECT_EQ(::recv(peer_.raw(), &type, 1, MSG_DONTWAIT), 1);
  EXPECT_EQ(type, 0x15);  // an alert
}

TEST_F(TwoCertificatesTest, AClientShowsTheFirstWhereAnyWillDo) {
  EXPECT_EQ(SignerUnder({}), kFirst);
}

TEST_F(TwoCertificatesTest, AClientShowsTheSecondWhereTheFirstWillNotDo) {
  const auto facts =
      handshake::DescribeChain(std::vector<Bytes>{OtherClient().der()}).value();
  EXPECT_EQ(SignerUnder({facts.issuers.front()}), kSecond);
}

}  // namespace
}  // namespace ktlsd::agent
