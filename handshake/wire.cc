#include "handshake/wire.h"

namespace ktlsd::handshake {

const Random kHelloRetryRequestRandom = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
    0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
    0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

std::string_view GroupName(NamedGroup group) {
  switch (group) {
    case NamedGroup::kSecp256r1:
      return "secp256r1";
    case NamedGroup::kSecp384r1:
      return "secp384r1";
    case NamedGroup::kSecp521r1:
      return "secp521r1";
    case NamedGroup::kX25519:
      return "x25519";
    case NamedGroup::kSecP256r1MlKem768:
      return "SecP256r1MLKEM768";
    case NamedGroup::kX25519MlKem768:
      return "X25519MLKEM768";
    case NamedGroup::kSecP384r1MlKem1024:
      return "SecP384r1MLKEM1024";
  }
  return "unknown";
}

std::string_view SchemeName(SignatureScheme scheme) {
  switch (scheme) {
    case SignatureScheme::kRsaPkcs1Sha256:
      return "rsa_pkcs1_sha256";
    case SignatureScheme::kRsaPkcs1Sha384:
      return "rsa_pkcs1_sha384";
    case SignatureScheme::kRsaPkcs1Sha512:
      return "rsa_pkcs1_sha512";
    case SignatureScheme::kEcdsaSecp256r1Sha256:
      return "ecdsa_secp256r1_sha256";
    case SignatureScheme::kEcdsaSecp384r1Sha384:
      return "ecdsa_secp384r1_sha384";
    case SignatureScheme::kEcdsaSecp521r1Sha512:
      return "ecdsa_secp521r1_sha512";
    case SignatureScheme::kRsaPssRsaeSha256:
      return "rsa_pss_rsae_sha256";
    case SignatureScheme::kRsaPssRsaeSha384:
      return "rsa_pss_rsae_sha384";
    case SignatureScheme::kRsaPssRsaeSha512:
      return "rsa_pss_rsae_sha512";
    case SignatureScheme::kEd25519:
      return "ed25519";
    case SignatureScheme::kEd448:
      return "ed448";
    case SignatureScheme::kRsaPssPssSha256:
      return "rsa_pss_pss_sha256";
    case SignatureScheme::kRsaPssPssSha384:
      return "rsa_pss_pss_sha384";
    case SignatureScheme::kRsaPssPssSha512:
      return "rsa_pss_pss_sha512";
    case SignatureScheme::kMlDsa44:
      return "mldsa44";
    case SignatureScheme::kMlDsa65:
      return "mldsa65";
    case SignatureScheme::kMlDsa87:
      return "mldsa87";
  }
  return "unknown";
}

}  // namespace ktlsd::handshake
