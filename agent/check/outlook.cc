#include "agent/check/outlook.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <variant>

#include "agent/check/file_check.h"
#include "agent/check/kernel_check.h"
#include "agent/check/runbook.h"
#include "agent/config/files.h"
#include "agent/config/side_config.h"
#include "agent/netlink/handshake_uapi.h"
#include "agent/netlink/request.h"
#include "base/hkdf.h"
#include "handshake/server_name.h"

namespace ktlsd::agent {
namespace {

// A request that a consumer makes, and what is set there to make it so.
struct Kind {
  HandshakeKind kind;
  AuthMode mode;
  std::string_view option;  // may be empty
};

std::vector<Kind> KindsOf(Consumer consumer) {
  switch (consumer) {
    case Consumer::kNfsClient:
      return {{HandshakeKind::kClientHello, AuthMode::kUnauth, "xprtsec=tls"},
              {HandshakeKind::kClientHello, AuthMode::kX509, "xprtsec=mtls"}};
    case Consumer::kNfsd:
      return {{HandshakeKind::kServerHello, AuthMode::kX509, ""}};
    case Consumer::kNvmeHost:
      return {{HandshakeKind::kClientHello, AuthMode::kPsk, ""}};
    case Consumer::kNvmeTarget:
      return {{HandshakeKind::kServerHello, AuthMode::kPsk, ""}};
    case Consumer::kUnknown:
      return {};
  }
  return {};
}

Request RequestOf(const Kind& kind, const Question& question,
                  const std::vector<NamedPsk>& psks) {
  Request request;
  request.kind = kind.kind;
  request.auth_mode = kind.mode;
  request.peer_name = question.peer;
  request.well_formed = true;
  const auto count = std::min(psks.size(), kMaxPeerIdentities);
  for (std::size_t i = 0; i < count; ++i) {
    request.peer_identities.push_back(psks[i].serial);
  }
  return request;
}

std::string TrustText(const SideConfig& config) {
  std::string text = config.truststore.value_or(
      "the system's " + SystemTrustStore().value_or(""));
  if (config.crl.has_value()) {
    text += " and the lists of " + *config.crl;
  }
  if (config.rpc_certificates.value_or(false)) {
    text += ", for RPC with TLS";
  }
  return text;
}

std::string SunrpcText(const Plan& plan) {
  if (!plan.offer_sunrpc) {
    return "";
  }
  return plan.require_sunrpc ? ", the protocol sunrpc, which must be agreed on"
                             : ", the protocol sunrpc";
}

std::string ShownText(const SideConfig& files) {
  if (!files.pq_certificate.has_value()) {
    return files.certificate.value_or("");
  }
  return *files.pq_certificate +
         (files.certificate.has_value()
              ? " to who can verify ML-DSA, " + *files.certificate +
                    " to who cannot"
              : ", and only to who can verify ML-DSA");
}

std::string ClientText(const Plan& plan, const SideConfig& files) {
  const auto name = handshake::ServerName::Parse(plan.server_name);
  const bool named = name.ok() && !name->is_ip();
  return fmt::format(
      "the server must have the {} {} and come from {}; {}; offers {}{}{}",
      named ? "name" : "address", plan.server_name, TrustText(files),
      plan.shows_certificate() ? "shows " + ShownText(files)
                               : "no certificate of ours is shown",
      SuiteNames(plan.suites), named ? ", the name (SNI)" : "",
      SunrpcText(plan));
}

std::string ClientsText(const SideConfig& files) {
  return "asks for a client's certificate, which need not come; one that comes "
         "must be of " +
         TrustText(files) +
         (files.allowed.has_value()
              ? fmt::format(", and one of the {} that are allowed",
                            files.allowed->size())
              : "");
}

std::string ServerText(const Plan& plan, const SideConfig& files) {
  return fmt::format("shows {}; {}; takes {}{}", ShownText(files),
                     plan.request_client_certificate
                         ? ClientsText(files)
                         : "asks for no client's certificate",
                     SuiteNames(plan.suites), SunrpcText(plan));
}

std::string IdentityText(const NamedPsk& psk) {
  return {psk.identity.begin(), psk.identity.end()};
}

std::string PskText(const Plan& plan, const Means& means) {
  std::vector<std::string> identities;
  std::ranges::transform(means.psks, std::back_inserter(identities),
                         IdentityText);
  std::vector<CipherSuite> suites;
  std::ranges::copy_if(
      plan.suites, std::back_inserter(suites), [&](CipherSuite suite) {
        return std::ranges::count(means.psks, HashOf(suite), &NamedPsk::hash) !=
               0;
      });
  return fmt::format(
      "{}; there {} {}{}; with {}",
      plan.side == Side::kClient
          ? "offers the keys that the kernel's request names"
          : "looks for the host's identity among the keys",
      identities.size() == 1 ? "is" : "are",
      identities.empty() ? "none" : fmt::format("{}: ", identities.size()),
      fmt::join(identities, ", "),
      suites.empty() ? "no cipher suite" : SuiteNames(suites));
}

std::string Words(const Plan& plan, const SideConfig& files,
                  const Means& means) {
  if (plan.psk) {
    return PskText(plan, means);
  }
  return plan.side == Side::kClient ? ClientText(plan, files)
                                    : ServerText(plan, files);
}

std::string RefusalText(Code code, std::string_view reason) {
  const std::optional<RunbookRow> row = FindInRunbook(code);
  return fmt::format("would be refused: {} ({}); {}", reason,
                     Describe(code).label,
                     row.has_value() ? row->action : "report it");
}

void Foresee(const std::string& about, const Request& request,
             const Question& question, const Means& means, Report& report) {
  const auto [profile, planning] = means.rehearsal.Plan(
      request, question.peer, means.suites, question.netns);
  // Nobody takes what is asked there.
  if (profile.netns.empty() != question.netns.empty()) {
    return report.Fail(about,
                       "no [netns.*] group of the configuration is for "
                       "this network namespace: it is not served");
  }
  if (const Refused* refused = std::get_if<Refused>(&planning)) {
    return report.Fail(
        about, fmt::format("[{}] {}", profile.name,
                           RefusalText(refused->code, refused->reason)));
  }
  const Plan* plan = std::get_if<Plan>(&planning);
  if (plan == nullptr) {
    return report.Fail(about, "not everything could be loaded");
  }
  const bool by_name = plan->side == Side::kClient && !plan->psk;
  if (by_name) {
    const auto name = handshake::ServerName::Parse(plan->server_name);
    if (!name.ok()) {
      return report.Fail(about,
                         RefusalText(name.error().code, name.error().what));
    }
  }
  report.Ok(about,
            fmt::format("[{}] {}", profile.name,
                        Words(*plan, FilesOf(profile, means.config), means)));
}

}  // namespace

std::optional<Consumer> ConsumerCalled(std::string_view name) {
  for (const Consumer consumer : kRunbookConsumers) {
    if (name == ConsumerName(consumer)) {
      return consumer;
    }
  }
  return std::nullopt;
}

void ForeseeAnswer(const Question& question, const Means& means,
                   Report& report) {
  for (const Kind& kind : KindsOf(question.consumer)) {
    std::string about(ConsumerName(question.consumer));
    if (!kind.option.empty()) {
      about += fmt::format(" {}", kind.option);
    }
    if (!question.peer.empty()) {
      about += fmt::format(" with {}", question.peer);
    }
    if (!question.netns.empty()) {
      about += fmt::format(" in {}", question.netns);
    }
    Foresee(about, RequestOf(kind, question, means.psks), question, means,
            report);
  }
}

}  // namespace ktlsd::agent
