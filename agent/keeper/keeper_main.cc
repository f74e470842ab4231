#include "agent/keeper/keeper_main.h"

#include <poll.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/keeper/keeper.h"
#include "agent/keeper/token_keys.h"
#include "agent/service/service.h"

namespace ktlsd::agent {
namespace {

// The URLs, one a line.
void Open(std::string_view urls, TokenKeys& tokens) {
  while (!urls.empty()) {
    const std::size_t end = std::min(urls.find('\n'), urls.size());
    tokens.Open(std::string(urls.substr(0, end)));
    urls.remove_prefix(std::min(end + 1, urls.size()));
  }
}

Status ReceiveTokens(Link& monitor, TokenKeys& tokens) {
  using First = std::variant<OpenTokens>;
  for (;;) {
    ASSIGN_OR_RETURN(const auto received, monitor.Receive<First>());
    if (received.has_value()) {
      Open({reinterpret_cast<const char*>(received->payload.data()),
            received->payload.size()},
           tokens);
      return Ok{};
    }
    pollfd waiting{monitor.socket().raw(), POLLIN, 0};
    if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) {
      return Error{Code::kSystemFailed, "cannot wait for a link", errno};
    }
  }
}

bool HasThreads() {
  std::error_code error;
  const std::filesystem::directory_iterator threads("/proc/self/task", error);
  return error || std::distance(begin(threads), end(threads)) != 1;
}

// What is only possible before the lock-down.
LockResult OpenAndLock(Link& monitor, TokenKeys& tokens,
                       const LockDownCall& lock_down, LoopKind loop) {
  const Status opened = ReceiveTokens(monitor, tokens);
  if (!opened.ok()) {
    return LockFailure{LockStep::kPrepare, opened.error().os_error};
  }
  if (HasThreads()) {
    return LockFailure{LockStep::kPrepare, EBUSY};
  }
  return lock_down(loop);
}

int Run(Link monitor, const TokenKeys& tokens) {
  Service<Keeper> service(std::move(monitor), tokens);
  return service.Run().ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int RunKeeper(OwnedFd monitor_link, const LockDownCall& lock_down) {
  Link monitor(std::move(monitor_link));
  if (!StartRole(monitor, lock_down)) {
    return EXIT_FAILURE;
  }
  const TokenKeys none;
  return Run(std::move(monitor), none);
}

int RunTokenKeeper(OwnedFd monitor_link, const LockDownCall& lock_down) {
  Link monitor(std::move(monitor_link));
  TokenKeys tokens;
  if (!StartRole(monitor, [&](LoopKind loop) {
        return OpenAndLock(monitor, tokens, lock_down, loop);
      })) {
    return EXIT_FAILURE;
  }
  return Run(std::move(monitor), tokens);
}

}  // namespace ktlsd::agent
