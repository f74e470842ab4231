#include "handshake/testing/test_ocsp.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>

namespace ktlsd::handshake {
namespace {

using BasicPtr =
    std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)>;
using TimePtr = std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)>;

void Check(bool done, const char* what) {
  if (!done) {
    throw std::runtime_error(std::string("test OCSP: ") + what);
  }
}

TimePtr TimeOf(CalendarTime time) {
  return {ASN1_GENERALIZEDTIME_set(nullptr,
                                   std::chrono::system_clock::to_time_t(time)),
          ASN1_TIME_free};
}

int StatusOf(OcspStatus status) {
  switch (status) {
    case OcspStatus::kGood:
      return V_OCSP_CERTSTATUS_GOOD;
    case OcspStatus::kRevoked:
      return V_OCSP_CERTSTATUS_REVOKED;
    case OcspStatus::kUnknown:
      return V_OCSP_CERTSTATUS_UNKNOWN;
  }
  throw std::runtime_error("test OCSP: no such status");
}

std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)>
CriticalExtension() {
  const std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)> object(
      OBJ_txt2obj("1.2.3.4.5", 1), ASN1_OBJECT_free);
  const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)>
      data(ASN1_OCTET_STRING_new(), ASN1_OCTET_STRING_free);
  return {X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 1, data.get()),
          X509_EXTENSION_free};
}

using IdPtr = std::unique_ptr<OCSP_CERTID, decltype(&OCSP_CERTID_free)>;

// The same id by a digest that has no name: 1.3.14.3.2.127 for SHA-1.
IdPtr WithUnknownDigest(const IdPtr& id) {
  unsigned char* data = nullptr;
  const int size = i2d_OCSP_CERTID(id.get(), &data);
  Check(size > 0, "id");
  const unsigned char sha1[] = {0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a};
  unsigned char* const found =
      std::search(data, data + size, std::begin(sha1), std::end(sha1));
  Check(found != data + size, "digest of an id");
  found[sizeof(sha1) - 1] = 127;
  const unsigned char* next = data;
  IdPtr changed(d2i_OCSP_CERTID(nullptr, &next, size), OCSP_CERTID_free);
  OPENSSL_free(data);
  Check(changed != nullptr, "changed id");
  return changed;
}

IdPtr IdOf(const OcspStatement& statement) {
  IdPtr id(OCSP_cert_to_id(EVP_get_digestbyname(statement.id_digest.c_str()),
                           statement.subject->x509(), statement.issuer->x509()),
           OCSP_CERTID_free);
  return statement.id_digest_nobody_knows ? WithUnknownDigest(id)
                                          : std::move(id);
}

void SpoilTime(OCSP_SINGLERESP* single) {
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  OCSP_single_get0_status(single, nullptr, nullptr, &this_update, nullptr);
  Check(ASN1_STRING_set(this_update, "soon", -1) == 1, "time");
}

void Add(OCSP_BASICRESP* basic, const OcspStatement& statement) {
  const IdPtr id = IdOf(statement);
  const TimePtr this_update = TimeOf(statement.this_update);
  const TimePtr next_update = statement.next_update
                                  ? TimeOf(*statement.next_update)
                                  : TimePtr(nullptr, ASN1_TIME_free);
  const bool revoked = statement.status == OcspStatus::kRevoked;
  OCSP_SINGLERESP* const single = OCSP_basic_add1_status(
      basic, id.get(), StatusOf(statement.status), OCSP_REVOKED_STATUS_NOSTATUS,
      revoked ? this_update.get() : nullptr, this_update.get(),
      next_update.get());
  Check(single != nullptr, "statement");
  if (statement.malformed_time) {
    SpoilTime(single);
  }
  if (statement.critical_extension) {
    Check(OCSP_SINGLERESP_add_ext(single, CriticalExtension().get(), -1) == 1,
          "extension");
  }
}

void Sign(OCSP_BASICRESP* basic, const OcspSpec& spec) {
  EVP_PKEY* const key = spec.signer->key();
  const bool plain =
      EVP_PKEY_is_a(key, "ED25519") == 1 || EVP_PKEY_is_a(key, "ED448") == 1;
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(
      EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_PKEY_CTX* key_context = nullptr;
  Check(EVP_DigestSignInit(
            context.get(), &key_context,
            plain ? nullptr : EVP_get_digestbyname(spec.digest.c_str()),
            nullptr, key) == 1,
        "signer");
  if (spec.pss) {
    Check(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING) == 1,
          "PSS");
  }
  Check(OCSP_basic_sign_ctx(basic, spec.signer->x509(), context.get(), nullptr,
                            spec.include_signer ? 0 : OCSP_NOCERTS) == 1,
        "signature");
}

Bytes DerOf(int status, OCSP_BASICRESP* basic) {
  const std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> response(
      OCSP_response_create(status, basic), OCSP_RESPONSE_free);
  unsigned char* data = nullptr;
  const int size = i2d_OCSP_RESPONSE(response.get(), &data);
  Check(size > 0, "DER");
  Bytes der(data, data + size);
  OPENSSL_free(data);
  return der;
}

}  // namespace

Bytes OcspResponse(const OcspSpec& spec) {
  const BasicPtr basic(OCSP_BASICRESP_new(), OCSP_BASICRESP_free);
  Check(basic != nullptr, "response");
  for (const OcspStatement& statement : spec.statements) {
    Add(basic.get(), statement);
  }
  if (spec.critical_extension) {
    Check(
        OCSP_BASICRESP_add_ext(basic.get(), CriticalExtension().get(), -1) == 1,
        "extension");
  }
  Sign(basic.get(), spec);
  if (spec.flip_signature_bit) {
    const ASN1_OCTET_STRING* const signature =
        OCSP_resp_get0_signature(basic.get());
    const_cast<unsigned char*>(ASN1_STRING_get0_data(signature))[8] ^= 1;
  }
  return DerOf(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get());
}

Bytes OcspTryLater() { return DerOf(OCSP_RESPONSE_STATUS_TRYLATER, nullptr); }

}  // namespace ktlsd::handshake
