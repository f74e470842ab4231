#include "handshake/c/config.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/session_keys.h"
#include "handshake/c/guard.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/pem_file.h"
#include "handshake/chain_facts.h"
#include "handshake/crypto/key_share.h"
#include "handshake/crypto/signature.h"
#include "handshake/x509/pem.h"

namespace {

using ktlsd::Bytes;
using ktlsd::ByteView;
using ktlsd::CipherSuite;
using ktlsd::Code;
using ktlsd::Error;
using ktlsd::Ok;
using ktlsd::Result;
using ktlsd::Status;
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

ByteView View(const void* data, std::size_t length) {
  return ByteView(static_cast<const uint8_t*>(data), length);
}

int New(Role role, ktlsd_config** out) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(out)) {
      return kNullArgument;
    }
    *out = std::make_unique<ktlsd_config>(role).release();
    return Ok{};
  });
}

Status SetCertificate(ktlsd_config& config, ByteView chain, ByteView key) {
  ASSIGN_OR_RETURN(Credential credential, Credential::FromPem(chain, key));
  auto shared = std::make_shared<const Credential>(std::move(credential));
  config.certificate = shared->certificate();
  config.credential = std::move(shared);
  return Ok{};
}

Status SetTrust(ktlsd_config& config, ByteView anchors, ByteView crls) {
  ASSIGN_OR_RETURN(TrustStore trust, TrustStore::FromPem(anchors, crls));
  config.trust = std::make_shared<const TrustStore>(std::move(trust));
  config.verifies_itself = true;
  return Ok{};
}

// A list of revocation lists that is configured must have some.
Status SetTrustWithCrls(ktlsd_config& config, ByteView anchors, ByteView crls) {
  if (crls.empty()) {
    return Error{Code::kCrlUnusable, "no revocation list in what was given"};
  }
  return SetTrust(config, anchors, crls);
}

Status SetExternal(ktlsd_config& config, ByteView chain,
                   std::span<const uint16_t> schemes) {
  LocalCertificate certificate;
  ASSIGN_OR_RETURN(
      certificate.chain,
      PemBlocksAmongOthers(chain, "CERTIFICATE", Code::kCertificateUnusable));
  if (certificate.chain.empty() || certificate.chain.size() > kMaxChainLength) {
    return Error{Code::kCertificateUnusable, "none or too many certificates"};
  }
  ASSIGN_OR_RETURN(certificate.facts, DescribeChain(certificate.chain));
  for (const uint16_t number : schemes) {
    certificate.schemes.push_back(static_cast<SignatureScheme>(number));
    if (std::ranges::find(HandshakeSchemes(), certificate.schemes.back()) ==
        HandshakeSchemes().end()) {
      return Error{Code::kConfigUnusable, "a signature scheme not supported"};
    }
  }
  if (certificate.schemes.empty()) {
    return Error{Code::kConfigUnusable, "no signature scheme"};
  }
  config.certificate = std::move(certificate);
  config.credential.reset();
  return Ok{};
}

// A ktlsd_psk_hash; nothing for KTLSD_PSK_HASH_DEFAULT.
Result<std::optional<HashAlgorithm>> PskHash(int hash) {
  switch (hash) {
    case KTLSD_PSK_HASH_DEFAULT:
      return std::optional<HashAlgorithm>();
    case KTLSD_PSK_HASH_SHA256:
      return std::optional(HashAlgorithm::kSha256);
    case KTLSD_PSK_HASH_SHA384:
      return std::optional(HashAlgorithm::kSha384);
    default:
      return Error{Code::kApiMisuse, "no ktlsd_psk_hash"};
  }
}

// `numbers` as a list of T, each of which is one of `known`.
template <typename T, typename Known>
Result<std::vector<T>> ListOf(std::span<const uint16_t> numbers,
                              const Known& known) {
  std::vector<T> list;
  for (const uint16_t number : numbers) {
    list.push_back(static_cast<T>(number));
    if (std::ranges::find(known, list.back()) == known.end()) {
      return Error{Code::kConfigUnusable, "a number that is not supported"};
    }
  }
  if (list.empty()) {
    return Error{Code::kConfigUnusable, "an empty list"};
  }
  return list;
}

}  // namespace

Status ktlsd_config::Check() const {
  if (role == Role::kClient && !psks.empty()) {
    return certificate ? Status(Error{Code::kConfigUnusable,
                                      "a client with PSKs and a certificate"})
                       : Ok{};
  }
  if (role == Role::kServer && !certificate) {
    return psks.empty() ? Status(Error{Code::kNoCertificateConfigured,
                                       "a server without certificate"})
                        : Ok{};
  }
  const bool judges = role == Role::kClient || client_auth != ClientAuth::kNone;
  if (judges && verifies_itself && !trust) {
    return Error{Code::kTrustStoreUnusable, "no trust store was set"};
  }
  if (role == Role::kClient && verifies_itself && !name) {
    return Error{Code::kNoPeerName, "no name to verify the server by"};
  }
  return Ok{};
}

ClientConfig ktlsd_config::Client() const {
  ClientConfig config;
  config.server_name = name ? name->dns() : "";
  config.suites = suites;
  config.groups = groups;
  config.share_groups = DefaultShares(groups);
  config.alpn_protocols = alpn;
  if (certificate) {
    config.certificates = {*certificate};
  }
  config.psks = psks.names();
  config.record_size_limit = record_size_limit;
  return config;
}

ServerConfig ktlsd_config::Server() const {
  ServerConfig config;
  if (certificate) {
    config.certificates = {*certificate};
  }
  config.suites = suites;
  config.groups = groups;
  config.client_auth = client_auth;
  config.record_size_limit = record_size_limit;
  if (!psks.empty()) {
    config.psk = certificate ? PskPolicy::kAllow : PskPolicy::kRequire;
  }
  config.alpn_protocols = alpn;
  return config;
}

