#include "agent/monitor/judge.h"

#include "base/hkdf.h"
#include "base/session_keys.h"

namespace ktlsd::agent {
namespace {

Error Lie(std::string_view what) { return {Code::kWorkerMisbehaved, what}; }

// The peer is who has the PSK that the monitor itself looked up for the job.
Result<RemoteAuth> JudgePsk(const PskEvidence& evidence,
                            const JobReport& report) {
  if (!evidence.used.has_value()) {
    return Lie("success without the secret of a PSK");
  }
  if (HashOf(static_cast<CipherSuite>(report.suite)) != evidence.used->hash) {
    return Lie("success with a suite of another hash than the PSK's");
  }
  return RemoteAuth::Psk(evidence.used->serial);
}

}  // namespace

Result<RemoteAuth> JudgeSuccess(const Plan& plan, const Evidence& evidence,
                                const JobReport& report) {
  if (plan.refused.has_value()) {
    return Lie("success of a server that was to refuse");
  }
  if (plan.psk) {
    return JudgePsk(evidence.psk, report);
  }
  const bool client = plan.side == Side::kClient;
  if (plan.shows_certificate() && !evidence.signed_once) {
    return Lie("success without a signature of ours");
  }
  if (evidence.verdict.has_value() && !evidence.verdict->outcome.ok()) {
    return Lie("success with a peer that was refused");
  }
  if (client && !evidence.verdict.has_value()) {
    return Lie("success without a verdict on the server");
  }
  if (!evidence.verdict.has_value()) {
    return RemoteAuth::None();
  }
  // A client that was asked to stay anonymous itself has nobody to tell.
  return client && !plan.shows_certificate()
             ? RemoteAuth::None()
             : RemoteAuth::VerifiedCertificate();
}

Code JudgeFailure(const Evidence& evidence, const JobReport& report) {
  if (evidence.verdict.has_value() && !evidence.verdict->outcome.ok()) {
    return evidence.verdict->outcome.code();
  }
  if (evidence.psk.failure.has_value()) {
    return *evidence.psk.failure;
  }
  const Code code = report.outcome.code();
  switch (Describe(code).disposition) {
    case Disposition::kKeyMissing:
    case Disposition::kKeyRejected:
      return Code::kInternal;
    case Disposition::kRefuse:
    case Disposition::kPeerGone:
    case Disposition::kTransient:
    case Disposition::kUnsupported:
      return code;
  }
  return Code::kInternal;
}

}  // namespace ktlsd::agent
