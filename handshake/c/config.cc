#include "handshake/c/config.h"

#include <algorithm>
#include <initializer_list>
#include <span>
#include <utility>

#include "base/session_keys.h"
#include "handshake/c/guard.h"
#include "handshake/c/ktlsd.h"
#include "handshake/c/pem_file.h"
#include "handshake/config_check.h"
#include "handshake/crypto/key_share.h"

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

Status ForRole(const ktlsd_config& config, Role role) {
  return config.role == role
             ? Status(Ok{})
             : Error{Code::kApiMisuse, "a setting of the other role"};
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

// Sets `out` to what `number`, of an enum of ktlsd.h, stands for.
template <typename T>
Status Choose(int number, T& out,
              std::initializer_list<std::pair<int, T>> meanings) {
  for (const auto& [known, meaning] : meanings) {
    if (number == known) {
      out = meaning;
      return Ok{};
    }
  }
  return Error{Code::kApiMisuse, "a number that is not of its enum"};
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
  RETURN_IF_ERROR(role == Role::kClient ? CheckConfig(Client())
                                        : CheckConfig(Server()));
  if (!verifies_itself && profile != CertificateProfile::kTls) {
    return Error{Code::kConfigUnusable,
                 "a profile for certificates that the program judges"};
  }
  if (role == Role::kClient && !psks.empty()) {
    return certificates.empty() && stapling == Stapling::kNotAsked
               ? Status(Ok{})
               : Error{Code::kConfigUnusable,
                       "a client with PSKs and settings for certificates"};
  }
  if (role == Role::kServer && certificates.empty()) {
    if (psks.empty()) {
      return Error{Code::kNoCertificateConfigured,
                   "a server without certificate"};
    }
    return client_auth == ClientAuth::kNone
               ? Status(Ok{})
               : Error{Code::kConfigUnusable,
                       "certificates of clients that all use a PSK"};
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

LocalCertificates ktlsd_config::ShownCertificates() const {
  LocalCertificates shown;
  shown.reserve(certificates.size());
  for (const OwnCertificate& own : certificates) {
    shown.push_back(own.shown);
  }
  return shown;
}

ClientConfig ktlsd_config::Client() const {
  ClientConfig config;
  config.server_name = name ? name->dns() : "";
  config.suites = suites;
  config.groups = groups;
  config.share_groups = DefaultShares(groups);
  config.alpn_protocols = alpn;
  config.require_alpn = require_alpn;
  config.request_ocsp = stapling != Stapling::kNotAsked;
  config.certificates = ShownCertificates();
  config.psks = psks.names();
  config.record_size_limit = record_size_limit;
  return config;
}

ServerConfig ktlsd_config::Server() const {
  ServerConfig config;
  config.certificates = ShownCertificates();
  config.suites = suites;
  config.groups = groups;
  config.client_auth = client_auth;
  config.record_size_limit = record_size_limit;
  if (!psks.empty()) {
    config.psk = certificates.empty() ? PskPolicy::kRequire : PskPolicy::kAllow;
  }
  config.alpn_protocols = alpn;
  config.require_alpn = require_alpn;
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
    RETURN_IF_ERROR(ForRole(*config, Role::kClient));
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

int ktlsd_config_require_alpn(ktlsd_config* config, int on) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config)) {
      return kNullArgument;
    }
    config->require_alpn = on != 0;
    return Ok{};
  });
}

int ktlsd_config_request_ocsp(ktlsd_config* config, int level) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config)) {
      return kNullArgument;
    }
    RETURN_IF_ERROR(ForRole(*config, Role::kClient));
    return Choose(level, config->stapling,
                  {{KTLSD_OCSP_NONE, Stapling::kNotAsked},
                   {KTLSD_OCSP_ASK, Stapling::kAsked},
                   {KTLSD_OCSP_REQUIRE, Stapling::kRequired}});
  });
}

int ktlsd_config_set_profile(ktlsd_config* config, int profile) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config)) {
      return kNullArgument;
    }
    return Choose(profile, config->profile,
                  {{KTLSD_PROFILE_TLS, CertificateProfile::kTls},
                   {KTLSD_PROFILE_RPC, CertificateProfile::kRpcWithTls}});
  });
}

int ktlsd_config_set_client_auth(ktlsd_config* config,
                                 int client_auth) noexcept {
  return Guarded([&]() -> Status {
    if (AnyNull(config)) {
      return kNullArgument;
    }
    RETURN_IF_ERROR(ForRole(*config, Role::kServer));
    return Choose(client_auth, config->client_auth,
                  {{KTLSD_CLIENT_AUTH_NONE, ClientAuth::kNone},
                   {KTLSD_CLIENT_AUTH_REQUEST, ClientAuth::kRequest},
                   {KTLSD_CLIENT_AUTH_REQUIRE, ClientAuth::kRequire}});
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
