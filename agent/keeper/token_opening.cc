#include "agent/keeper/token_opening.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <variant>

#include "agent/ipc/messages.h"

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

}  // namespace

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

}  // namespace ktlsd::agent
