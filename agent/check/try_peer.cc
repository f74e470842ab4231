#include "agent/check/try_peer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "agent/check/client_psks.h"
#include "agent/check/explain.h"
#include "agent/check/file_check.h"
#include "agent/check/first_call.h"
#include "agent/check/own_files.h"
#include "agent/check/peer_try.h"
#include "agent/check/rehearsal.h"
#include "agent/check/report.h"
#include "agent/check/rpc.h"
#include "agent/check/stream.h"
#include "agent/check/trust_files.h"
#include "agent/config/config.h"
#include "agent/keeper/token_keys.h"
#include "agent/netlink/request.h"
#include "base/result.h"
#include "handshake/config.h"
#include "handshake/server_name.h"
#include "handshake/wire.h"
#include "handshake/x509/facts.h"

namespace ktlsd::agent {
namespace {

using handshake::ServerName;

constexpr uint32_t kCallId = 1;
constexpr std::string_view kSunrpc = "sunrpc";

// What a handshake is made with, kept alive until it is over.
struct Equipment {
  std::unique_ptr<Rehearsal> rehearsal;  // has the tokens
  TrialSetup setup;
  std::optional<handshake::TrustStore> trust;
  std::vector<handshake::Credential> credentials;
  std::string settings;  // their name
};
using Equipped = std::variant<std::unique_ptr<Equipment>, Problem>;

std::string WordsOf(const Error& error) {
  std::string words(error.what);
  if (error.os_error != 0) {
    words += ": " + std::generic_category().message(error.os_error);
  }
  return words;
}

Problem ProblemOf(const Error& error) {
  return {error.code, "", WordsOf(error)};
}

Answer Refuse(const Problem& problem) {
  return {false,
          Explain("failed", problem.code,
                  problem.file.empty() ? problem.reason
                                       : problem.file + ": " + problem.reason)};
}

Bytes BytesOf(std::string_view text) { return {text.begin(), text.end()}; }

// --- What it is made with ---

bool WantsCertificate(Security security, const SideSettings& settings) {
  return security == Security::kMtls ||
         (security == Security::kConfigured &&
          (!std::holds_alternative<Absent>(settings.credential) ||
           !std::holds_alternative<Absent>(settings.pq_credential)));
}

// As the kernel would ask for a mount.
Request MountRequest(const PeerQuestion& question, AuthMode mode) {
  Request request;
  request.kind = HandshakeKind::kClientHello;
  request.auth_mode = mode;
  request.peer_name = question.name.value_or(question.host);
  request.well_formed = true;
  return request;
}

// The certificates of `profile`, which could be loaded a moment ago, in the
// order of a plan.
Result<std::vector<handshake::Credential>> OpenCredentials(
    const SideSettings& settings, const SideConfig& files,
    const TokenKeys& tokens) {
  std::vector<handshake::Credential> credentials;
  if (std::holds_alternative<Loaded>(settings.pq_credential)) {
    ASSIGN_OR_RETURN(auto credential,
                     OpenCredential({files.pq_certificate.value_or(""),
                                     files.pq_private_key.value_or(""),
                                     /*post_quantum=*/true},
                                    tokens));
    credentials.push_back(std::move(credential));
  }
  if (std::holds_alternative<Loaded>(settings.credential)) {
    ASSIGN_OR_RETURN(auto credential,
                     OpenCredential({files.certificate.value_or(""),
                                     files.private_key.value_or("")},
                                    tokens));
    credentials.push_back(std::move(credential));
  }
  return credentials;
}

// Trust and certificates of `plan`, which could be loaded a moment ago.
Equipped OpenFiles(const Plan& plan, const Profile& profile,
                   const Config& config, const TokenKeys& tokens) {
  auto equipment = std::make_unique<Equipment>();
  const SideConfig& files = FilesOf(profile, config);
  const auto trust_files = TrustFilesOf(files, profile.settings);
  if (!trust_files.has_value()) {
    return Problem{Code::kTrustStoreUnusable, "", "there is no trust store"};
  }
  auto trust = OpenTrust(*trust_files);
  if (Problem* problem = std::get_if<Problem>(&trust)) {
    return std::move(*problem);
  }
  equipment->trust = std::move(std::get<handshake::TrustStore>(trust));
  if (plan.shows_certificate()) {
    auto credentials = OpenCredentials(profile.settings, files, tokens);
    if (!credentials.ok()) {
      return ProblemOf(credentials.error());
    }
    equipment->credentials = std::move(credentials).value();
  }
  return equipment;
}

// What a plan says of the handshake itself.
void FollowPlan(const Plan& plan, const KernelFacts& kernel,
                handshake::ClientConfig& client) {
  client.suites = plan.suites;
  if (!plan.groups.empty()) {
    client.groups = plan.groups;
    client.share_groups = handshake::DefaultShares(plan.groups);
  }
  if (plan.offer_sunrpc) {
    client.alpn_protocols = {BytesOf(kSunrpc)};
    client.require_alpn = plan.require_sunrpc;
  }
  client.record_size_limit = kernel.tls.ok() && kernel.tls->payload_limit;
}

Equipped EquipMount(const Plan& plan, const Profile& profile,
                    const Config& config, const TokenKeys& tokens,
                    const Host& host) {
  const auto name = ServerName::Parse(plan.server_name);
  if (!name.ok()) {
    return ProblemOf(name.error());
  }
  Equipped equipped = OpenFiles(plan, profile, config, tokens);
  if (auto* made = std::get_if<std::unique_ptr<Equipment>>(&equipped)) {
    Equipment& equipment = **made;
    TrialSetup& setup = equipment.setup;
    setup.config.server_name = name->dns();
    setup.policy = {handshake::Role::kServer, {*name}, host.clock.Today()};
    if (FilesOf(profile, config).rpc_certificates.value_or(false)) {
      setup.policy.profile = handshake::CertificateProfile::kRpcWithTls;
    }
    setup.trust = equipment.trust.has_value() ? &*equipment.trust : nullptr;
    for (const handshake::Credential& credential : equipment.credentials) {
      setup.credentials.push_back(&credential);
    }
    setup.config.must_show_certificate = !setup.credentials.empty();
  }
  return equipped;
}

Equipped EquipNvme(const PeerQuestion& question, const Config& config,
                   const Host& host) {
  if (!question.psk.has_value()) {
    host.link(config.keyrings);
  }
  auto psks = question.psk.has_value()
                  ? PskOfFile(question.psk->identity, question.psk->file,
                              config.psk_hash)
                  : PsksOfKeyrings(host.keyrings, config.psk_hash);
  if (Problem* problem = std::get_if<Problem>(&psks)) {
    return std::move(*problem);
  }
  ClientPsks& client = std::get<ClientPsks>(psks);
  auto equipment = std::make_unique<Equipment>();
  equipment->setup.config.psks = std::move(client.names);
  equipment->setup.psks = std::move(client.use);
  return equipment;
}

Request RequestOf(const PeerQuestion& question, const Rehearsal& rehearsal,
                  const std::vector<CipherSuite>& suites) {
  if (question.consumer == Consumer::kNvmeHost) {
    Request request = MountRequest(question, AuthMode::kPsk);
    request.peer_identities = {1};  // not looked up
    return request;
  }
  Request request = MountRequest(question, AuthMode::kUnauth);
  const auto plain = rehearsal.Plan(request, question.host, suites);
  if (WantsCertificate(question.security, plain.profile.settings)) {
    request.auth_mode = AuthMode::kX509;
  }
  return request;
}

Equipped Equip(const PeerQuestion& question, const Config& config,
               const Host& host) {
  auto rehearsal =
      Rehearsal::Load(config, host.key_owner, host.clock, host.tags_directory);
  if (!rehearsal.ok()) {
    return ProblemOf(rehearsal.error());
  }
  const std::vector<CipherSuite> suites = SuitesOf(host.kernel);
  const auto [profile, planning] =
      (*rehearsal)
          ->Plan(RequestOf(question, **rehearsal, suites), question.host,
                 suites);
  if (const Refused* refused = std::get_if<Refused>(&planning)) {
    return Problem{refused->code, "", refused->reason};
  }
  const Plan* const plan = std::get_if<Plan>(&planning);
  if (plan == nullptr) {
    return Problem{Code::kInternal, "", "not everything could be loaded"};
  }
  Equipped equipped = plan->psk ? EquipNvme(question, config, host)
                                : EquipMount(*plan, profile, config,
                                             (*rehearsal)->tokens(), host);
  if (auto* made = std::get_if<std::unique_ptr<Equipment>>(&equipped)) {
    (*made)->settings = profile.name;
    FollowPlan(*plan, host.kernel, (*made)->setup.config);
    (*made)->rehearsal = std::move(rehearsal).value();
  }
  return equipped;
}

// --- What comes of it ---

std::string PeerText(const Trial& trial) {
  if (trial.peer_chain.empty()) {
    return "";
  }
  const auto facts = handshake::DescribeCertificate(trial.peer_chain.front());
  if (!facts.ok()) {
    return "";
  }
  return fmt::format(
      "  peer: {}, of {}, from {} until {}, for {}\n", facts->subject,
      facts->issuer, DateText(facts->not_before), DateText(facts->not_after),
      facts->names.empty() ? "no name"
                           : fmt::format("{}", fmt::join(facts->names, ", ")));
}

std::string FailureText(const Error& error, const Trial& trial) {
  const bool by_peer = Describe(error.code).fault == Fault::kPeer;
  std::string text =
      Explain(by_peer ? "refused" : "failed", error.code,
              trial.detail.empty() ? WordsOf(error) : trial.detail);
  if (error.code == Code::kAlertReceived) {
    text += fmt::format("  the peer's alert: {}\n", AlertName(error.alert));
  }
  if (trial.alert_sent.has_value()) {
    text += fmt::format("  told the peer: {}\n",
                        AlertName(static_cast<uint8_t>(*trial.alert_sent)));
  }
  return text + PeerText(trial);
}

std::string SuccessText(const Trial& trial) {
  const handshake::HandshakeInfo& info = trial.info;
  std::string text = fmt::format("tls: {}, {}", CipherSuiteName(info.suite),
                                 GroupName(info.group));
  if (info.peer_scheme.has_value()) {
    text += fmt::format(", the peer signed by {}",
                        handshake::SchemeName(*info.peer_scheme));
  }
  if (info.our_scheme.has_value()) {
    text += fmt::format(", we by {}", handshake::SchemeName(*info.our_scheme));
  } else if (info.certificate_requested) {
    text += ", the peer asked for a certificate and got none";
  }
  if (info.psk_identity.has_value()) {
    text += ", by the key of " +
            Visible({reinterpret_cast<const char*>(info.psk_identity->data()),
                     info.psk_identity->size()});
  }
  text += info.alpn_protocol.has_value() ? ", sunrpc\n" : "\n";
  return text + PeerText(trial);
}

// Nothing when TLS may begin.
std::optional<std::string> AskForTls(Stream& stream) {
  const auto failed = [](const Error& error) {
    return Explain("failed before TLS", error.code, WordsOf(error));
  };
  const Status sent = stream.Write(NullCall(kCallId, RpcFlavor::kTls));
  Bytes mark(kRecordMark);
  const Status marked = sent.ok() ? stream.ReadAll(mark) : sent;
  if (!marked.ok()) {
    return failed(marked.error());
  }
  const auto size = RecordSize(mark);
  if (!size.has_value()) {
    return std::string("refused before TLS: what answers is no RPC\n");
  }
  Bytes reply(*size);
  const Status read = stream.ReadAll(reply);
  if (!read.ok()) {
    return failed(read.error());
  }
  const auto refusal = RefusesTls(reply, kCallId);
  return refusal.has_value()
             ? std::optional("refused before TLS: " + *refusal + "\n")
             : std::nullopt;
}

Answer Try(Stream& stream, Consumer consumer, Equipment& equipment) {
  const bool mount = consumer == Consumer::kNfsClient;
  std::string text = fmt::format("connected: {}\nsettings: {}\n", stream.peer(),
                                 equipment.settings);
  if (mount) {
    if (const auto refusal = AskForTls(stream)) {
      return {false, text + *refusal};
    }
    text += "rpc: the server offers TLS\n";
  }
  const Trial trial = TryHandshake(stream, std::move(equipment.setup));
  if (trial.failure.has_value()) {
    return {false, text + FailureText(*trial.failure, trial)};
  }
  text += SuccessText(trial);
  if (!mount || !trial.keys.has_value()) {
    return {true, text + "ok\n"};
  }
  const auto called = CallOverTls(stream, *trial.keys);
  if (called.ok()) {
    const std::optional<std::string>& refusal = *called;
    return refusal.has_value()
               ? Answer{false, text + "refused over TLS: " + *refusal + "\n"}
               : Answer{true, text + "rpc: the server answers over TLS\nok\n"};
  }
  return {false, text +
                     "behind the handshake, where a server says what it "
                     "thinks of our certificate:\n" +
                     FailureText(called.error(), Trial())};
}

}  // namespace

Answer TryPeer(const std::string& config_path, const PeerQuestion& question,
               const Host& host) {
  const auto loaded = LoadConfig(config_path);
  if (const Problem* problem = std::get_if<Problem>(&loaded)) {
    return Refuse(*problem);
  }
  const Config& config = std::get<Config>(loaded);
  Equipped equipped = Equip(question, config, host);
  if (const Problem* problem = std::get_if<Problem>(&equipped)) {
    return Refuse(*problem);
  }
  auto stream = Stream::Connect(question.host, question.port,
                                SystemClock().Now() + question.patience);
  if (!stream.ok()) {
    return {false, fmt::format("no connection: {}\n", WordsOf(stream.error()))};
  }
  return Try(*stream, question.consumer,
             *std::get<std::unique_ptr<Equipment>>(equipped));
}

Answer TryPeerFromHere(const std::string& config_path,
                       const PeerQuestion& question) {
  ThisHost here;
  return TryPeer(config_path, question, here.host());
}

}  // namespace ktlsd::agent
