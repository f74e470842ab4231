#include "agent/monitor/socket_facts.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace ktlsd::agent {
namespace {

// An int option, or 0.
int Option(BorrowedFd socket, int level, int name) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(socket.raw(), level, name, &value, &size) == 0 ? value
                                                                     : 0;
}

std::string PeerOf(BorrowedFd socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getpeername(socket.raw(), reinterpret_cast<sockaddr*>(&address),
                    &size) != 0) {
    return "";
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof(v4));
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address, sizeof(v6));
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(v6.sin6_port));
  }
  return "";
}

}  // namespace

SocketFacts ReadSocketFacts(BorrowedFd socket) {
  SocketFacts facts;
  facts.peer = PeerOf(socket);
  facts.is_tcp = Option(socket, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP;
  facts.nodelay = Option(socket, IPPROTO_TCP, TCP_NODELAY) != 0;
  return facts;
}

}  // namespace ktlsd::agent
