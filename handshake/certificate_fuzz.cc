// A peer's Certificate message against the codec and the verifier. The first
// byte chooses what is expected of the peer (see PolicyOf), the rest is the
// body of the message. The trust anchor, the time and the end entity's key
// never change, so that a chain of the corpus is still good: its end entity
// signs the CertificateVerify.
//
// Nobody but the anchor, whose key is not kept, makes a chain that is accepted;
// all of the corpus that are say that they are "end". Every other one is
// refused for a fault of the peer's, in few words.

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "handshake/codec/messages.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/signature.h"
#include "handshake/peer_proof.h"
#include "handshake/peer_verifier.h"
#include "handshake/server_name.h"
#include "handshake/testing/fuzz_world.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/handles.h"

using namespace ktlsd;             // NOLINT(google-build-using-namespace)
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::string_view kAnchor = R"(-----BEGIN CERTIFICATE-----
MIIBNjCB6aADAgECAghZWeegs7Hb4zAFBgMrZXAwDzENMAsGA1UEAwwEcm9vdDAe
Fw0yMDAxMDEwMDAwMDBaFw00NTAxMDEwMDAwMDBaMA8xDTALBgNVBAMMBHJvb3Qw
KjAFBgMrZXADIQCDHfIKdwzVI6rTRwtHcukmUtIQ+AVXkoT9DlfbdrAg5aNjMGEw
DwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFDXRp4Qe
yX8/l3cJVGmXhaopWafkMB8GA1UdIwQYMBaAFDXRp4QeyX8/l3cJVGmXhaopWafk
MAUGAytlcANBADrggm7UeC5aa3YSZDbxx2cgtdPdX6gGKGTL06bJ2tjrob8IWgzR
90zV2RekeFFQpm4UiHYvBEphuVeFmOaGhQs=
-----END CERTIFICATE-----
)";
// Ed25519, of the end entities in the corpus.
constexpr std::array<uint8_t, 32> kEndKey = {
    0x13, 0x58, 0x66, 0x1a, 0xa0, 0x9d, 0x33, 0x89, 0xad, 0x89, 0x36,
    0xfc, 0x8a, 0x8e, 0x28, 0x62, 0x10, 0x7f, 0xf3, 0xea, 0xba, 0x51,
    0x93, 0xca, 0x18, 0x1e, 0x08, 0xd9, 0xb1, 0xa7, 0x09, 0x1c};
constexpr SignatureScheme kScheme = SignatureScheme::kEd25519;

const HashValue& TranscriptHash() {
  static const HashValue kHash(Bytes(32, 0x5a));
  return kHash;
}

const TrustStore& Store() {
  static const TrustStore kStore =
      TrustStore::FromPem(BytesOf(kAnchor), {}).value();
  return kStore;
}

Bytes SignAs(Role role) {
  const PkeyPtr key(EVP_PKEY_new_raw_private_key(
      EVP_PKEY_ED25519, nullptr, kEndKey.data(), kEndKey.size()));
  return SignCertificateVerify(key.get(), kScheme, role, TranscriptHash())
      .value();
}

const Bytes& SignatureOf(Role role) {
  static const Bytes kServers = SignAs(Role::kServer);
  static const Bytes kClients = SignAs(Role::kClient);
  return role == Role::kServer ? kServers : kClients;
}

// Bit 0: the peer is a client; 1: RPC with TLS; 2 and 3: asked for an OCSP
// response, needs one; 4: a server is expected by its address.
PeerPolicy PolicyOf(uint8_t choice) {
  PeerPolicy policy{
      (choice & 1) != 0 ? Role::kClient : Role::kServer, {}, kTestNow};
  if (policy.peer == Role::kServer) {
    const std::string_view name =
        (choice & 16) != 0 ? "192.0.2.1" : "server.example";
    policy.names.push_back(ServerName::Parse(name).value());
  }
  if ((choice & 2) != 0) {
    policy.profile = CertificateProfile::kRpcWithTls;
  }
  if ((choice & 8) != 0) {
    policy.stapling = Stapling::kRequired;
  } else if ((choice & 4) != 0) {
    policy.stapling = Stapling::kAsked;
  }
  return policy;
}

PeerProof ProofOf(const Certificate& message, Role role) {
  PeerProof proof;
  for (const CertificateEntry& entry : message.entries) {
    proof.chain.push_back(entry.der);
  }
  if (!message.entries.empty()) {
    proof.ocsp_response = message.entries.front().ocsp_response;
  }
  proof.scheme = kScheme;
  proof.transcript_hash = TranscriptHash();
  proof.signature = SignatureOf(role);
  return proof;
}

bool IsShortText(const std::string& text) {
  return text.size() <= kMaxCertificateText &&
         std::ranges::all_of(text,
                             [](char c) { return c >= 0x20 && c < 0x7f; });
}

void CheckRefusal(const Refusal& refusal) {
  Require(Describe(refusal.error.code).fault == Fault::kPeer);
  Require(IsShortText(refusal.subject) && IsShortText(refusal.detail));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto message = ParseCertificate(ByteView(data, size).subspan(1));
  if (!message.ok()) {
    Require(Describe(message.error().code).fault == Fault::kPeer);
    return 0;
  }
  const PeerPolicy policy = PolicyOf(data[0]);
  const auto result = Store().Verify(policy, ProofOf(*message, policy.peer));
  if (const auto* const refusal = std::get_if<Refusal>(&result)) {
    CheckRefusal(*refusal);
  } else {
    Require(std::get<VerifiedPeer>(result).subject == "CN=end");
  }
  return 0;
}
