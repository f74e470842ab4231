#include "handshake/x509/ocsp.h"

#include <openssl/objects.h>
#include <openssl/ocsp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "base/libcrypto.h"
#include "handshake/x509/extension_values.h"

namespace ktlsd::handshake {
namespace {

using ResponsePtr =
    std::unique_ptr<OCSP_RESPONSE, FnDeleter<OCSP_RESPONSE_free>>;
using BasicResponsePtr =
    std::unique_ptr<OCSP_BASICRESP, FnDeleter<OCSP_BASICRESP_free>>;
using CertIdPtr = std::unique_ptr<OCSP_CERTID, FnDeleter<OCSP_CERTID_free>>;
using FeaturesPtr = std::unique_ptr<TLS_FEATURE, FnDeleter<TLS_FEATURE_free>>;
using PssPtr = std::unique_ptr<RSA_PSS_PARAMS, FnDeleter<RSA_PSS_PARAMS_free>>;

constexpr int kAuthLevel = 2;             // as for paths: 112 bits
constexpr int kMinDigestBytes = 224 / 8;  // half of it is the strength
constexpr long kStatusRequest = 5;        // RFC 7633 names extensions of TLS

Error Invalid(std::string_view what) {
  ERR_clear_error();
  return Error{Code::kOcspResponseInvalid, what};
}

Error OutOfMemory() {
  ERR_clear_error();
  return Error{Code::kNoMemory, "out of memory for an OCSP response"};
}

Result<BasicResponsePtr> Parse(ByteView der) {
  const unsigned char* next = der.data();
  if (der.size() > std::numeric_limits<long>::max()) {
    return Invalid("an OCSP response that is too long");
  }
  const ResponsePtr response(
      d2i_OCSP_RESPONSE(nullptr, &next, static_cast<long>(der.size())));
  if (!response || next != der.data() + der.size()) {
    return Invalid("an OCSP response that does not parse");
  }
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return Invalid("an OCSP response that only says that there is none");
  }
  BasicResponsePtr basic(OCSP_response_get1_basic(response.get()));
  if (!basic) {
    return Invalid("an OCSP response of a kind that is not known");
  }
  return basic;
}

// The digest's NID of a signature algorithm; NID_undef for those that have
// none, or none that is known.
int DigestOf(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  int type = V_ASN1_UNDEF;
  const void* value = nullptr;
  X509_ALGOR_get0(&object, &type, &value, algorithm);
  if (OBJ_obj2nid(object) == NID_rsassaPss) {
    const PssPtr parameters(type == V_ASN1_SEQUENCE
                                ? static_cast<RSA_PSS_PARAMS*>(ASN1_item_unpack(
                                      static_cast<const ASN1_STRING*>(value),
                                      ASN1_ITEM_rptr(RSA_PSS_PARAMS)))
                                : nullptr);
    // RFC 4055 section 3.1: the default is SHA-1.
    return parameters && parameters->hashAlgorithm != nullptr
               ? OBJ_obj2nid(parameters->hashAlgorithm->algorithm)
               : NID_sha1;
  }
  int digest = NID_undef;
  int key = NID_undef;
  OBJ_find_sigid_algs(OBJ_obj2nid(object), &digest, &key);
  return digest;
}

// libcrypto's level does not cover the signature on the response itself.
Status CheckDigest(const OCSP_BASICRESP* basic) {
  const EVP_MD* const digest =
      EVP_get_digestbynid(DigestOf(OCSP_resp_get0_tbs_sigalg(basic)));
  if (digest != nullptr && EVP_MD_get_size(digest) < kMinDigestBytes) {
    return Invalid("an OCSP response signed with a weak digest");
  }
  return Ok{};
}

// A store in which `issuer` ends every path, whoever signed it.
Result<X509StorePtr> StoreOf(X509* issuer, CalendarTime now) {
  X509StorePtr store(X509_STORE_new());
  if (!store || X509_STORE_add_cert(store.get(), issuer) != 1) {
    return OutOfMemory();
  }
  X509_VERIFY_PARAM* const parameters = X509_STORE_get0_param(store.get());
  X509_VERIFY_PARAM_set_flags(
      parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_auth_level(parameters, kAuthLevel);
  X509_VERIFY_PARAM_set_depth(parameters, 0);  // none between them
  X509_VERIFY_PARAM_set_time(parameters,
                             std::chrono::system_clock::to_time_t(now));
  return store;
}

Status CheckSigner(OCSP_BASICRESP* basic, X509* issuer, CalendarTime now) {
  RETURN_IF_ERROR(CheckDigest(basic));
  ASSIGN_OR_RETURN(const X509StorePtr store, StoreOf(issuer, now));
  const X509StackPtr issuers(sk_X509_new_null());
  if (!issuers ||
      X509_add_cert(issuers.get(), issuer, X509_ADD_FLAG_UP_REF) != 1) {
    return OutOfMemory();
  }
  if (OCSP_basic_verify(basic, issuers.get(), store.get(), OCSP_NOEXPLICIT) !=
      1) {
    return Invalid("an OCSP response that the issuer does not stand for");
  }
  return Ok{};
}

// Is the statement about `certificate`? It names it by digests of its choice.
Result<bool> IsAbout(OCSP_SINGLERESP* single, const X509* certificate,
                     const X509* issuer) {
  const OCSP_CERTID* const id = OCSP_SINGLERESP_get0_id(single);
  ASN1_OBJECT* algorithm = nullptr;
  if (OCSP_id_get0_info(nullptr, &algorithm, nullptr, nullptr,
                        const_cast<OCSP_CERTID*>(id)) != 1) {
    return false;
  }
  const EVP_MD* const digest = EVP_get_digestbyobj(algorithm);
  if (digest == nullptr) {
    return false;
  }
  const CertIdPtr ours(OCSP_cert_to_id(digest, certificate, issuer));
  // "No" would let a good statement hide a bad one.
  if (!ours) {
    return CryptoError("cannot name a certificate for OCSP");
  }
  return OCSP_id_cmp(id, ours.get()) == 0;
}

Status CheckTimes(const ASN1_GENERALIZEDTIME* this_update,
                  const ASN1_GENERALIZEDTIME* next_update, CalendarTime now) {
  const std::time_t time = std::chrono::system_clock::to_time_t(now);
  constexpr int kError = -2;
  if (next_update == nullptr) {
    return Invalid("an OCSP response without an end");
  }
  const int begin = ASN1_TIME_cmp_time_t(this_update, time);
  const int end = ASN1_TIME_cmp_time_t(next_update, time);
  if (begin == kError || end == kError) {
    return Invalid("an OCSP response with a time that does not parse");
  }
  if (begin > 0) {
    return Invalid("an OCSP response that is not valid yet");
  }
  if (end < 0) {
    return Invalid("an OCSP response that has expired");
  }
  return Ok{};
}

Status CheckStatement(OCSP_SINGLERESP* single, CalendarTime now) {
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  const int status = OCSP_single_get0_status(single, nullptr, nullptr,
                                             &this_update, &next_update);
  if (OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0) {
    return Invalid("a critical extension in an OCSP response");
  }
  RETURN_IF_ERROR(CheckTimes(this_update, next_update, now));
  if (status == V_OCSP_CERTSTATUS_REVOKED) {
    return Error{Code::kCertificateRevoked,
                 "the OCSP response says that it is revoked"};
  }
  if (status != V_OCSP_CERTSTATUS_GOOD) {
    return Invalid("the OCSP responder does not know the certificate");
  }
  return Ok{};
}

Status CheckStatements(OCSP_BASICRESP* basic, const X509* certificate,
                       const X509* issuer, CalendarTime now) {
  bool found = false;
  for (int i = 0; i < OCSP_resp_count(basic); ++i) {
    OCSP_SINGLERESP* const single = OCSP_resp_get0(basic, i);
    ASSIGN_OR_RETURN(const bool about, IsAbout(single, certificate, issuer));
    if (about) {
      RETURN_IF_ERROR(CheckStatement(single, now));
      found = true;
    }
  }
  if (!found) {
    return Invalid("an OCSP response about another certificate");
  }
  return Ok{};
}

}  // namespace

Status CheckOcspResponse(ByteView der, X509* certificate, X509* issuer,
                         CalendarTime now) {
  ASSIGN_OR_RETURN(const BasicResponsePtr basic, Parse(der));
  if (OCSP_BASICRESP_get_ext_by_critical(basic.get(), 1, -1) >= 0) {
    return Invalid("a critical extension in an OCSP response");
  }
  RETURN_IF_ERROR(CheckSigner(basic.get(), issuer, now));
  const Status status = CheckStatements(basic.get(), certificate, issuer, now);
  ERR_clear_error();
  return status;
}

Result<bool> MustStaple(const X509* certificate) {
  ASSIGN_OR_RETURN(
      const FeaturesPtr features,
      ReadExtension<FeaturesPtr>(
          certificate, NID_tlsfeature,
          {Code::kCertificateMalformed,
           "the TLS feature extension is there twice, or does not parse"}));
  for (int i = 0; i < sk_ASN1_INTEGER_num(features.get()); ++i) {
    if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features.get(), i)) ==
        kStatusRequest) {
      return true;
    }
  }
  return false;
}

}  // namespace ktlsd::handshake
