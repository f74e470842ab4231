#include "agent/check/peer_try.h"

#include <utility>
#include <variant>

#include "base/overload.h"
#include "handshake/engine.h"
#include "handshake/peer_proof.h"
#include "handshake/verdict_source.h"

namespace ktlsd::agent {
namespace {

using handshake::Engine;

class Run {
 public:
  Run(Stream& stream, const TrialSetup& setup)
      : stream_(stream), setup_(setup), engine_(Engine::Client(setup.config)) {}

  Trial ToTheEnd() {
    while (Step()) {
    }
    trial_.info = engine_.info();
    if (trial_.failure.has_value()) {
      return std::move(trial_);
    }
    auto session = std::move(engine_).TakeSession();
    if (session.ok()) {
      trial_.keys = std::move(session->session.keys);
    } else {
      trial_.failure = session.error();
    }
    return std::move(trial_);
  }

 private:
  // False when it is over.
  bool Step() {
    bool goes_on = true;
    const auto give_up = [&](const Error& error) {
      trial_.failure = trial_.failure.value_or(error);
      goes_on = false;
    };
    std::visit(
        Overload{
            [&](handshake::HaveOutput) { Write(give_up); },
            [&](handshake::NeedInput need) { Read(need.bytes); },
            [&](handshake::NeedServerConfig) {
              give_up({Code::kInternal, "a client asks like a server"});
            },
            [&](const handshake::NeedSignature& need) { Sign(need.request); },
            [&](handshake::NeedPeerVerdict need) { Judge(*need.proof); },
            [&](handshake::NeedPskChoice) {
              give_up({Code::kInternal, "a client asks like a server"});
            },
            [&](const handshake::NeedPskBinder& need) {
              engine_.GivePskBinder(setup_.psks.binder(*need.request));
            },
            [&](handshake::NeedPskVerdict) {
              give_up({Code::kInternal, "a client asks like a server"});
            },
            [&](const handshake::NeedPskSecret& need) {
              engine_.GivePskSecret(setup_.psks.secret(*need.request));
            },
            [&](handshake::Done) { goes_on = false; },
            [&](const handshake::Failed& failed) {
              trial_.alert_sent = failed.alert_sent;
              give_up(failed.error);
            },
        },
        engine_.wait());
    return goes_on;
  }

  template <typename GiveUp>
  void Write(GiveUp give_up) {
    const ByteView output = engine_.output();
    const Status written = stream_.Write(output);
    if (written.ok()) {
      return engine_.Written(output.size());
    }
    // The reason of a failure is worth more than that its alert got lost.
    give_up(engine_.failure() != nullptr ? engine_.failure()->error
                                         : written.error());
  }

  void Read(std::size_t limit) {
    Bytes buffer(limit);
    const Result<std::size_t> count = stream_.Read(buffer);
    if (count.ok() && *count > 0) {
      return engine_.Feed(ByteView(buffer).first(*count));
    }
    if (count.ok()) {
      return engine_.PeerClosed(/*reset=*/false);
    }
    if (count.error().code == Code::kPeerReset) {
      return engine_.PeerClosed(/*reset=*/true);
    }
    engine_.Abort(count.error());
  }

  void Sign(const handshake::SignatureRequest& request) {
    engine_.Sign(
        setup_.credentials.at(request.certificate)
            ->Sign(request.scheme, request.signer, request.transcript_hash));
  }

  void Judge(const handshake::PeerProof& proof) {
    trial_.peer_chain = proof.chain;
    const auto verdict = setup_.trust->Verify(setup_.policy, proof);
    if (const auto* const refusal = std::get_if<handshake::Refusal>(&verdict)) {
      trial_.detail = refusal->detail;
      return engine_.Judge(refusal->error);
    }
    engine_.Judge(handshake::VerdictSource::Accepted());
  }

  Stream& stream_;
  const TrialSetup& setup_;
  Engine engine_;
  Trial trial_;
};

}  // namespace

Trial TryHandshake(Stream& stream, TrialSetup setup) {
  for (const handshake::Credential* credential : setup.credentials) {
    setup.config.certificates.push_back(credential->certificate());
  }
  return Run(stream, setup).ToTheEnd();
}

}  // namespace ktlsd::agent
