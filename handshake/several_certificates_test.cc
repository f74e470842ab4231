// Which of several certificates a side shows and signs with.

#include <cstddef>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/client.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/engine.h"
#include "handshake/peer_proof.h"
#include "handshake/server.h"
#include "handshake/server_start.h"
#include "handshake/states.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"
#include "handshake/testing/walk.h"
#include "handshake/testing/world.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

using enum SignatureScheme;
using Chain = std::vector<Bytes>;

// No peer of ours takes it in a CertificateVerify.
constexpr SignatureScheme kNotTaken = kRsaPkcs1Sha256;
const LocalCertificate kUnusable = {{{0x30, 0x00}}, {kNotTaken}};
const LocalCertificate kUsable = {{{0x30, 0x01, 0x05}}, {kEd25519}};
const LocalCertificate kOther = {{{0x30, 0x02, 0x05, 0x00}},
                                 {kNotTaken, kEcdsaSecp256r1Sha256}};

struct Choice {
  LocalCertificates ours;
  std::size_t certificate;
  SignatureScheme scheme;
};

class EveryChoice : public testing::TestWithParam<Choice> {
 protected:
  const Chain& chain() const {
    return GetParam().ours[GetParam().certificate]->chain;
  }
};

TEST_P(EveryChoice, IsSignedForAndShownByAServer) {
  Walk asked;
  asked.server_config.certificates = GetParam().ours;
  const SignatureRequest request = asked.To<AwaitServerSignature>().request();
  EXPECT_EQ(request.certificate, GetParam().certificate);
  EXPECT_EQ(request.scheme, GetParam().scheme);
  Walk shown;
  shown.server_config.certificates = GetParam().ours;
  const auto verdict = shown.To<AwaitServerVerdict>();
  EXPECT_EQ(verdict.proof().chain, chain());
  EXPECT_EQ(verdict.proof().scheme, GetParam().scheme);
}

TEST_P(EveryChoice, IsSignedForAndShownByAClient) {
  Walk asked;
  asked.client_config.certificates = GetParam().ours;
  auto state = asked.To<AwaitServerFinished>();
  auto next = Give(std::move(state), asked.ToClient(), asked.client).value();
  const auto request = std::get<AwaitClientSignature>(next).request();
  EXPECT_EQ(request.certificate, GetParam().certificate);
  EXPECT_EQ(request.scheme, GetParam().scheme);
  Walk shown;
  shown.client_config.certificates = GetParam().ours;
  const auto verdict = shown.To<AwaitClientVerdict>();
  EXPECT_EQ(verdict.proof().chain, chain());
  EXPECT_EQ(verdict.proof().scheme, GetParam().scheme);
}

INSTANTIATE_TEST_SUITE_P(
    Choices, EveryChoice,
    testing::Values(
        Choice{{kUsable}, 0, kEd25519}, Choice{{kUsable, kOther}, 0, kEd25519},
        Choice{{kOther, kUsable}, 0, kEcdsaSecp256r1Sha256},
        Choice{{kUnusable, kUsable}, 1, kEd25519},
        Choice{{kUnusable, kOther, kUsable}, 1, kEcdsaSecp256r1Sha256}));

// RFC 8446 section 4.4.2.3: the client's certificate fits the request's
// signature_algorithms; section 4.4.2: else it "MUST send a Certificate message
// containing no certificates".
TEST(SeveralCertificates, AClientShowsNoneThatItsServerCannotVerify) {
  Walk walk;
  walk.client_config.certificates = {kUnusable, kUnusable};
  auto state = walk.To<AwaitServerFinished>();
  auto next = Give(std::move(state), walk.ToClient(), walk.client);
  ASSERT_EQ(Outcome(next), "accepted");
  ASSERT_TRUE(std::holds_alternative<Completed>(*next));
  EXPECT_FALSE(std::get<Completed>(*next).session.info.our_scheme);
  const Bytes shown = walk.ToServer();
  ASSERT_EQ(MessageOf(shown).type, HandshakeType::kCertificate);
  EXPECT_TRUE(ParseCertificate(MessageOf(shown).body).value().entries.empty());
}

TEST(SeveralCertificates, AClientThatMustShowOneEndsTheHandshake) {
  Walk walk;
  walk.client_config.certificates = {kUnusable, kUnusable};
  walk.client_config.must_show_certificate = true;
  auto state = walk.To<AwaitServerFinished>();
  EXPECT_EQ(Outcome(Give(std::move(state), walk.ToClient(), walk.client)),
            "certificate_required");
  EXPECT_EQ(walk.ToServer(), Bytes());
}

// A server must be able to show each: a mistake in one is not found out only
// when a peer comes that can verify no other.
TEST(SeveralCertificates, RefusesAnEmptyChainAmongAServersOwn) {
  Walk walk;
  walk.server_config.certificates = {kUsable, LocalCertificate{{}, {kEd25519}}};
  EXPECT_EQ(Outcome(walk.To<AwaitServerConfig>().Configure(walk.server_config,
                                                           walk.server)),
            "no_certificate_configured");
}

// With real keys: what is shown is what was signed with, or the other end
// would refuse it.
TEST(SeveralCertificates, SignsWithTheKeyOfWhatItShows) {
  const World first(KeyKind::kEd25519);
  const World second(KeyKind::kEcdsaP384);
  LocalPeerSetup server = first.Server();
  server.credentials = {&first.server_credential(),
                        &second.server_credential()};
  const Pair one = Handshake(first.Client(), server);
  EXPECT_TRUE(one.client.done());
  EXPECT_EQ(one.client.engine().info().peer_scheme, kEd25519);
  LocalPeerSetup turned = second.Server();
  turned.credentials = {&second.server_credential(),
                        &first.server_credential()};
  const Pair other = Handshake(second.Client(), turned);
  EXPECT_TRUE(other.client.done());
  EXPECT_EQ(other.client.engine().info().peer_scheme, kEcdsaSecp384r1Sha384);
}

}  // namespace
}  // namespace ktlsd::handshake
