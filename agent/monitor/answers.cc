#include "agent/monitor/answers.h"

#include <algorithm>
#include <utility>

#include "agent/upcall/status.h"

namespace ktlsd::agent {

void Answers::Succeed(Ticket ticket, ktls::Offloaded proof, RemoteAuth remote,
                      const Account& account) {
  const LogEvent event =
      DescribeHandshake(ticket, std::nullopt, account, clock_.Now());
  const std::string_view tags =
      account.verdict.has_value() ? account.verdict->tags.view() : "";
  const Status done =
      std::move(ticket.upcall).Succeed(std::move(proof), remote, tags);
  if (!done.ok()) {
    return NoteRefused(ticket, done);
  }
  ++counts_.succeeded;
  log_.Write(event);
}

void Answers::Fail(Ticket ticket, Code code, Account account) {
  const FailureStatus status =
      StatusFor(ticket.upcall.consumer(), Describe(code).disposition);
  const MonotonicTime due =
      std::min(ticket.accepted + status.not_before, ticket.deadline);
  if (due <= clock_.Now()) {
    return FailNow(std::move(ticket), code, account);
  }
  waiting_.push_back(Waiting{std::move(ticket), code, std::move(account), due});
}

void Answers::FailNow(Ticket ticket, Code code, const Account& account) {
  const LogEvent event = DescribeHandshake(ticket, code, account, clock_.Now());
  const Status done = std::move(ticket.upcall).Fail(code);
  ++counts_.failed;
  log_.Write(event);
  if (!done.ok()) {
    NoteRefused(ticket, done);
  }
}

void Answers::NoteRefused(const Ticket& ticket, const Status& done) {
  const bool gone = ConsumerGone(done.error());
  ++(gone ? counts_.consumer_gone : counts_.refused_by_kernel);
  LogEvent event{
      EventKind::kAnswerRefused, gone ? LogLevel::kInfo : LogLevel::kError, {}};
  log_.Write(event.Add("job", static_cast<int64_t>(ticket.job))
                 .Add("peer", ticket.facts.peer)
                 .Add("reason", done.error().what)
                 .Add("os_error", done.error().os_error));
}

void Answers::OnTime() {
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    if (next->due > clock_.Now()) {
      ++next;
      continue;
    }
    FailNow(std::move(next->ticket), next->code, next->account);
    next = waiting_.erase(next);
  }
}

std::optional<MonotonicTime> Answers::NextWake() const {
  std::optional<MonotonicTime> first;
  for (const Waiting& waiting : waiting_) {
    first = std::min(first.value_or(waiting.due), waiting.due);
  }
  return first;
}

bool Answers::HasOf(const HandshakeKernel& kernel) const {
  return std::ranges::any_of(waiting_, [&kernel](const Waiting& waiting) {
    return &waiting.ticket.upcall.kernel() == &kernel;
  });
}

void Answers::SendAll() {
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    FailNow(std::move(waiting.ticket), waiting.code, waiting.account);
  }
}

}  // namespace ktlsd::agent
