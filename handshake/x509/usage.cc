#include "handshake/x509/usage.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "handshake/x509/extension_values.h"

namespace ktlsd::handshake {
namespace {

// Object identifiers, DER without tag and length: id-kp is 1.3.6.1.5.5.7.3.
using KeyPurpose = std::array<uint8_t, 8>;
constexpr KeyPurpose KeyPurposeId(uint8_t last) {
  return {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, last};
}
constexpr KeyPurpose kServerAuth = KeyPurposeId(1);
constexpr KeyPurpose kClientAuth = KeyPurposeId(2);
constexpr KeyPurpose kRpcTlsClient = KeyPurposeId(33);
constexpr KeyPurpose kRpcTlsServer = KeyPurposeId(34);
constexpr std::array<uint8_t, 4> kAnyExtendedKeyUsage = {0x55, 0x1d, 0x25, 0};

bool Is(const ASN1_OBJECT* object, ByteView purpose) {
  return SameBytes({OBJ_get0_data(object), OBJ_length(object)}, purpose);
}

// What is asked of each certificate of a path.
struct Demand {
  Role peer;
  KeyPurposes accepted;
};

bool Suits(const ASN1_OBJECT* object, const Demand& demand) {
  const bool server = demand.peer == Role::kServer;
  return Is(object, server ? kRpcTlsServer : kRpcTlsClient) ||
         (demand.accepted == KeyPurposes::kTlsOrRpc &&
          Is(object, server ? kServerAuth : kClientAuth));
}

bool Allows(const EXTENDED_KEY_USAGE* usages, const Demand& demand,
            bool end_entity) {
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages); ++i) {
    const ASN1_OBJECT* const usage = sk_ASN1_OBJECT_value(usages, i);
    if (Suits(usage, demand) ||
        (!end_entity && Is(usage, kAnyExtendedKeyUsage))) {
      return true;
    }
  }
  return false;
}

Status CheckAbsent(const Demand& demand, bool end_entity) {
  if (end_entity && demand.accepted == KeyPurposes::kRpcOnly) {
    return Error{Code::kCertificateWrongPurpose,
                 "no extendedKeyUsage, and RPC with TLS is asked for"};
  }
  return Ok{};
}

Status CheckOne(const X509* certificate, const Demand& demand,
                bool end_entity) {
  ASSIGN_OR_RETURN(const UsagesPtr usages,
                   ReadExtension<UsagesPtr>(
                       certificate, NID_ext_key_usage,
                       {Code::kCertificateMalformed,
                        "extendedKeyUsage is there twice, or does not parse"}));
  if (!usages) {
    return CheckAbsent(demand, end_entity);
  }
  if (!Allows(usages.get(), demand, end_entity)) {
    return Error{Code::kCertificateWrongPurpose,
                 end_entity
                     ? "extendedKeyUsage does not allow this role"
                     : "an issuer's extendedKeyUsage does not allow this role"};
  }
  return Ok{};
}

}  // namespace

Status CheckPurpose(const STACK_OF(X509) * path, Role peer,
                    KeyPurposes accepted) {
  for (int i = 0; i < sk_X509_num(path); ++i) {
    RETURN_IF_ERROR(CheckOne(sk_X509_value(path, i), {peer, accepted}, i == 0));
  }
  return Ok{};
}

Status CheckSigningAllowed(X509* end_entity) {
  // All bits are set when there is no keyUsage.
  if ((X509_get_key_usage(end_entity) & KU_DIGITAL_SIGNATURE) == 0) {
    return Error{Code::kCertificateKeyUsage,
                 "keyUsage does not allow digitalSignature"};
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
