#include "agent/worker/worker_process.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/sandbox/lock_step.h"
#include "agent/worker/open_readiness.h"
#include "agent/worker/ring_calls.h"
#include "agent/worker/worker.h"
#include "base/clock.h"

namespace ktlsd::agent {
namespace {

LoopKind Wished() {
  const char* const text = std::getenv("KTLSD_EVENT_LOOP");
  return WishedLoop(text == nullptr ? "" : text);
}

// Tells the monitor what came of it.
void SayWhich(Link& monitor, const OpenedReadiness& opened) {
  LoopChosen chosen;
  chosen.kind = opened.readiness->kind();
  chosen.os_error = opened.os_error;
  // Where that fails the monitor is gone, which the worker will find.
  static_cast<void>(monitor.Send(chosen));
}

int NoLoop(Link& monitor, const Error& error) {
  NotConfined notice;
  notice.step = LockStep::kPrepare;
  notice.os_error = error.os_error;
  // Where that fails too, the monitor is gone.
  static_cast<void>(monitor.Send(notice));
  return EXIT_FAILURE;
}

}  // namespace

int RunWorkerProcess(OwnedFd monitor_link, const LockDownCall& lock_down,
                     ktls::SocketOps& socket_ops) {
  Link monitor(std::move(monitor_link));
  RingCalls ring_calls;
  Result<OpenedReadiness> opened = OpenReadiness(Wished(), ring_calls);
  if (!opened.ok()) {
    return NoLoop(monitor, opened.error());
  }
  if (!StartRole(monitor, lock_down, opened->readiness->kind())) {
    return EXIT_FAILURE;
  }
  SayWhich(monitor, *opened);
  const SystemClock clock;
  Worker worker(std::move(monitor), std::move(opened->readiness), socket_ops,
                clock);
  return worker.Run().ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace ktlsd::agent
