#include "agent/worker/worker_main.h"

#include <cstdlib>
#include <utility>

#include "agent/ipc/link.h"
#include "agent/worker/worker.h"
#include "base/clock.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

int RunWorker(OwnedFd monitor_link, const LockDownCall& lock_down) {
  Link monitor(std::move(monitor_link));
  if (!StartRole(monitor, lock_down)) {
    return EXIT_FAILURE;
  }
  const SystemClock clock;
  ktls::KernelSocketOps ktls_ops;
  Worker worker(std::move(monitor), ktls_ops, clock);
  return worker.Run().ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace ktlsd::agent
