// A connection with a PSK: what the engine asks of it, and the monitor's
// answers.
#include <algorithm>
#include <utility>

#include "agent/worker/connection.h"
#include "handshake/verdict_source.h"

namespace ktlsd::agent {

handshake::ServerConfig Connection::PskServerConfig() const {
  handshake::ServerConfig config;
  config.suites = Suites(job_);
  config.groups = Groups(job_);
  config.psk = handshake::PskPolicy::kRequire;
  config.record_size_limit = (job_.flags & kRecordSizeLimit) != 0;
  return config;
}

// A server has one PSK at most, which was chosen for it.
std::size_t Connection::PlaceOf(ByteView identity) const {
  const auto found =
      std::ranges::find_if(psks_, [identity](const handshake::PskName& psk) {
        return SameBytes(psk.identity, identity);
      });
  return found == psks_.end() ? 0
                              : static_cast<std::size_t>(found - psks_.begin());
}

Connection::Step Connection::Ask(const handshake::NeedPskChoice& need) {
  return OnSent(
      services_.RequestPskChoice(job_.job, *need.offered, *need.hashes),
      Asked::kPsk);
}

Connection::Step Connection::Ask(const handshake::NeedPskBinder& need) {
  return OnSent(services_.RequestPskBinder(
                    job_.job, PlaceOf(need.request->identity), *need.request),
                Asked::kPsk);
}

Connection::Step Connection::Ask(handshake::NeedPskVerdict need) {
  return OnSent(services_.RequestPskVerdict(job_.job, *need.proof),
                Asked::kPsk);
}

Connection::Step Connection::Ask(const handshake::NeedPskSecret& need) {
  return OnSent(services_.RequestPskSecret(
                    job_.job, PlaceOf(need.request->identity), *need.request),
                Asked::kPsk);
}

// The engine fails with what it is given when it did not wait for that.
template <typename Give>
void Connection::OnPsk(Give give) {
  if (asked_ == Asked::kPsk) {
    asked_ = Asked::kNothing;
    give();
    Resume();
  }
}

void Connection::OnPskChoice(
    Result<std::optional<handshake::PskChoice>> choice) {
  OnPsk([&] { engine_.ChoosePsk(choice); });
}

void Connection::OnPskBinder(Result<HashSecret> binder) {
  OnPsk([&] { engine_.GivePskBinder(std::move(binder)); });
}

void Connection::OnPskVerdict(Status verdict) {
  OnPsk([&] {
    if (verdict.ok()) {
      engine_.JudgePsk(handshake::VerdictSource::AcceptedPsk());
    } else {
      engine_.JudgePsk(verdict.error());
    }
  });
}

void Connection::OnPskSecret(Result<HashSecret> secret) {
  OnPsk([&] { engine_.GivePskSecret(std::move(secret)); });
}

}  // namespace ktlsd::agent
