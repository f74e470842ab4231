#include "tools/ktlsctl/daemon_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "agent/control/protocol.h"
#include "base/owned_fd.h"

namespace ktlsd::ktlsctl {
namespace {

constexpr timeval kLongestSilence{10, 0};

Answer NoAnswer(std::string why) { return Answer{false, std::move(why)}; }

std::string Words(int os_error) {
  return std::generic_category().message(os_error);
}

Answer Unreachable(const std::string& path, int os_error) {
  switch (os_error) {
    case ENOENT:
    case ECONNREFUSED:
      return NoAnswer(
          fmt::format("no ktlsd listens at {}: is it running?", path));
    case EACCES:
    case EPERM:
      return NoAnswer(fmt::format("{}: {}: only root may ask ktlsd", path,
                                  Words(os_error)));
    default:
      return NoAnswer(fmt::format("{}: {}", path, Words(os_error)));
  }
}

bool SendAll(const OwnedFd& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(socket.raw(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
  }
  return true;
}

// All that the daemon says, until it closes or something goes wrong: what that
// was is in errno, 0 for neither.
std::string ReadAll(const OwnedFd& socket) {
  std::string all;
  std::array<char, 16384> part;
  while (all.size() <= agent::kMaxControlAnswer) {
    errno = 0;
    const ssize_t got = ::recv(socket.raw(), part.data(), part.size(), 0);
    if (got == 0 || (got < 0 && errno != EINTR)) {
      break;
    }
    all.append(part.data(), got < 0 ? 0 : static_cast<std::size_t>(got));
  }
  return all;
}

Answer Incomplete(int os_error) {
  switch (os_error) {
    case 0:
      return NoAnswer("ktlsd's answer is incomplete");
    case EAGAIN:
      return NoAnswer("ktlsd does not answer");
    default:
      return NoAnswer("ktlsd: " + Words(os_error));
  }
}

}  // namespace

Answer AskDaemon(const std::string& socket_path, const std::string& request) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.empty() || socket_path.size() >= sizeof(address.sun_path)) {
    return NoAnswer("the path of the control socket is empty or too long");
  }
  socket_path.copy(address.sun_path, socket_path.size());
  const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    ::setsockopt(socket.raw(), SOL_SOCKET, option, &kLongestSilence,
                 sizeof(kLongestSilence));
  }
  if (::connect(socket.raw(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0) {
    return Unreachable(socket_path, errno);
  }
  // A daemon that turns us away closes without having read this: then sending
  // fails, or receiving in the end, and what it said is there all the same.
  static_cast<void>(SendAll(socket, request + "\n"));
  const std::string all = ReadAll(socket);
  const int os_error = errno;
  const std::optional<agent::ControlReply> reply =
      agent::ParseControlReply(all);
  return reply.has_value() ? Answer{reply->ok, std::string(reply->body)}
                           : Incomplete(os_error);
}

}  // namespace ktlsd::ktlsctl
