#include "agent/check/own_certificate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <utility>
#include <variant>
#include <vector>

#include "agent/check/expiry.h"
#include "base/result.h"
#include "handshake/credential.h"
#include "handshake/crypto/digest.h"
#include "handshake/peer_proof.h"
#include "handshake/peer_verifier.h"
#include "handshake/server_name.h"
#include "handshake/x509/facts.h"

namespace ktlsd::agent {
namespace {

using handshake::CertificateFacts;
using handshake::Credential;
using handshake::Role;
using handshake::TrustStore;

handshake::Role RoleOf(Side side) {
  return side == Side::kClient ? Role::kClient : Role::kServer;
}

// A name by which a client may have asked for this server.
std::optional<std::string> NameOf(const CertificateFacts& facts) {
  if (facts.names.empty()) {
    return std::nullopt;
  }
  const std::string& name = facts.names.front();
  return name.starts_with("*.") ? "any" + name.substr(1) : name;
}

// What a handshake would carry. Its transcript does not matter.
Result<handshake::PeerProof> ProofOf(const Credential& credential, Role role) {
  handshake::PeerProof proof;
  proof.chain = credential.chain();
  proof.scheme = credential.schemes().front();
  ASSIGN_OR_RETURN(proof.transcript_hash,
                   handshake::Hash(HashAlgorithm::kSha256, {}));
  ASSIGN_OR_RETURN(proof.signature,
                   credential.Sign(proof.scheme, role, proof.transcript_hash));
  return proof;
}

std::string WordsOf(const handshake::Refusal& refusal) {
  return fmt::format("{} ({})", refusal.detail,
                     Describe(refusal.error.code).label);
}

// Others need not ask for what this side does.
void JudgeProfile(const OwnFiles& files, const TrustStore& trust,
                  handshake::PeerPolicy policy,
                  handshake::CertificateProfile profile,
                  const handshake::PeerProof& proof, Report& report) {
  policy.profile = profile;
  const auto verdict = trust.Verify(policy, proof);
  if (const auto* refusal = std::get_if<handshake::Refusal>(&verdict)) {
    report.Warn(files.certificate,
                "a peer with this side's own eku would refuse it: " +
                    WordsOf(*refusal));
  }
}

void Judge(const OwnFiles& files, const Credential& credential, Role role,
           const CertificateFacts& facts, const TrustStore& trust,
           handshake::CertificateProfile profile, CalendarTime now,
           Report& report) {
  const auto proof = ProofOf(credential, role);
  if (!proof.ok()) {
    return report.Fail(files.private_key, proof.error().what);
  }
  handshake::PeerPolicy policy = {role, {}, now};
  if (role == Role::kServer) {
    const auto name = handshake::ServerName::Parse(NameOf(facts).value_or(""));
    if (!name.ok()) {
      return report.Fail(files.certificate,
                         "no subjectAltName: every client refuses it");
    }
    policy.names.push_back(*name);
  }
  const auto verdict = trust.Verify(policy, *proof);
  const auto* const refusal = std::get_if<handshake::Refusal>(&verdict);
  if (refusal == nullptr) {
    report.Ok(files.certificate,
              "a peer with this side's trust store takes it");
    return JudgeProfile(files, trust, std::move(policy), profile, *proof,
                        report);
  }
  const std::string words = WordsOf(*refusal);
  switch (refusal->error.code) {
    case Code::kCertificateUnknownIssuer:
    case Code::kCrlUnavailable:
      return report.Warn(files.certificate,
                         "a peer with this side's own trust store would "
                         "refuse it: " +
                             words);
    case Code::kCertificateExpired:
    case Code::kCertificateNotYetValid:
      return;  // said by date
    default:
      return report.Fail(files.certificate, "a peer would refuse it: " + words);
  }
}

void CheckDates(const OwnFiles& files, const CertificateFacts& facts,
                CalendarTime now, Report& report) {
  if (facts.not_before > now) {
    report.Fail(files.certificate,
                fmt::format("{} is not valid before {}: peers refuse it",
                            facts.subject, DateText(facts.not_before)));
  }
  switch (ExpiryOf(facts.not_after, now, kExpiresSoon)) {
    case Expiry::kNotSoon:
      return;
    case Expiry::kSoon:
      return report.Warn(files.certificate,
                         fmt::format("{} expires on {}", facts.subject,
                                     DateText(facts.not_after)));
    case Expiry::kOver:
      return report.Fail(files.certificate,
                         fmt::format("{} expired on {}: peers refuse it",
                                     facts.subject, DateText(facts.not_after)));
  }
}

// A path that jumps is completed by few peers.
void CheckOrder(const OwnFiles& files,
                const std::vector<CertificateFacts>& chain, Report& report) {
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (chain[i].subject != chain[i - 1].issuer) {
      report.Warn(files.certificate,
                  fmt::format("{} is not the issuer of {}: a certificate is "
                              "missing or not in its place",
                              chain[i].subject, chain[i - 1].subject));
    }
  }
}

}  // namespace

void CheckOwnCertificate(Side side, std::string_view settings,
                         const OwnFiles& files, const TokenKeys& tokens,
                         const std::optional<TrustFiles>& trust,
                         CalendarTime now, Report& report) {
  const Result<Credential> credential = OpenCredential(files, tokens);
  if (!credential.ok()) {
    return report.Fail(files.certificate, credential.error().what);
  }
  std::vector<CertificateFacts> chain;
  for (const Bytes& der : credential->chain()) {
    Result<CertificateFacts> facts = handshake::DescribeCertificate(der);
    if (!facts.ok()) {
      return report.Fail(files.certificate, facts.error().what);
    }
    chain.push_back(std::move(facts).value());
  }
  const CertificateFacts& own = chain.front();
  report.Ok(files.certificate,
            fmt::format("{}: {}, of {}, until {}{}{}", settings, own.subject,
                        own.issuer, DateText(own.not_after),
                        own.names.empty() ? "" : ", for ",
                        fmt::join(own.names, ", ")));
  for (const CertificateFacts& certificate : chain) {
    CheckDates(files, certificate, now, report);
  }
  CheckOrder(files, chain, report);
  if (!trust.has_value()) {
    return;
  }
  const auto store = OpenTrust(*trust);
  if (const TrustStore* opened = std::get_if<TrustStore>(&store)) {
    Judge(files, *credential, RoleOf(side), own, *opened, trust->profile, now,
          report);
  }
}

}  // namespace ktlsd::agent
