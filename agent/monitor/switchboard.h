// The links between the roles: makes them, reads the monitor's ends, and says
// which worker has to go.
//
// Scope:     what comes over a link goes to the desk or the resources. Notices
//            of keeper and verifier are read before any report is judged.
// Layer:     agent/monitor.
// Threads:   one thread; never blocks.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/monitor/job_desk.h"
#include "agent/monitor/resources.h"
#include "agent/monitor/roster.h"
#include "agent/monitor/service_pulse.h"
#include "agent/sandbox/process_role.h"
#include "base/clock.h"
#include "base/result.h"

namespace ktlsd::agent {

class Switchboard {
 public:
  // All must outlive this.
  Switchboard(JobDesk& desk, Resources& resources, Roster& roster)
      : desk_(desk), resources_(resources), roster_(roster) {}

  // A process was started; `link` is the monitor's end.
  void AddWorker(WorkerId id, Pool pool, Link link, std::string group = "");
  void AddKeeper(Link link);
  void AddVerifier(Link link);

  // Read what is there; of a worker in turns, unless kAll is said: its link
  // stays readable then. Errors: the process is gone or must go: kPeerClosed,
  // kWorkerMisbehaved, kApiMisuse, kSystemFailed when it was not locked down.
  enum class Extent : uint8_t { kTurn, kAll };
  Status ReadWorker(WorkerId id, Extent extent = Extent::kTurn);
  Status ReadKeeper();
  Status ReadVerifier();

  // Answers for all that depended on the process.
  void LoseWorker(WorkerId id, Code code, const std::string& reason);
  void LoseKeeper();
  void LoseVerifier();

  // What the settings ask of the keeper: resources.h.
  ProcessRole keeper_role() const { return resources_.keeper_role(); }
  bool keeper_outdated() const { return resources_.keeper_outdated(); }

  // To be called after each event, at the desk's NextWake and at ours.
  void OnTime();
  std::optional<MonotonicTime> NextWake() const;

  // Whether what keeper or verifier says is to be read as it comes. What they
  // note of jobs is read with the jobs' reports, and else now and then: woken
  // for each note the monitor did nothing more, twice in each handshake.
  bool ListensTo(ProcessRole role) const;
  // What reading one of them found.
  const Status& found(ProcessRole role) const;
  // Why keeper or verifier has to be ended, if it has.
  std::optional<std::string_view> FaultOf(ProcessRole role) const;

  // The worker was started long ago: it is to be replaced once it has no job.
  void Age(WorkerId id);
  // Nothing of what it serves is configured any more: it gets no more jobs, and
  // is to be ended once those that it has are answered.
  void Retire(WorkerId id);

  enum class Why : uint8_t { kMisbehaved, kRetired };
  struct Dismissal {
    WorkerId worker;
    std::string reason;
    Why why = Why::kMisbehaved;
  };
  // Workers that have to be ended, since the last call.
  std::vector<Dismissal> TakeDismissed();
  // What workers wait with, when it is not what the last one said.
  std::optional<LoopChosen> TakeLoop();

 private:
  Status Handle(const CredentialLoaded& loaded);
  // What the verifier says; only one of these has a payload.
  Status Take(const PeerChain& shown, ByteView payload);
  template <typename Message>
  Status Take(const Message& message, ByteView /*nothing*/) {
    return Handle(message);
  }
  Status Handle(const TrustLoaded& loaded);
  Status Handle(const TagsLoaded& loaded);
  Status Handle(const Signed& notice);
  Status Handle(const Verdict& verdict);
  Status Handle(const Rechecked& answer);
  Status Handle(const Misbehaved& notice);
  static Status Handle(const NotConfined& notice);
  // What a worker sends; these three have no payload.
  Status Take(WorkerId id, const JobReport& report, ByteView nothing);
  static Status Take(WorkerId /*id*/, const NotConfined& notice, ByteView) {
    return Handle(notice);
  }
  Status Take(WorkerId id, const LoopChosen& chosen, ByteView nothing);
  template <typename PskRequest>
  Status Take(WorkerId id, const PskRequest& request, ByteView payload);
  void Connect(Roster::Worker& worker, LinkTo to);
  void LookAfterTheLate();
  void LookAfterServices();
  void ReadServices();

  JobDesk& desk_;
  Resources& resources_;
  Roster& roster_;
  std::vector<Dismissal> dismissed_;
  bool more_room_ = false;  // a worker that was behind is not any more
  std::optional<LoopChosen> loop_;
  bool new_loop_ = false;
  // What reading found, for whoever asks next.
  Status keeper_ = Ok{};
  Status verifier_ = Ok{};
  bool unsent_loads_ = false;
  ServicePulse keeper_pulse_;
  ServicePulse verifier_pulse_;
  MonotonicTime look_at_services_{};
  // Something of theirs may wait to be read, or something of ours to be told.
  bool services_have_work_ = false;
  MonotonicTime read_services_at_{};
};

}  // namespace ktlsd::agent
