#include "agent/ipc/messages.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <type_traits>

namespace ktlsd::agent {
namespace {

// No padding, so nothing of a sender's memory leaves with a message, and every
// byte of it is checked or reserved.
template <typename M, std::size_t Size>
constexpr bool kFixedLayout =
    std::is_trivially_copyable_v<M> && std::is_standard_layout_v<M> &&
    std::has_unique_object_representations_v<M> && sizeof(M) == Size &&
    alignof(M) <= 8 && sizeof(M) + M::kCarries.payload <= kMaxMessageBytes;

static_assert(kFixedLayout<Job, 336>);
static_assert(kFixedLayout<TakeLink, 16>);
static_assert(kFixedLayout<EndJob, 16>);
static_assert(kFixedLayout<Forget, 16>);
static_assert(kFixedLayout<AddWorker, 16>);
static_assert(kFixedLayout<RemoveWorker, 16>);
static_assert(kFixedLayout<TakeBell, 8>);
static_assert(kFixedLayout<Wake, 8>);
static_assert(kFixedLayout<SigningTerms, 104>);
static_assert(kFixedLayout<OpenTokens, 16>);
static_assert(kFixedLayout<LoadCredential, 24>);
static_assert(kFixedLayout<VerdictTerms, 352>);
static_assert(kFixedLayout<LoadTrust, 24>);
static_assert(kFixedLayout<LoopChosen, 16>);
static_assert(kFixedLayout<JobReport, 176>);
static_assert(kFixedLayout<CredentialLoaded, 152>);
static_assert(kFixedLayout<Signed, 16>);
static_assert(kFixedLayout<TrustLoaded, 152>);
static_assert(kFixedLayout<Verdict, 456 + kTagListSize>);
static_assert(kFixedLayout<PeerChain, 24>);
static_assert(kFixedLayout<Recheck, 288>);
static_assert(kFixedLayout<Rechecked, 168>);
static_assert(kFixedLayout<LoadTags, 16>);
static_assert(kFixedLayout<TagsLoaded, 152>);
static_assert(kFixedLayout<Misbehaved, 144>);
static_assert(kFixedLayout<NotConfined, 16>);
static_assert(kFixedLayout<ChainRequest, 24>);
static_assert(kFixedLayout<ChainReply, 48>);
static_assert(kFixedLayout<SignRequest, 80>);
static_assert(kFixedLayout<SignReply, 24>);
static_assert(kFixedLayout<ProofRequest, 80>);
static_assert(kFixedLayout<ProofReply, 24>);
static_assert(kFixedLayout<ChoiceRequest, 24>);
static_assert(kFixedLayout<ChoiceReply, 24>);
static_assert(kFixedLayout<BinderRequest, 72>);
static_assert(kFixedLayout<BinderReply, 24>);
static_assert(kFixedLayout<PskProofRequest, 120>);
static_assert(kFixedLayout<PskProofReply, 24>);
static_assert(kFixedLayout<SecretRequest, 24>);
static_assert(kFixedLayout<SecretReply, 24>);

constexpr int32_t kMaxErrno = 4095;

bool AreFlags(std::initializer_list<uint8_t> values) {
  return std::all_of(values.begin(), values.end(),
                     [](uint8_t value) { return value <= 1; });
}

// Hashes, and nothing behind the first gap.
bool AreHashes(const std::array<WirePskHash, kMaxJobPsks>& hashes) {
  const auto end = std::find(hashes.begin(), hashes.end(), WirePskHash::kNone);
  return std::all_of(hashes.begin(), end,
                     [](WirePskHash hash) { return Valid(hash); }) &&
         std::all_of(end, hashes.end(), [](WirePskHash hash) {
           return hash == WirePskHash::kNone;
         });
}

std::size_t SizeOf(WirePskHash hash) {
  return hash == WirePskHash::kSha256 ? 32 : 48;
}

// With certificates a client needs a name to look for in its server's.
bool IsCertificateJob(const Job& job) {
  return (job.side == Side::kClient) != job.server_name.empty() &&
         job.psk_hashes[0] == WirePskHash::kNone;
}

// A client has PSKs to offer; a server is asked which of its client's.
bool IsPskJob(const Job& job) {
  const bool client = job.side == Side::kClient;
  return job.credentials[0] == 0 && (job.flags & kCertificateJobFlags) == 0 &&
         (client || job.server_name.empty()) &&
         client == (job.psk_hashes[0] != WirePskHash::kNone);
}

}  // namespace

bool Job::Check() const {
  return job != 0 && first_byte_ms > 0 && progress_ms > 0 && total_ms > 0 &&
         Valid(side) && (flags & ~kAllJobFlags) == 0 &&
         ((flags & kRequireSunrpc) == 0 || (flags & kOfferSunrpc) != 0) &&
         AreFlags({tcp_nodelay}) && suites[0] != 0 && server_name.valid() &&
         AreHashes(psk_hashes) && Valid(credentials) &&
         ((flags & kUsePsk) != 0 ? IsPskJob(*this) : IsCertificateJob(*this));
}

std::size_t Job::psks() const {
  return static_cast<std::size_t>(
      std::find(psk_hashes.begin(), psk_hashes.end(), WirePskHash::kNone) -
      psk_hashes.begin());
}

bool TakeLink::Check() const {
  return to == LinkTo::kKeeper || to == LinkTo::kVerifier;
}

bool SigningTerms::Check() const {
  return job != 0 && credentials[0] != 0 && Valid(credentials) && worker != 0 &&
         Valid(signer);
}

bool LoadCredential::Check() const {
  return id != 0 && certificate_size <= kMaxChainBytes &&
         AreFlags({post_quantum});
}

bool VerdictTerms::Check() const {
  return job != 0 && trust != 0 && worker != 0 && Valid(peer) &&
         Valid(wanted) && server_name.valid() &&
         (peer == Side::kServer) != server_name.empty();
}

bool LoopChosen::Check() const {
  return Valid(kind) && os_error >= 0 && os_error <= kMaxErrno;
}

bool JobReport::Check() const {
  return job != 0 && outcome.valid() && what.valid() && os_error >= 0 &&
         os_error <= kMaxErrno && AreFlags({hello_retry}) &&
         payload_limit <= 1U << 14;
}

bool CredentialLoaded::Check() const {
  return id != 0 && outcome.valid() && text.valid();
}

bool LoadTrust::Check() const {
  return id != 0 && allowed <= kMaxAllowed && AreFlags({rpc_certificates});
}

bool LoadTags::Check() const {
  return files <= kMaxTagFiles && (files == 0 ? file == 0 : file < files);
}

bool TagsLoaded::Check() const {
  return outcome.valid() && text.valid() && file <= kMaxTagFiles;
}

bool TrustLoaded::Check() const {
  return id != 0 && outcome.valid() && text.valid();
}

bool Verdict::Check() const {
  return job != 0 && transcript_hash.valid() && outcome.valid() &&
         AreFlags({remembered}) && subject.valid() && detail.valid() &&
         tags.valid() && (tags.empty() || outcome.ok());
}

bool PeerChain::Check() const {
  return job != 0 && certificates >= 1 && certificates <= kMaxCertificates;
}

bool Recheck::Check() const {
  return session != 0 && trust != 0 && certificates >= 1 &&
         certificates <= kMaxCertificates && Valid(peer) &&
         server_name.valid() && (peer == Side::kServer) != server_name.empty();
}

bool Rechecked::Check() const {
  return session != 0 && trust != 0 && outcome.valid() && detail.valid();
}

bool Misbehaved::Check() const { return worker != 0 && what.valid(); }

bool NotConfined::Check() const {
  return Valid(step) && os_error >= 0 && os_error <= kMaxErrno;
}

bool ChainReply::Check() const {
  return job != 0 && credential != 0 && outcome.valid() &&
         certificates <= kMaxCertificates && outcome.ok() == (certificates > 0);
}

bool SignRequest::Check() const {
  return job != 0 && credential != 0 && transcript_hash.valid();
}

bool SignReply::Check() const { return job != 0 && outcome.valid(); }

bool ProofRequest::Check() const {
  return job != 0 && certificates >= 1 && certificates <= kMaxCertificates &&
         chain_size <= kMaxChainBytes && transcript_hash.valid();
}

bool ChoiceRequest::Check() const {
  return job != 0 && identities >= 1 && identities <= kMaxOfferedPsks &&
         AreFlags({sha256, sha384}) && (sha256 != 0 || sha384 != 0);
}

bool ChoiceReply::Check() const {
  return job != 0 && outcome.valid() && AreFlags({chosen}) &&
         index < kMaxOfferedPsks &&
         (chosen != 0 ? outcome.ok() && Valid(hash)
                      : index == 0 && hash == WirePskHash::kNone);
}

bool BinderRequest::Check() const {
  return job != 0 && index < kMaxJobPsks && Valid(hash) &&
         transcript_hash.size == SizeOf(hash);
}

bool BinderReply::Check() const { return job != 0 && outcome.valid(); }

bool PskProofRequest::Check() const {
  return job != 0 && Valid(hash) && transcript_hash.size == SizeOf(hash) &&
         binder.size == SizeOf(hash);
}

bool PskProofReply::Check() const { return job != 0 && outcome.valid(); }

bool SecretRequest::Check() const {
  return job != 0 && index < kMaxJobPsks && Valid(hash);
}

bool SecretReply::Check() const { return job != 0 && outcome.valid(); }

bool ProofReply::Check() const { return job != 0 && outcome.valid(); }

}  // namespace ktlsd::agent
