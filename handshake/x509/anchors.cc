#include "handshake/x509/anchors.h"

#include <openssl/x509v3.h>

#include <limits>
#include <vector>

#include "handshake/x509/certificate.h"
#include "handshake/x509/pem.h"

namespace ktlsd::handshake {
namespace {

Error OutOfMemory() {
  ERR_clear_error();
  return Error{Code::kNoMemory, "out of memory for a trust store"};
}

// X509_check_purpose with -1 reads all extensions now, and keeps them: no
// handshake pays for it.
bool ExtensionsAreSound(X509* certificate) {
  return X509_check_purpose(certificate, -1, 0) == 1 &&
         (X509_get_extension_flags(certificate) & EXFLAG_INVALID) == 0;
}

Status AddAnchors(X509_STORE* store, const std::vector<Bytes>& anchors) {
  for (const Bytes& der : anchors) {
    const auto anchor = ParseDerCertificate(der);
    const bool sound = anchor.ok() && ExtensionsAreSound(anchor->get());
    ERR_clear_error();
    if (!sound) {
      return Error{Code::kTrustStoreUnusable,
                   "a certificate of the trust store does not parse"};
    }
    if (X509_STORE_add_cert(store, anchor->get()) != 1) {
      return OutOfMemory();
    }
  }
  return Ok{};
}

X509CrlPtr ParseCrl(ByteView der) {
  const unsigned char* next = der.data();
  if (der.size() > std::numeric_limits<long>::max()) {
    return nullptr;
  }
  X509CrlPtr crl(d2i_X509_CRL(nullptr, &next, static_cast<long>(der.size())));
  ERR_clear_error();
  return next == der.data() + der.size() ? std::move(crl) : nullptr;
}

Status AddCrls(X509_STORE* store, const std::vector<Bytes>& crls) {
  for (const Bytes& der : crls) {
    const X509CrlPtr crl = ParseCrl(der);
    if (!crl) {
      return Error{Code::kCrlUnusable, "a revocation list does not parse"};
    }
    if (X509_STORE_add_crl(store, crl.get()) != 1) {
      return OutOfMemory();
    }
  }
  return Ok{};
}

}  // namespace

Result<Anchors> Anchors::FromPem(ByteView anchors_pem, ByteView crls_pem) {
  X509StorePtr store(X509_STORE_new());
  if (!store) {
    return OutOfMemory();
  }
  ASSIGN_OR_RETURN(
      const std::vector<Bytes> anchors,
      PemBlocks(anchors_pem, "CERTIFICATE", Code::kTrustStoreUnusable));
  RETURN_IF_ERROR(AddAnchors(store.get(), anchors));
  if (crls_pem.empty()) {
    return Anchors(std::move(store), anchors.size(), Revocation::kNotChecked);
  }
  ASSIGN_OR_RETURN(const std::vector<Bytes> crls,
                   PemBlocks(crls_pem, "X509 CRL", Code::kCrlUnusable));
  RETURN_IF_ERROR(AddCrls(store.get(), crls));
  return Anchors(std::move(store), anchors.size(), Revocation::kEveryIssuer);
}

}  // namespace ktlsd::handshake
