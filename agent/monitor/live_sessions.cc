#include "agent/monitor/live_sessions.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "agent/ipc/chain.h"
#include "base/error_codes.h"

namespace ktlsd::agent {
namespace {

std::size_t BytesOf(const std::vector<Bytes>& chain) {
  std::size_t bytes = 0;
  for (const Bytes& certificate : chain) {
    bytes += certificate.size();
  }
  return bytes;
}

// Certificates may end in the year 9999, which this clock does not reach.
CalendarTime TimeOf(int64_t seconds) {
  constexpr int64_t kFarAway = 7'258'118'400;  // 2200
  return CalendarTime(
      std::chrono::seconds(std::clamp<int64_t>(seconds, 0, kFarAway)));
}

}  // namespace

void LiveSessions::Enable(bool enabled) {
  if (enabled && !enabled_ && !able_.ok()) {
    LogEvent event{EventKind::kKernelTrouble, LogLevel::kError, {}};
    log_.Write(event
                   .Add("reason",
                        "this kernel ends no connections "
                        "(CONFIG_INET_DIAG_DESTROY)")
                   .Add("os_error", able_.error().os_error)
                   .Add("consequence",
                        "sessions.recheck tells of sessions that should end, "
                        "and ends none"));
  }
  enabled_ = enabled;
  if (!enabled) {
    sessions_.clear();
    bytes_ = 0;
    asked_ = 0;
  }
}

void LiveSessions::Add(NewSession session) {
  if (!enabled_) {
    return;
  }
  const std::size_t bytes = BytesOf(session.chain);
  bytes_ += bytes;
  sessions_.push_back({++last_id_, std::move(session), bytes, clock_.Today()});
  while (sessions_.size() > kMost || bytes_ > kMostBytes) {
    Erase(sessions_.begin());
  }
}

void LiveSessions::Forget(const SocketDiag& diag) {
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    session =
        session->known.diag == &diag ? Erase(session) : std::next(session);
  }
}

// Settings that are gone, or have no trust now, judge nobody.
bool LiveSessions::IsDue(const Session& session, TrustId trust) const {
  if (trust == 0 || session.asked == trust) {
    return false;
  }
  return session.judged_by != trust ||
         (session.due.has_value() && *session.due <= clock_.Today());
}

void LiveSessions::OnTime() {
  if (sessions_.empty() || clock_.Now() < look_at_) {
    return;
  }
  look_at_ = clock_.Now() + kLookEvery;
  more_ = false;
  std::map<std::string_view, TrustId> trusts;  // of few groups
  for (Session& session : sessions_) {
    const auto [trust, made] = trusts.try_emplace(session.known.settings, 0);
    if (made) {
      trust->second = resources_.TrustOf(trust->first);
    }
    if (!IsDue(session, trust->second)) {
      continue;
    }
    if (asked_ >= kMostAsked) {
      more_ = true;
      return;
    }
    Ask(session, trust->second);
  }
}

void LiveSessions::Ask(Session& session, TrustId trust) {
  const NewSession& known = session.known;
  Recheck recheck;
  recheck.session = session.id;
  recheck.trust = trust;
  recheck.certificates = static_cast<uint16_t>(known.chain.size());
  recheck.peer = Opposite(known.side);
  recheck.server_name = Text<kNameSize>::Of(known.server_name);
  Bytes payload;
  AppendChain(known.chain, payload);
  Link* const verifier = resources_.verifier();
  if (verifier == nullptr || !verifier->Send(recheck, payload).ok()) {
    return;
  }
  asked_ += session.asked.has_value() ? 0 : 1;
  session.asked = trust;
}

void LiveSessions::Handle(const Rechecked& answer) {
  const auto session =
      std::ranges::find(sessions_, answer.session, &Session::id);
  if (session == sessions_.end() || session->asked != answer.trust) {
    return;
  }
  session->asked.reset();
  --asked_;
  session->judged_by = answer.trust;
  if (answer.outcome.ok()) {
    session->due = TimeOf(answer.valid_until);
    session->state = "accepted";
  } else if (Describe(answer.outcome.code()).fault == Fault::kPeer) {
    End(session, answer);
  } else {
    session->due = clock_.Today() + kTryAgain;
    session->state = "unclear: " + std::string(answer.detail.view());
  }
}

void LiveSessions::End(Sessions::iterator session, const Rechecked& answer) {
  const Status ended =
      able_.ok() ? session->known.diag->Abort(session->known.connection)
                 : able_;
  if (able_.ok() && !ended.ok() && ended.error().os_error == ENOENT) {
    Erase(session);  // by itself, before
    return;
  }
  Log(*session, answer, ended);
  if (ended.ok()) {
    Erase(session);
    return;
  }
  if (able_.ok()) {
    session->due = clock_.Today() + kTryAgain;
  }
  session->state = "refused, and not ended: " +
                   std::string(Describe(answer.outcome.code()).label);
}

void LiveSessions::Log(const Session& session, const Rechecked& answer,
                       const Status& ended) {
  const Code code = answer.outcome.code();
  LogEvent event{EventKind::kSessionEnded,
                 ended.ok() ? LogLevel::kWarning : LogLevel::kError,
                 {}};
  event.Add("outcome", ended.ok() ? "ended" : "failed")
      .Add("code", Describe(code).label)
      .Add("side", SideName(session.known.side))
      .Add("peer", session.known.peer)
      .Add("name", session.known.server_name)
      .Add("netns", session.known.netns)
      .Add("settings", session.known.settings)
      .Add("subject", session.known.subject)
      .Add("reason", answer.detail.view());
  if (!ended.ok()) {
    event.Add("os_error", ended.error().os_error)
        .Add("consequence", able_.ok()
                                ? "the session goes on; tried again in a minute"
                                : "the session goes on");
  }
  log_.Write(event);
}

LiveSessions::Sessions::iterator LiveSessions::Erase(
    Sessions::iterator session) {
  bytes_ -= session->bytes;
  asked_ -= session->asked.has_value() ? 1 : 0;
  return sessions_.erase(session);
}

std::vector<StatusReport::Live> LiveSessions::List() const {
  std::vector<StatusReport::Live> list;
  for (const Session& session : sessions_) {
    list.push_back({session.since, std::string(SideName(session.known.side)),
                    session.known.peer, session.known.server_name,
                    session.known.netns, session.known.settings,
                    session.known.subject, session.state, session.due});
  }
  return list;
}

}  // namespace ktlsd::agent
