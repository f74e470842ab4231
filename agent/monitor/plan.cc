#include "agent/monitor/plan.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ktlsd::agent {
namespace {

Refused Refuse(const Problem& problem) {
  return {problem.code, problem.file.empty()
                            ? problem.reason
                            : problem.file + ": " + problem.reason};
}

// Of what is wished for, in that order, what the kernel takes.
std::vector<CipherSuite> Allowed(
    const std::optional<std::vector<CipherSuite>>& wished,
    const std::vector<CipherSuite>& taken) {
  if (!wished.has_value()) {
    return taken;
  }
  std::vector<CipherSuite> allowed;
  std::ranges::copy_if(*wished, std::back_inserter(allowed),
                       [&taken](CipherSuite suite) {
                         return std::ranges::count(taken, suite) != 0;
                       });
  return allowed;
}

// Fills `id` from `slot`. Returns why that does not work, if so; a slot that
// is absent is refused with `absent`.
std::optional<Planning> Use(const Slot& slot, uint64_t& id,
                            const Refused& absent) {
  if (std::holds_alternative<Loading>(slot)) {
    return NotYet();
  }
  if (const Problem* problem = std::get_if<Problem>(&slot)) {
    return Refuse(*problem);
  }
  if (const Loaded* loaded = std::get_if<Loaded>(&slot)) {
    id = loaded->id;
    return std::nullopt;
  }
  return absent;
}

const Refused kNoTrust = {Code::kTrustStoreUnusable, "there is no trust store"};
const Refused kNoCertificate = {Code::kNoCertificateConfigured,
                                "no certificate is configured"};

// The post-quantum one comes first: who cannot verify it is shown the other.
// One that cannot be used is not left out, which would be weaker than what is
// configured.
std::optional<Planning> UseCertificates(const SideSettings& settings,
                                        JobCredentials& credentials) {
  std::size_t count = 0;
  for (const Slot* slot : {&settings.pq_credential, &settings.credential}) {
    if (std::holds_alternative<Absent>(*slot)) {
      continue;
    }
    if (auto failed = Use(*slot, credentials.at(count), kNoCertificate)) {
      return failed;
    }
    ++count;
  }
  return count == 0 ? std::optional<Planning>(kNoCertificate) : std::nullopt;
}

std::optional<Refused> RefuseAtOnce(const Request& request,
                                    const SocketFacts& facts) {
  if (!request.well_formed) {
    return Refused{Code::kRequestMalformed, "the kernel's request is unclear"};
  }
  if (!facts.is_tcp) {
    return Refused{Code::kUnsupportedTransport, "not a TCP socket"};
  }
  const bool known_kind = request.kind == HandshakeKind::kClientHello ||
                          request.kind == HandshakeKind::kServerHello;
  const bool known_mode = request.auth_mode == AuthMode::kX509 ||
                          request.auth_mode == AuthMode::kUnauth ||
                          request.auth_mode == AuthMode::kPsk;
  if (!known_kind || !known_mode) {
    return Refused{Code::kUnsupportedAuthMode, "an unknown kind of handshake"};
  }
  return std::nullopt;
}

// A serial means the same key in every network namespace, and whoever asks may
// name any. A client's keyring is where its keys are, no key.
bool NamesKeys(const Request& request) {
  const bool server = request.kind == HandshakeKind::kServerHello;
  return request.auth_mode == AuthMode::kPsk
             ? !request.peer_identities.empty() ||
                   (server && request.keyring.has_value())
             : request.certificate.has_value();
}

// Of another network namespace than the daemon's own.
std::optional<Refused> RefuseKeys(const Request& request,
                                  const Profile& profile) {
  const bool target = request.auth_mode == AuthMode::kPsk &&
                      request.kind == HandshakeKind::kServerHello;
  if (target && !profile.keyrings.empty()) {
    return std::nullopt;  // what the request names is not looked at
  }
  if (NamesKeys(request) && !profile.request_keys) {
    return Refused{Code::kConfigUnusable,
                   "keys that requests of this network namespace name do not "
                   "serve: its group has no request_keys=true"};
  }
  if (target && !NamesKeys(request)) {
    return Refused{Code::kKeyUnavailable,
                   "in another network namespace only keys of its group's "
                   "keyrings serve, and there are none"};
  }
  return std::nullopt;
}

// Its keys are looked up when it is handed out (psk_desk.h).
Planning PlanPsk(const Request& request, Plan plan) {
  plan.psk = true;
  if (request.kind == HandshakeKind::kServerHello) {
    plan.side = Side::kServer;
    return plan;
  }
  plan.side = Side::kClient;
  plan.server_name = request.peer_name;
  if (request.peer_identities.empty()) {
    return Refused{Code::kKeyUnavailable, "the kernel's request names no key"};
  }
  return plan;
}

Planning PlanClient(const Request& request, const SideSettings& settings,
                    Plan plan) {
  plan.side = Side::kClient;
  plan.server_name = request.peer_name;
  if (request.peer_name.empty()) {
    return Refused{Code::kNoPeerName, "the kernel gave no name for the server"};
  }
  if (auto failed = Use(settings.trust, plan.trust, kNoTrust)) {
    return *std::move(failed);
  }
  if (request.auth_mode == AuthMode::kUnauth) {
    return plan;
  }
  plan.peer_key = settings.peer_key;
  if (request.certificate.has_value()) {
    plan.own_keys = request.certificate;
    return plan;
  }
  if (auto failed = UseCertificates(settings, plan.credentials)) {
    return *std::move(failed);
  }
  return plan;
}

Planning PlanServer(const Request& request, const SideSettings& settings,
                    Plan plan) {
  plan.side = Side::kServer;
  if (request.certificate.has_value()) {
    plan.own_keys = request.certificate;
  } else if (auto failed = UseCertificates(settings, plan.credentials)) {
    return *std::move(failed);
  }
  if (request.auth_mode == AuthMode::kX509) {
    plan.request_client_certificate = true;
    if (auto failed = Use(settings.trust, plan.trust, kNoTrust)) {
      return *std::move(failed);
    }
  }
  return plan;
}

}  // namespace