extern "C" {

int ktlsd_config_new_client(ktlsd_config** out) noexcept {
  return New(Role::kClient, out);
}

int ktlsd_config_new_server(ktlsd_config** out) noexcept {
  return New(Role::kServer, out);
}

void ktlsd_config_free(ktlsd_config* config) noexcept {
  const std::unique_ptr<ktlsd_config> owner(config);
}

int ktlsd_config_set_certificate_pem(ktlsd_config* config, const void* chain,
                                     size_t chain_length, const void* key,
                                     size_t key_length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, chain, key)) {
      return kNullArgument;
    }
    return SetCertificate(*config, View(chain, chain_length),
                          View(key, key_length));
  });
}

int ktlsd_config_set_certificate_files(ktlsd_config* config,
                                       const char* chain_path,
                                       const char* key_path) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, chain_path, key_path)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const PemFile chain,
                     PemFile::Read(chain_path, Code::kCertificateUnusable));
    ASSIGN_OR_RETURN(const PemFile key,
                     PemFile::Read(key_path, Code::kPrivateKeyUnusable));
    return SetCertificate(*config, chain.view(), key.view());
  });
}

int ktlsd_config_set_certificate_external(ktlsd_config* config,
                                          const void* chain,
                                          size_t chain_length,
                                          const uint16_t* schemes,
                                          size_t scheme_count) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, chain, schemes)) {
      return kNullArgument;
    }
    return SetExternal(*config, View(chain, chain_length),
                       std::span(schemes, scheme_count));
  });
}

int ktlsd_config_set_trust_pem(ktlsd_config* config, const void* anchors,
                               size_t length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, anchors)) {
      return kNullArgument;
    }
    return SetTrust(*config, View(anchors, length), ByteView());
  });
}

int ktlsd_config_set_trust_pem_crls(ktlsd_config* config, const void* anchors,
                                    size_t anchors_length, const void* crls,
                                    size_t crls_length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, anchors, crls)) {
      return kNullArgument;
    }
    return SetTrustWithCrls(*config, View(anchors, anchors_length),
                            View(crls, crls_length));
  });
}

int ktlsd_config_set_trust_files(ktlsd_config* config,
                                 const char* path) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, path)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const PemFile anchors,
                     PemFile::Read(path, Code::kTrustStoreUnusable));
    return SetTrust(*config, anchors.view(), ByteView());
  });
}

int ktlsd_config_set_trust_files_crls(ktlsd_config* config,
                                      const char* anchors_path,
                                      const char* crls_path) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, anchors_path, crls_path)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const PemFile anchors,
                     PemFile::Read(anchors_path, Code::kTrustStoreUnusable));
    ASSIGN_OR_RETURN(const PemFile crls,
                     PemFile::Read(crls_path, Code::kCrlUnusable));
    return SetTrustWithCrls(*config, anchors.view(), crls.view());
  });
}

int ktlsd_config_set_verifier_external(ktlsd_config* config) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config)) {
      return kNullArgument;
    }
    config->verifies_itself = false;
    return Ok{};
  });
}

int ktlsd_config_set_server_name(ktlsd_config* config,
                                 const char* name) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, name)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(config->name, ServerName::Parse(name));
    return Ok{};
  });
}

int ktlsd_config_add_psk(ktlsd_config* config, const void* identity,
                         size_t identity_length, const void* key,
                         size_t key_length, int hash) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, identity, key)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(const std::optional<HashAlgorithm> chosen, PskHash(hash));
    return config->psks.Add(View(identity, identity_length),
                            View(key, key_length), chosen);
  });
}

int ktlsd_config_add_alpn(ktlsd_config* config, const void* protocol,
                          size_t length) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, protocol)) {
      return kNullArgument;
    }
    if (length == 0 || length > 255) {
      return Error{Code::kConfigUnusable, "an ALPN name has 1 to 255 bytes"};
    }
    const ByteView bytes = View(protocol, length);
    config->alpn.emplace_back(bytes.begin(), bytes.end());
    return Ok{};
  });
}

int ktlsd_config_set_client_auth(ktlsd_config* config,
                                 int client_auth) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config)) {
      return kNullArgument;
    }
    switch (client_auth) {
      case KTLSD_CLIENT_AUTH_NONE:
        config->client_auth = ClientAuth::kNone;
        return Ok{};
      case KTLSD_CLIENT_AUTH_REQUEST:
        config->client_auth = ClientAuth::kRequest;
        return Ok{};
      case KTLSD_CLIENT_AUTH_REQUIRE:
        config->client_auth = ClientAuth::kRequire;
        return Ok{};
      default:
        return Error{Code::kApiMisuse, "no such policy"};
    }
  });
}

int ktlsd_config_set_record_size_limit(ktlsd_config* config, int on) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config)) {
      return kNullArgument;
    }
    config->record_size_limit = on != 0;
    return Ok{};
  });
}

int ktlsd_config_set_suites(ktlsd_config* config, const uint16_t* suites,
                            size_t count) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, suites)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(
        config->suites,
        ListOf<CipherSuite>(std::span(suites, count), DefaultSuites()));
    return Ok{};
  });
}

int ktlsd_config_set_groups(ktlsd_config* config, const uint16_t* groups,
                            size_t count) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config, groups)) {
      return kNullArgument;
    }
    ASSIGN_OR_RETURN(
        config->groups,
        ListOf<NamedGroup>(std::span(groups, count), SupportedGroups()));
    return Ok{};
  });
}

}  // extern "C"
