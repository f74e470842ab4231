#include "agent/worker/worker_main.h"

#include <cstdlib>
#include <utility>

#include "agent/ipc/link.h"
#include "agent/service/process.h"
#include "agent/worker/worker.h"
#include "base/clock.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

int RunWorker(OwnedFd monitor_link) {
  if (!PrepareProcess().ok()) {
    return EXIT_FAILURE;
  }
  const SystemClock clock;
  ktls::KernelSocketOps ktls_ops;
  Worker worker(Link(std::move(monitor_link)), ktls_ops, clock);
  return worker.Run().ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace ktlsd::agent
