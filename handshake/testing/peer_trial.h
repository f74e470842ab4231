// Trials of peers: a store, a policy, a proof, and the verdict as one word.
//
// Layer:     handshake/testing.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "handshake/crypto/signature.h"
#include "handshake/peer_verifier.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {

using Others = std::vector<const TestCertificate*>;

inline TrustStore Trust(const std::string& anchors,
                        const std::string& crls = "") {
  auto store = TrustStore::FromPem(BytesOf(anchors), BytesOf(crls));
  EXPECT_TRUE(store.ok());
  return std::move(store).value();
}

inline HashValue TranscriptHash() { return HashValue(Bytes(32, 0x5a)); }

inline PeerPolicy Server(std::string_view name = "server.example") {
  auto parsed = ServerName::Parse(name);
  EXPECT_TRUE(parsed.ok()) << name;
  return {Role::kServer, {std::move(parsed).value()}, kTestNow};
}

inline PeerPolicy Client() { return {Role::kClient, {}, kTestNow}; }

// What an honest `end` sends, with `others` behind it.
inline PeerProof Prove(const TestCertificate& end, const Others& others,
                       Role role = Role::kServer) {
  PeerProof proof;
  proof.chain.push_back(end.der());
  for (const TestCertificate* other : others) {
    proof.chain.push_back(other->der());
  }
  proof.transcript_hash = TranscriptHash();
  const auto schemes = SchemesOfKey(end.key());
  if (!schemes.empty()) {
    proof.scheme = schemes.front();
    auto signature = SignCertificateVerify(end.key(), proof.scheme, role,
                                           proof.transcript_hash);
    EXPECT_TRUE(signature.ok());
    proof.signature = std::move(signature).value();
  }
  return proof;
}

using VerifyResult = std::variant<VerifiedPeer, Refusal>;

// "ok", or the label of the refusal's code.
inline std::string Verdict(const VerifyResult& result) {
  if (const auto* const refusal = std::get_if<Refusal>(&result)) {
    return std::string(Describe(refusal->error.code).label);
  }
  return "ok";
}

inline std::string Verdict(const TrustStore& store, const PeerPolicy& policy,
                           const PeerProof& proof) {
  return Verdict(store.Verify(policy, proof));
}

inline std::string DetailOf(const VerifyResult& result) {
  const auto* const refusal = std::get_if<Refusal>(&result);
  return refusal != nullptr ? refusal->detail : "";
}

// One PKI for all tests; each issues from it what it needs.
inline const TestPki& Pki() {
  static const TestPki pki = MakeTestPki();
  return pki;
}

inline const TrustStore& Store() {
  static const TrustStore store = Trust(Pki().root.pem());
  return store;
}

// Verifies a server certificate of this `spec`, issued by the intermediate.
inline VerifyResult VerifyServer(CertificateSpec spec,
                                 const PeerPolicy& policy = Server()) {
  if (spec.dns.empty() && spec.ip.empty()) {
    spec.dns = {"server.example"};
  }
  const TestCertificate end = Pki().intermediate.Issue(spec);
  return Store().Verify(policy, Prove(end, {&Pki().intermediate}));
}

}  // namespace ktlsd::handshake
