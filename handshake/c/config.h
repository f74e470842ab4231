// What a ktlsd_config holds.
//
// Scope:     values; credential and trust store are immutable and shared by
//            the configs and engines that use them, of which the C program
//            frees each when it likes: hence shared_ptr.
// Layer:     handshake/c.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/shared.h"
#include "handshake/config.h"
#include "handshake/credential.h"
#include "handshake/local_psks.h"
#include "handshake/peer_verifier.h"
#include "handshake/server_name.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

struct OwnCertificate {
  Shared<LocalCertificate> shown;
  std::shared_ptr<const Credential> credential;  // none: the program signs
};

}  // namespace ktlsd::handshake

struct ktlsd_config {
  explicit ktlsd_config(ktlsd::handshake::Role config_role)
      : role(config_role) {}

  // Whether a handshake can begin with it.
  // Errors: kNoCertificateConfigured, kTrustStoreUnusable, kNoPeerName,
  //         kConfigUnusable.
  ktlsd::Status Check() const;
  ktlsd::handshake::ClientConfig Client() const;
  ktlsd::handshake::ServerConfig Server() const;

  ktlsd::handshake::LocalCertificates ShownCertificates() const;

  ktlsd::handshake::Role role;
  std::vector<ktlsd::handshake::OwnCertificate> certificates;  // best first
  std::shared_ptr<const ktlsd::handshake::TrustStore> trust;
  bool verifies_itself = true;  // else the program does
  // What is wanted of a server's OCSP response.
  ktlsd::handshake::Stapling stapling = ktlsd::handshake::Stapling::kNotAsked;
  ktlsd::handshake::CertificateProfile profile =
      ktlsd::handshake::CertificateProfile::kTls;
  std::optional<ktlsd::handshake::ServerName> name;
  ktlsd::handshake::LocalPsks psks;
  bool record_size_limit = false;
  std::vector<ktlsd::Bytes> alpn;
  bool require_alpn = false;
  ktlsd::handshake::ClientAuth client_auth =
      ktlsd::handshake::ClientAuth::kNone;
  std::vector<ktlsd::CipherSuite> suites = ktlsd::handshake::DefaultSuites();
  std::vector<ktlsd::handshake::NamedGroup> groups =
      ktlsd::handshake::DefaultGroups();
};
