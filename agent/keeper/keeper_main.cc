#include "agent/keeper/keeper_main.h"

#include <cstdlib>
#include <utility>

#include "agent/ipc/link.h"
#include "agent/keeper/keeper.h"
#include "agent/service/service.h"

namespace ktlsd::agent {

int RunKeeper(OwnedFd monitor_link, const LockDownCall& lock_down) {
  Link monitor(std::move(monitor_link));
  if (!StartRole(monitor, lock_down)) {
    return EXIT_FAILURE;
  }
  Service<Keeper> service{std::move(monitor)};
  return service.Run().ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace ktlsd::agent
