#include "handshake/peer_verifier.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "handshake/crypto/signature.h"
#include "handshake/x509/anchors.h"
#include "handshake/x509/certificate.h"
#include "handshake/x509/handles.h"
#include "handshake/x509/identity.h"
#include "handshake/x509/name_limits.h"
#include "handshake/x509/ocsp.h"
#include "handshake/x509/path.h"
#include "handshake/x509/usage.h"

namespace ktlsd::handshake {
namespace {

Status CheckSize(const std::vector<Bytes>& chain) {
  if (chain.empty()) {
    return Error{Code::kCertificateRequired, "the peer sent no certificate"};
  }
  const std::size_t bytes = std::accumulate(
      chain.begin(), chain.end(), std::size_t{0},
      [](std::size_t sum, const Bytes& der) { return sum + der.size(); });
  if (chain.size() > kMaxChainLength || bytes > kMaxCertificateMessage) {
    return Error{Code::kCertificateChainTooLong,
                 "the peer's chain has too many certificates or bytes"};
  }
  return Ok{};
}

Status CheckPolicy(const PeerPolicy& policy) {
  if (policy.peer == Role::kServer && policy.names.empty()) {
    return Error{Code::kNoPeerName, "no name to verify the server by"};
  }
  return Ok{};
}

Result<std::vector<X509Ptr>> Parse(const std::vector<Bytes>& chain) {
  std::vector<X509Ptr> certificates;
  for (const Bytes& der : chain) {
    ASSIGN_OR_RETURN(X509Ptr certificate, ParseDerCertificate(der));
    certificates.push_back(std::move(certificate));
  }
  return certificates;
}

Status CheckNames(const PeerPolicy& policy, X509* end_entity) {
  const Wildcards wildcards = policy.profile == CertificateProfile::kRpcWithTls
                                  ? Wildcards::kRefused
                                  : policy.wildcards;
  Status last = Ok{};
  for (const ServerName& name : policy.names) {
    last = CheckIdentity(end_entity, name, wildcards);
    if (last.ok()) {
      break;
    }
  }
  return last;
}

Status CheckStaple(const PeerPolicy& policy, const PeerProof& proof,
                   const STACK_OF(X509) * path) {
  X509* const end_entity = sk_X509_value(path, 0);
  if (proof.ocsp_response) {
    // An end entity that is its own anchor is its own issuer.
    X509* const issuer = sk_X509_value(path, sk_X509_num(path) > 1 ? 1 : 0);
    return CheckOcspResponse(*proof.ocsp_response, end_entity, issuer,
                             policy.now);
  }
  if (policy.stapling == Stapling::kNotAsked) {
    return Ok{};
  }
  ASSIGN_OR_RETURN(const bool must_staple, MustStaple(end_entity));
  if (must_staple || policy.stapling == Stapling::kRequired) {
    return Error{Code::kOcspResponseMissing,
                 must_staple ? "a certificate with must-staple came without an "
                               "OCSP response"
                             : "the peer sent no OCSP response"};
  }
  return Ok{};
}

// Says so of DSA and foreign curves by name, where a scheme that does not fit
// the key would be the peer's error in the protocol.
Status CheckKeyKind(X509* end_entity) {
  if (!CanSign(X509_get0_pubkey(end_entity))) {
    return Error{Code::kCertificateKeyUsage,
                 "the certificate's key is of a kind without a signature in "
                 "TLS 1.3"};
  }
  return Ok{};
}

// Everything of the chain that is not the path's.
Status CheckEndEntity(const PeerPolicy& policy, const STACK_OF(X509) * path) {
  X509* const end_entity = sk_X509_value(path, 0);
  if (!IsVersion3(end_entity)) {
    return Error{Code::kCertificateInvalid, "not an X.509v3 certificate"};
  }
  RETURN_IF_ERROR(CheckPurpose(path, policy.peer,
                               policy.profile == CertificateProfile::kRpcWithTls
                                   ? KeyPurposes::kRpcOnly
                                   : KeyPurposes::kTlsOrRpc));
  RETURN_IF_ERROR(CheckSigningAllowed(end_entity));
  RETURN_IF_ERROR(CheckKeyKind(end_entity));
  return Ok{};
}

// Everything of one handshake.
Status CheckHandshake(const PeerPolicy& policy, const PeerProof& proof,
                      const STACK_OF(X509) * path) {
  X509* const end_entity = sk_X509_value(path, 0);
  RETURN_IF_ERROR(CheckPolicy(policy));
  RETURN_IF_ERROR(CheckNames(policy, end_entity));
  RETURN_IF_ERROR(CheckStaple(policy, proof, path));
  return CheckCertificateVerify(X509_get0_pubkey(end_entity), proof.scheme,
                                policy.peer, proof.transcript_hash,
                                proof.signature);
}

std::string Detail(const Error& error, const std::string& where) {
  std::string detail(error.what);
  if (!where.empty()) {
    detail += " (" + where + ")";
  }
  detail.resize(std::min(detail.size(), kMaxCertificateText));
  return detail;
}

Refusal Refuse(const Error& error, std::string subject,
               const std::string& where) {
  return {error, std::move(subject), Detail(error, where)};
}

}  // namespace

struct VerifiedChain::State {
  Path path;
  Role peer;
  CertificateProfile profile;
  std::string subject;
  std::string issuer;
};

VerifiedChain::VerifiedChain(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
VerifiedChain::VerifiedChain(VerifiedChain&&) noexcept = default;
VerifiedChain& VerifiedChain::operator=(VerifiedChain&&) noexcept = default;
VerifiedChain::~VerifiedChain() = default;

const ValidityWindow& VerifiedChain::window() const {
  return state_->path.window;
}

std::size_t VerifiedChain::size() const {
  std::size_t size = 0;
  const STACK_OF(X509)* const path = state_->path.certificates.get();
  for (int i = 0; i < sk_X509_num(path); ++i) {
    const int bytes = i2d_X509(sk_X509_value(path, i), nullptr);
    size += static_cast<std::size_t>(std::max(bytes, 0));
  }
  return size;
}

std::variant<VerifiedPeer, Refusal> VerifiedChain::Check(
    const PeerPolicy& policy, const PeerProof& proof) const {
  if (policy.peer != state_->peer || policy.profile != state_->profile) {
    return Refuse({Code::kApiMisuse, "a chain that was verified for others"},
                  state_->subject, "");
  }
  const STACK_OF(X509)* const path = state_->path.certificates.get();
  const Status status = CheckHandshake(policy, proof, path);
  if (!status.ok()) {
    return Refuse(status.error(), state_->subject, "");
  }
  return VerifiedPeer{state_->subject, state_->issuer};
}

Status VerifiedChain::CheckName(const PeerPolicy& policy) const {
  return CheckNames(policy, sk_X509_value(state_->path.certificates.get(), 0));
}

struct TrustStore::State {
  Anchors anchors;
};

TrustStore::TrustStore(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
TrustStore::TrustStore(TrustStore&&) noexcept = default;
TrustStore& TrustStore::operator=(TrustStore&&) noexcept = default;
TrustStore::~TrustStore() = default;

Result<TrustStore> TrustStore::FromPem(ByteView anchors_pem,
                                       ByteView crls_pem) {
  ASSIGN_OR_RETURN(Anchors anchors, Anchors::FromPem(anchors_pem, crls_pem));
  return TrustStore(std::make_unique<State>(State{std::move(anchors)}));
}

std::size_t TrustStore::anchor_count() const { return state_->anchors.count(); }

std::variant<VerifiedPeer, Refusal> TrustStore::Verify(
    const PeerPolicy& policy, const PeerProof& proof) const {
  auto chain = VerifyChain(policy, proof.chain);
  if (auto* const refusal = std::get_if<Refusal>(&chain)) {
    return std::move(*refusal);
  }
  return std::get<VerifiedChain>(chain).Check(policy, proof);
}

std::variant<VerifiedChain, Refusal> TrustStore::VerifyChain(
    const PeerPolicy& policy, const std::vector<Bytes>& chain) const {
  for (const Status& status : {CheckPolicy(policy), CheckSize(chain)}) {
    if (!status.ok()) {
      return Refuse(status.error(), "", "");
    }
  }
  const auto parsed = Parse(chain);
  if (!parsed.ok()) {
    return Refuse(parsed.error(), "", "");
  }
  std::string subject = SubjectText(parsed->front().get());
  const Status names = CheckNameComparisons(*parsed);
  if (!names.ok()) {
    return Refuse(names.error(), std::move(subject), "");
  }
  auto path = BuildPath(state_->anchors.store(), state_->anchors.revocation(),
                        *parsed, policy.now);
  if (const auto* const refusal = std::get_if<PathRefusal>(&path)) {
    return Refuse(refusal->error, std::move(subject), refusal->where);
  }
  Path& found = std::get<Path>(path);
  const Status status = CheckEndEntity(policy, found.certificates.get());
  if (!status.ok()) {
    return Refuse(status.error(), std::move(subject), "");
  }
  return VerifiedChain(
      std::make_unique<VerifiedChain::State>(VerifiedChain::State{
          std::move(found), policy.peer, policy.profile, std::move(subject),
          IssuerText(parsed->front().get())}));
}

}  // namespace ktlsd::handshake
