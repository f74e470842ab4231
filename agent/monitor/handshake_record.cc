// The line about one handshake.
#include <algorithm>
#include <chrono>
#include <system_error>

#include "agent/monitor/answers.h"
#include "base/session_keys.h"
#include "handshake/wire.h"

namespace ktlsd::agent {
namespace {

// A request may be younger than the turn of the loop in which it is handled.
int64_t Microseconds(MonotonicTime from, MonotonicTime to) {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::max(to, from) - from)
      .count();
}

std::string_view OutcomeName(std::optional<Code> code) {
  if (!code.has_value()) {
    return "ok";
  }
  const CodeInfo& info = Describe(*code);
  return info.disposition == Disposition::kRefuse && info.fault == Fault::kPeer
             ? "refused"
             : "failed";
}

Side SideOf(const Request& request) {
  return request.kind == HandshakeKind::kServerHello ? Side::kServer
                                                     : Side::kClient;
}

void AddScheme(LogEvent& event, std::string_view name, uint16_t scheme) {
  if (scheme != 0) {
    event.Add(name, handshake::SchemeName(
                        static_cast<handshake::SignatureScheme>(scheme)));
  }
}

// An identity may be long, and anything.
void AddPsk(LogEvent& event, const Account& account) {
  constexpr std::size_t kMaxIdentity = 256;  // bytes in the log
  event.Add("identity",
            std::string_view(account.identity).substr(0, kMaxIdentity));
  if (account.key != 0) {
    event.Add("key", account.key);
  }
}

void AddPeerKey(LogEvent& event, const Account& account) {
  if (account.peer_key != 0) {
    event.Add("peer_key", account.peer_key);
  }
  if (const auto& error = account.peer_key_error) {
    event.Add("peer_key_problem",
              std::string(error->what) + ": " +
                  std::generic_category().message(error->os_error));
  }
}

// The server signs always; its client where it showed a certificate.
void AddParameters(LogEvent& event, Side side, const JobReport& report) {
  if (report.suite != 0) {
    event.Add("suite", CipherSuiteName(static_cast<CipherSuite>(report.suite)));
  }
  if (report.group != 0) {
    event.Add("group", handshake::GroupName(
                           static_cast<handshake::NamedGroup>(report.group)));
  }
  const bool client = side == Side::kClient;
  AddScheme(event, "scheme", client ? report.peer_scheme : report.our_scheme);
  AddScheme(event, "client_scheme",
            client ? report.our_scheme : report.peer_scheme);
  if (report.hello_retry != 0) {
    event.Add("hello_retry", 1);
  }
  if (report.alert_received != kNoAlert) {
    event.Add("alert_received", AlertName(report.alert_received));
  }
  if (report.alert_sent != kNoAlert) {
    event.Add("alert_sent", AlertName(report.alert_sent));
  }
}

std::string ReasonOf(const Account& account) {
  std::string reason = account.reason;
  if (reason.empty() && account.verdict.has_value() &&
      !account.verdict->outcome.ok()) {
    reason = account.verdict->detail.view();
  }
  if (reason.empty() && account.report.has_value()) {
    reason = account.report->what.view();
  }
  const int32_t os_error = account.report.has_value() && account.os_error == 0
                               ? account.report->os_error
                               : account.os_error;
  if (os_error != 0) {
    reason += ": " + std::generic_category().message(os_error);
  }
  return reason;
}

void AddFailure(LogEvent& event, Code code, const Account& account) {
  event.Add("reason", ReasonOf(account));
  event.level = Describe(code).level;
}

void AddDurations(LogEvent& event, const Ticket& ticket, const Account& account,
                  MonotonicTime now) {
  event.Add("queue_us",
            Microseconds(ticket.accepted, account.dispatched.value_or(now)));
  if (account.report.has_value()) {
    event.Add("tls_us", account.report->tls_us);
    event.Add("ktls_us", account.report->ktls_us);
  }
  event.Add("total_us", Microseconds(ticket.accepted, now));
}

}  // namespace

LogEvent DescribeHandshake(const Ticket& ticket, std::optional<Code> code,
                           const Account& account, MonotonicTime now) {
  const Request& request = ticket.upcall.request();
  LogEvent event{EventKind::kHandshakeDone, LogLevel::kInfo, {}};
  event.Add("outcome", OutcomeName(code));
  if (code.has_value()) {
    event.Add("code", Describe(*code).label);
    event.Add("fault", FaultName(Describe(*code).fault));
  }
  event.Add("side", SideName(SideOf(request)))
      .Add("consumer", ConsumerName(ticket.upcall.consumer()))
      .Add("peer", ticket.facts.peer)
      .Add("name", request.peer_name)
      .Add("netns", ticket.netns)
      .Add("settings", account.settings);
  AddPsk(event, account);
  if (account.report.has_value()) {
    AddParameters(event, SideOf(request), *account.report);
  }
  if (account.verdict.has_value()) {
    event.Add("subject", account.verdict->subject.view());
    if (account.verdict->remembered != 0) {
      event.Add("remembered", "yes");
    }
    if (!account.verdict->tags.empty()) {
      event.Add("tags", account.verdict->tags.view());
    }
  }
  AddPeerKey(event, account);
  event.Add("status", code.has_value() ? ticket.upcall.os_error(*code) : 0);
  if (code.has_value()) {
    AddFailure(event, *code, account);
  }
  AddDurations(event, ticket, account, now);
  event.Add("job", static_cast<int64_t>(ticket.job));
  return event;
}

}  // namespace ktlsd::agent
