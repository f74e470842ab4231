#include "tools/benchmarks/cases.h"

#include <algorithm>
#include <utility>

#include "handshake/config.h"

namespace ktlsd::benchmarks {

using handshake::KeyKind;
using handshake::NamedGroup;
using handshake::TestCertificate;

Pki MakePki(KeyKind kind) {
  auto root = TestCertificate::SelfSigned(
      {.common_name = "bench root", .key = kind, .authority = true});
  auto server = root.Issue({.common_name = "server",
                            .key = kind,
                            .dns = {std::string(kServerName)},
                            .extended_key_usage = "serverAuth"});
  auto client = root.Issue({.common_name = "client",
                            .key = kind,
                            .dns = {"client.example"},
                            .extended_key_usage = "clientAuth"});
  return {std::move(root), std::move(server), std::move(client)};
}

namespace {

void AddWithCertificates(const std::string& key, const Pki& pki,
                         std::vector<Case>& cases) {
  cases.push_back({.name = "mutual_" + key, .mutual = true, .pki = pki});
  cases.push_back({.name = "server_only_" + key, .pki = pki});
}

}  // namespace

std::vector<Case> MakeCases() {
  const Pki ecdsa = MakePki(KeyKind::kEcdsaP256);
  std::vector<Case> cases;
  AddWithCertificates("ecdsa", ecdsa, cases);
  AddWithCertificates("rsa", MakePki(KeyKind::kRsa2048), cases);
  AddWithCertificates("ed25519", MakePki(KeyKind::kEd25519), cases);
  cases.push_back({.name = "psk_sha256",
                   .suite = CipherSuite::kAes128GcmSha256,
                   .psk = Bytes(32, 7)});
  cases.push_back({.name = "psk_sha384", .psk = Bytes(48, 7)});
  const auto groups = handshake::DefaultGroups();
  if (std::ranges::count(groups, NamedGroup::kX25519MlKem768) == 1) {
    cases.push_back({.name = "mutual_ecdsa_mlkem",
                     .group = NamedGroup::kX25519MlKem768,
                     .mutual = true,
                     .pki = ecdsa});
  }
  return cases;
}

}  // namespace ktlsd::benchmarks
