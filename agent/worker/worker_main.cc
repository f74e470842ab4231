#include "agent/worker/worker_main.h"

#include <utility>

#include "agent/worker/worker_process.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

int RunWorker(OwnedFd monitor_link, const LockDownCall& lock_down) {
  ktls::KernelSocketOps socket_ops;
  return RunWorkerProcess(std::move(monitor_link), lock_down, socket_ops);
}

}  // namespace ktlsd::agent
