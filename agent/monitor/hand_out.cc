#include "agent/monitor/hand_out.h"

#include <algorithm>
#include <array>

#include "agent/ipc/identities.h"
#include "agent/ipc/messages.h"
#include "base/bytes.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

struct Patience {
  milliseconds first_byte;
  milliseconds progress;
};

constexpr Patience PatienceOf(Side side) {
  return side == Side::kServer
             ? Patience{milliseconds(3000), milliseconds(2000)}
             : Patience{milliseconds(6000), milliseconds(4000)};
}

uint32_t Wire(milliseconds time) { return static_cast<uint32_t>(time.count()); }

}  // namespace

Status SendTerms(Resources& resources, JobId job, const Plan& plan,
                 WorkerId worker) {
  if (plan.shows_certificate()) {
    SigningTerms terms;
    terms.job = job;
    terms.credentials = plan.credentials;
    terms.worker = worker;
    terms.signer = plan.side;
    terms.ended = resources.ended_at_keeper().Take();
    Link* keeper = resources.keeper();
    if (keeper == nullptr || !keeper->SendSilently(terms).ok()) {
      return Error{Code::kKeeperUnavailable, "the keeper does not answer"};
    }
  }
  if (plan.trust != 0) {
    VerdictTerms terms;
    terms.job = job;
    terms.trust = plan.trust;
    terms.worker = worker;
    terms.peer = Opposite(plan.side);
    terms.wanted = plan.watched                ? ChainWanted::kAll
                   : plan.peer_key.has_value() ? ChainWanted::kEndEntity
                                               : ChainWanted::kNothing;
    terms.ended = resources.ended_at_verifier().Take();
    terms.server_name = Text<kNameSize>::Of(plan.server_name);
    Link* verifier = resources.verifier();
    if (verifier == nullptr || !verifier->SendSilently(terms).ok()) {
      return Error{Code::kVerifierUnavailable, "the verifier does not answer"};
    }
  }
  return Ok{};
}

Status SendJob(Link& worker, const Ticket& ticket, const Plan& plan,
               milliseconds total) {
  const Patience patience = PatienceOf(plan.side);
  Job message;
  message.job = ticket.job;
  message.credentials = plan.credentials;
  message.total_ms = Wire(total);
  message.first_byte_ms = Wire(std::min(total, patience.first_byte));
  message.progress_ms = Wire(std::min(total, patience.progress));
  message.side = plan.side;
  message.flags = static_cast<uint8_t>(
      (plan.trust != 0 ? kVerifyPeer : 0) |
      (plan.request_client_certificate ? kRequestClientCertificate : 0) |
      (plan.offer_sunrpc ? kOfferSunrpc : 0) |
      (plan.require_sunrpc ? kRequireSunrpc : 0) | (plan.psk ? kUsePsk : 0) |
      (plan.record_size_limit ? kRecordSizeLimit : 0));
  message.tcp_nodelay = ticket.facts.nodelay ? 1 : 0;
  for (std::size_t i = 0; i < std::min(plan.suites.size(), kMaxSuites); ++i) {
    message.suites[i] = static_cast<uint16_t>(plan.suites[i]);
  }
  for (std::size_t i = 0; i < std::min(plan.groups.size(), kMaxGroups); ++i) {
    message.groups[i] = static_cast<uint16_t>(plan.groups[i]);
  }
  message.server_name = Text<kNameSize>::Of(plan.server_name);
  Bytes identities;
  for (std::size_t i = 0; i < std::min(plan.psks.size(), kMaxJobPsks); ++i) {
    message.psk_hashes[i] = ToWire(plan.psks[i].hash);
    AppendIdentity(plan.psks[i].identity, identities);
  }
  const std::array<BorrowedFd, 1> socket = {ticket.upcall.socket()};
  if (Status sent = worker.Send(message, identities, socket); !sent.ok()) {
    return Error{sent.error().code == Code::kTooBusy ? Code::kTooBusy
                                                     : Code::kWorkerDied,
                 sent.error().what, sent.error().os_error};
  }
  return Ok{};
}

void EndTerms(Resources& resources, JobId job, const Plan& plan) {
  if (Link* keeper = resources.keeper();
      keeper != nullptr && plan.shows_certificate()) {
    resources.ended_at_keeper().Add(job, *keeper);
  }
  if (Link* verifier = resources.verifier();
      verifier != nullptr && plan.trust != 0) {
    resources.ended_at_verifier().Add(job, *verifier);
  }
}

}  // namespace ktlsd::agent
