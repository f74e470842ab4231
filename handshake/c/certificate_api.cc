// The entries of ktlsd.h about our own certificates.
#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/shared.h"
#include "handshake/c/config.h"
#include "handshake/c/guard.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/pem_file.h"
#include "handshake/chain_facts.h"
#include "handshake/crypto/signature.h"
#include "handshake/x509/pem.h"

namespace {

using ktlsd::Bytes;
using ktlsd::ByteView;
using ktlsd::Code;
using ktlsd::Error;
using ktlsd::Ok;
using ktlsd::Result;
using ktlsd::Shared;
using ktlsd::Status;
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

// More kinds of keys than there are.
constexpr std::size_t kMaxCertificates = 16;
// Bytes of an OCSP response: it must fit into the Certificate message of a peer
// that limits it as we do, beside a chain.
constexpr std::size_t kMaxOcspResponse = 1U << 15;

enum class Place : uint8_t { kAlone, kBehindOthers };

// All or nothing: what can fail comes first.
Status Put(ktlsd_config& config, Place place, OwnCertificate certificate) {
  if (place == Place::kAlone) {
    std::vector<OwnCertificate> only;
    only.push_back(std::move(certificate));
    config.certificates = std::move(only);
    return Ok{};
  }
  if (config.certificates.size() == kMaxCertificates) {
    return Error{Code::kConfigUnusable, "more than 16 certificates of ours"};
  }
  config.certificates.push_back(std::move(certificate));
  return Ok{};
}

Result<OwnCertificate> WithKey(ByteView chain, ByteView key) {
  ASSIGN_OR_RETURN(Credential credential, Credential::FromPem(chain, key));
  auto shared = std::make_shared<const Credential>(std::move(credential));
  return OwnCertificate{shared->certificate(), shared};
}

Result<OwnCertificate> WithKeyFromFiles(const char* chain_path,
                                        const char* key_path) {
  ASSIGN_OR_RETURN(const PemFile chain,
                   PemFile::Read(chain_path, Code::kCertificateUnusable));
  ASSIGN_OR_RETURN(const PemFile key,
                   PemFile::Read(key_path, Code::kPrivateKeyUnusable));
  return WithKey(chain.view(), key.view());
}

Result<std::vector<Bytes>> ParseChain(ByteView pem) {
  ASSIGN_OR_RETURN(
      std::vector<Bytes> chain,
      PemBlocksAmongOthers(pem, "CERTIFICATE", Code::kCertificateUnusable));
  if (chain.empty() || chain.size() > kMaxChainLength) {
    return Error{Code::kCertificateUnusable, "none or too many certificates"};
  }
  return chain;
}

Result<OwnCertificate> WithoutKey(ByteView chain,
                                  std::span<const uint16_t> schemes) {
  LocalCertificate shown;
  ASSIGN_OR_RETURN(shown.chain, ParseChain(chain));
  ASSIGN_OR_RETURN(shown.facts, DescribeChain(shown.chain));
  for (const uint16_t number : schemes) {
    shown.schemes.push_back(static_cast<SignatureScheme>(number));
    if (std::ranges::find(HandshakeSchemes(), shown.schemes.back()) ==
        HandshakeSchemes().end()) {
      return Error{Code::kConfigUnusable, "a signature scheme not supported"};
    }
  }
  if (shown.schemes.empty()) {
    return Error{Code::kConfigUnusable, "no signature scheme"};
  }
  return OwnCertificate{std::move(shown), nullptr};
}

// What each set_ and add_ pair has in common.

int PutPem(ktlsd_config* config, Place place, const void* chain,
           size_t chain_length, const void* key, size_t key_length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, chain, key)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(OwnCertificate certificate,
                     WithKey(View(chain, chain_length), View(key, key_length)));
    return Put(*config, place, std::move(certificate));
  });
}

int PutFiles(ktlsd_config* config, Place place, const char* chain_path,
             const char* key_path) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, chain_path, key_path)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(OwnCertificate certificate,
                     WithKeyFromFiles(chain_path, key_path));
    return Put(*config, place, std::move(certificate));
  });
}

int PutExternal(ktlsd_config* config, Place place, const void* chain,
                size_t chain_length, const uint16_t* schemes,
                size_t scheme_count) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, chain, schemes)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(OwnCertificate certificate,
                     WithoutKey(View(chain, chain_length),
                                std::span(schemes, scheme_count)));
    return Put(*config, place, std::move(certificate));
  });
}

}  // namespace

extern "C" {

int ktlsd_config_set_certificate_pem(ktlsd_config* config, const void* chain,
                                     size_t chain_length, const void* key,
                                     size_t key_length) noexcept {
  return PutPem(config, Place::kAlone, chain, chain_length, key, key_length);
}

int ktlsd_config_add_certificate_pem(ktlsd_config* config, const void* chain,
                                     size_t chain_length, const void* key,
                                     size_t key_length) noexcept {
  return PutPem(config, Place::kBehindOthers, chain, chain_length, key,
                key_length);
}

int ktlsd_config_set_certificate_files(ktlsd_config* config,
                                       const char* chain_path,
                                       const char* key_path) noexcept {
  return PutFiles(config, Place::kAlone, chain_path, key_path);
}

int ktlsd_config_add_certificate_files(ktlsd_config* config,
                                       const char* chain_path,
                                       const char* key_path) noexcept {
  return PutFiles(config, Place::kBehindOthers, chain_path, key_path);
}

int ktlsd_config_set_certificate_external(ktlsd_config* config,
                                          const void* chain,
                                          size_t chain_length,
                                          const uint16_t* schemes,
                                          size_t scheme_count) noexcept {
  return PutExternal(config, Place::kAlone, chain, chain_length, schemes,
                     scheme_count);
}

int ktlsd_config_add_certificate_external(ktlsd_config* config,
                                          const void* chain,
                                          size_t chain_length,
                                          const uint16_t* schemes,
                                          size_t scheme_count) noexcept {
  return PutExternal(config, Place::kBehindOthers, chain, chain_length, schemes,
                     scheme_count);
}

int ktlsd_config_set_ocsp_response(ktlsd_config* config, size_t index,
                                   const void* response,
                                   size_t length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, response)) {
      return kNullArgument;
    }
    if (config->role != Role::kServer) {
      return Error{Code::kApiMisuse, "a client sends no OCSP response"};
    }
    if (index >= config->certificates.size()) {
      return Error{Code::kConfigUnusable, "no certificate of this index"};
    }
    if (length == 0 || length > kMaxOcspResponse) {
      return Error{Code::kConfigUnusable, "no OCSP response, or over 32 KiB"};
    }
    const ByteView bytes = View(response, length);
    Shared<LocalCertificate>& shown = config->certificates[index].shown;
    LocalCertificate with_response = *shown;
    with_response.ocsp_response = Bytes(bytes.begin(), bytes.end());
    shown = std::move(with_response);
    return Ok{};
  });
}

}  // extern "C"
