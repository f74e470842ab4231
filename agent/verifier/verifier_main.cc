#include "agent/verifier/verifier_main.h"

#include <cstdlib>
#include <utility>

#include "agent/ipc/link.h"
#include "agent/service/process.h"
#include "agent/service/service.h"
#include "agent/verifier/verifier.h"
#include "base/clock.h"

namespace ktlsd::agent {

int RunVerifier(OwnedFd monitor_link) {
  if (!PrepareProcess().ok()) {
    return EXIT_FAILURE;
  }
  const SystemClock clock;
  Service<Verifier> service(Link(std::move(monitor_link)), clock);
  return service.Run().ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace ktlsd::agent