Planning MakePlan(const Request& request, Consumer consumer,
                  const SocketFacts& facts, const std::string& netns,
                  const Profile& profile,
                  const std::vector<CipherSuite>& suites) {
  if (std::optional<Refused> refused = RefuseAtOnce(request, facts)) {
    return *std::move(refused);
  }
  if (!profile.Serves(netns)) {
    return Refused{Code::kConfigUnusable,
                   "no settings are for this network namespace"};
  }
  if (profile.standing == Standing::kUnread) {
    return NotYet();
  }
  if (profile.standing == Standing::kNone) {
    return Refused{Code::kConfigUnusable,
                   "the group has no settings for this side"};
  }
  if (profile.settings.problem.has_value()) {
    return Refuse(*profile.settings.problem);
  }
  Plan plan;
  if (!netns.empty()) {
    if (std::optional<Refused> refused = RefuseKeys(request, profile)) {
      return *std::move(refused);
    }
    plan.elsewhere = true;
    plan.keyrings = profile.keyrings;
  }
  plan.settings = profile.name;
  plan.groups = profile.settings.groups;
  plan.suites = Allowed(profile.settings.suites, suites);
  if (profile.settings.suites.has_value() && plan.suites.empty()) {
    return Refused{Code::kCipherNotOffloadable,
                   "this kernel takes none of the configured ciphers"};
  }
  if (request.auth_mode == AuthMode::kPsk) {
    return PlanPsk(request, std::move(plan));
  }
  plan.offer_sunrpc =
      consumer == Consumer::kNfsClient || consumer == Consumer::kNfsd;
  plan.require_sunrpc = plan.offer_sunrpc && profile.settings.require_alpn;
  return request.kind == HandshakeKind::kClientHello
             ? PlanClient(request, profile.settings, std::move(plan))
             : PlanServer(request, profile.settings, std::move(plan));
}

}  // namespace ktlsd::agent
