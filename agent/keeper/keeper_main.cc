#include "agent/keeper/keeper_main.h"

#include <cstdlib>
#include <utility>

#include "agent/ipc/link.h"
#include "agent/keeper/keeper.h"
#include "agent/service/process.h"
#include "agent/service/service.h"

namespace ktlsd::agent {

int RunKeeper(OwnedFd monitor_link) {
  if (!PrepareProcess().ok()) {
    return EXIT_FAILURE;
  }
  Service<Keeper> service{Link(std::move(monitor_link))};
  return service.Run().ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace ktlsd::agent
