#include "agent/verifier/verifier_main.h"

#include <cstdlib>
#include <utility>

#include "agent/ipc/link.h"
#include "agent/service/service.h"
#include "agent/verifier/verifier.h"
#include "base/clock.h"

namespace ktlsd::agent {

int RunVerifier(OwnedFd monitor_link, const LockDownCall& lock_down) {
  Link monitor(std::move(monitor_link));
  if (!StartRole(monitor, lock_down)) {
    return EXIT_FAILURE;
  }
  const SystemClock clock;
  Service<Verifier> service(std::move(monitor), clock);
  return service.Run().ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace ktlsd::agent
