// What is too much, and too weak, for the verifier: each refusal by a number in
// the code, and what is just within it is accepted.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "handshake/codec/messages.h"
#include "handshake/credential.h"
#include "handshake/peer_verifier.h"
#include "handshake/testing/peer_trial.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"
#include "handshake/x509/name_limits.h"

namespace ktlsd::handshake {
namespace {

using testing::HasSubstr;

std::size_t SizeOf(const std::vector<Bytes>& chain) {
  std::size_t size = 0;
  for (const Bytes& der : chain) {
    size += der.size();
  }
  return size;
}

// --- kinds of keys ---

TEST(PeerLimits, RefuseAShortCurve) {
  const auto result = VerifyServer({.key = KeyKind::kEcdsaP192});
  EXPECT_EQ(Verdict(result), "certificate_weak_key");
  EXPECT_THAT(DetailOf(result), HasSubstr("EE certificate key too weak"));
}

// Strong enough, but RFC 8446 section 4.2.3 has no signature for them.
TEST(PeerLimits, RefuseKeysThatTls13DoesNotKnow) {
  for (const KeyKind kind :
       {KeyKind::kDsa2048, KeyKind::kEcdsaP224, KeyKind::kEcdsaSecp256k1}) {
    const auto result = VerifyServer({.key = kind});
    EXPECT_EQ(Verdict(result), "certificate_key_usage");
    EXPECT_THAT(DetailOf(result), HasSubstr("without a signature in TLS 1.3"));
  }
}

// --- sizes ---

// Garbage: no certificate of such a chain is even parsed.
TEST(PeerLimits, RefuseAHundredCertificatesUnparsed) {
  PeerProof proof = Prove(Pki().server, {&Pki().intermediate});
  proof.chain.resize(100, Bytes{0x00});
  EXPECT_EQ(Verdict(Store(), Server(), proof), "certificate_chain_too_long");
  proof.chain.resize(kMaxChainLength);
  EXPECT_EQ(Verdict(Store(), Server(), proof), "certificate_malformed");
}

// All of one length, and none the name that a test asks for.
std::vector<std::string> Names(std::size_t count, std::size_t digits) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    std::string number = std::to_string(i);
    names.push_back(std::string(digits - number.size(), '0') + number);
  }
  return names;
}

TEST(PeerLimits, TakeTenThousandNamesWhereTheMessageHasRoom) {
  std::vector<std::string> names = Names(9999, 4);
  names.emplace_back("server.example");
  const auto end = Pki().intermediate.Issue({.dns = names});
  const PeerProof proof = Prove(end, {&Pki().intermediate});
  ASSERT_LT(SizeOf(proof.chain), kMaxCertificateMessage);

  EXPECT_EQ(Verdict(Store(), Server(), proof), "ok");
  EXPECT_EQ(Verdict(Store(), Server("other.example"), proof),
            "certificate_name_mismatch");
}

TEST(PeerLimits, RefuseTenThousandNamesThatAreLonger) {
  const auto end = Pki().intermediate.Issue({.dns = Names(10000, 12)});
  EXPECT_EQ(Verdict(Store(), Server(), Prove(end, {&Pki().intermediate})),
            "certificate_chain_too_long");
}

// --- name constraints ---

// The verdict on a chain of an end entity with `names` alternative names under
// an authority with `constraints`; all names are allowed.
VerifyResult UnderConstraints(std::size_t names, std::size_t constraints) {
  std::string list = "permitted;DNS:example";
  for (std::size_t i = 1; i < constraints; ++i) {
    list += ",permitted;DNS:c" + std::to_string(i);
  }
  const auto middle = Pki().root.Issue(
      {.common_name = "i", .authority = true, .name_constraints = list});
  std::vector<std::string> dns = {"server.example"};
  for (const std::string& name : Names(names - 1, 5)) {
    dns.push_back(name + ".example");
  }
  return Store().Verify(Server(), Prove(middle.Issue({.dns = dns}), {&middle}));
}

