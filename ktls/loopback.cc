#include "ktls/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace ktlsd::ktls {
namespace {

Error Failed(std::string_view call) {
  return Error{Code::kSystemFailed, call, errno};
}

OwnedFd NewSocket() {
  return OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

bool SendAtOnce(const OwnedFd& socket) {
  const int on = 1;
  return ::setsockopt(socket.raw(), IPPROTO_TCP, TCP_NODELAY, &on,
                      sizeof(on)) == 0;
}

}  // namespace

Result<SocketPair> ConnectLoopback() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);

  const OwnedFd listener = NewSocket();
  if (::bind(listener.raw(), generic, size) != 0 ||
      ::listen(listener.raw(), 1) != 0 ||
      ::getsockname(listener.raw(), generic, &size) != 0) {
    return Failed("listening on loopback");
  }
  OwnedFd client = NewSocket();
  if (::connect(client.raw(), generic, size) != 0) {
    return Failed("connecting over loopback");
  }
  OwnedFd server(::accept4(listener.raw(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!SendAtOnce(client) || !SendAtOnce(server)) {
    return Failed("accepting over loopback");
  }
  return SocketPair{std::move(client), std::move(server)};
}

}  // namespace ktlsd::ktls