// Each of the two subjects counts for one name.
TEST(PeerLimits, BoundComparisonsWithNameConstraints) {
  constexpr std::size_t kConstraints = 256;
  constexpr std::size_t kNames = kMaxNameComparisons / kConstraints - 2;
  EXPECT_EQ(Verdict(UnderConstraints(kNames, kConstraints)), "ok");

  const auto refused = UnderConstraints(kNames + 1, kConstraints);
  EXPECT_EQ(Verdict(refused), "certificate_chain_too_long");
  EXPECT_THAT(DetailOf(refused), HasSubstr("too many name constraints"));
}

TEST(PeerLimits, RefuseABombOfNameConstraints) {
  EXPECT_EQ(Verdict(UnderConstraints(1500, 1500)),
            "certificate_chain_too_long");
}

// Many names alone, or many constraints alone, are no bomb.
TEST(PeerLimits, TakeManyNamesOrManyConstraints) {
  EXPECT_EQ(Verdict(UnderConstraints(2000, 1)), "ok");
  EXPECT_EQ(Verdict(UnderConstraints(1, 2000)), "ok");
}

// --- chains of ML-DSA ---

// Four certificates of the size that ML-DSA-87 has (2592 bytes of key, 4627 of
// signature), for a libcrypto that cannot make such ones.
constexpr std::size_t kMlDsa87Certificate = 7500;

std::string Padding() {
  std::string der = "DER:0482";
  der += "1d4c";  // 7500
  for (std::size_t i = 0; i < kMlDsa87Certificate; ++i) {
    der += "00";
  }
  return der;
}

struct LongChain {
  TestCertificate root;
  TestCertificate first;
  TestCertificate second;
  TestCertificate third;
  TestCertificate end;
};

LongChain MakeLongChain(KeyKind key, const std::string& padding) {
  const auto spec = [&](const std::string& name) {
    return CertificateSpec{.common_name = name,
                           .key = key,
                           .authority = true,
                           .extensions = {{"1.2.3.4.5", padding}}};
  };
  const auto root = TestCertificate::SelfSigned(spec("r"));
  const auto first = root.Issue(spec("a"));
  const auto second = first.Issue(spec("b"));
  const auto third = second.Issue(spec("c"));
  CertificateSpec last = spec("end");
  last.authority = false;
  last.dns = {"server.example"};
  return {root, first, second, third, third.Issue(last)};
}

void ExpectRoomFor(const LongChain& chain) {
  const PeerProof proof =
      Prove(chain.end, {&chain.third, &chain.second, &chain.first});
  Certificate message;
  for (const Bytes& der : proof.chain) {
    EXPECT_GE(der.size(), 7000U);
    message.entries.emplace_back().der = der;
  }
  const auto written = Serialize(message);
  ASSERT_TRUE(written.ok());
  EXPECT_LE(written->size(), kMaxCertificateMessage);
  EXPECT_TRUE(ParseCertificate(ByteView(*written).subspan(4)).ok());

  EXPECT_EQ(Verdict(Trust(chain.root.pem()), Server(), proof), "ok");
  const std::string ours = chain.end.pem() + chain.third.pem() +
                           chain.second.pem() + chain.first.pem();
  EXPECT_TRUE(
      Credential::FromPem(BytesOf(ours), BytesOf(chain.end.key_pem())).ok());
}

TEST(PeerLimits, HaveRoomForChainsOfTheSizeOfMlDsa87) {
  ExpectRoomFor(MakeLongChain(KeyKind::kEcdsaP256, Padding()));
}

TEST(PeerLimits, HaveRoomForChainsOfMlDsa87) {
  const auto kinds = UsableKeyKinds();
  if (std::ranges::find(kinds, KeyKind::kMlDsa87) == kinds.end()) {
    GTEST_SKIP() << "libcrypto has no ML-DSA";
  }
  ExpectRoomFor(MakeLongChain(KeyKind::kMlDsa87, ""));
}

}  // namespace
}  // namespace ktlsd::handshake
