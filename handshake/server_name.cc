#include "handshake/server_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kMaxName = 253;  // characters; RFC 1035 section 2.3.4
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kIpv4Size = 4;
constexpr std::size_t kIpv6Size = 16;

// inet_pton wants a terminated string; no address is longer than this.
std::optional<Bytes> ParseAddress(int family, std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) {
    return std::nullopt;
  }
  std::copy(text.begin(), text.end(), terminated.begin());
  Bytes address(family == AF_INET ? kIpv4Size : kIpv6Size);
  if (::inet_pton(family, terminated.data(), address.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

Bytes UnmapIpv4(Bytes address) {
  constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0,    0,
                                               0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), address.begin())) {
    address.erase(address.begin(), address.begin() + kMapped.size());
  }
  return address;
}

// `text` is inside brackets or has a colon: an IPv6 address or nothing.
std::optional<Bytes> ParseIpv6(std::string_view text) {
  const std::size_t zone = text.find('%');
  if (zone != std::string_view::npos && zone + 1 == text.size()) {
    return std::nullopt;
  }
  auto address = ParseAddress(AF_INET6, text.substr(0, zone));
  if (!address) {
    return std::nullopt;
  }
  return UnmapIpv4(*std::move(address));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-' || c == '_';
}

bool IsNumber(std::string_view label) {
  return std::all_of(label.begin(), label.end(), IsDigit) ||
         label.substr(0, 2) == "0x";
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return lower;
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel &&
         std::all_of(label.begin(), label.end(), IsHostCharacter);
}

bool IsDnsName(std::string_view name) {
  std::string_view rest = name;
  for (;;) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (!IsLabel(label)) {
      return false;
    }
    if (dot == std::string_view::npos) {
      return !IsNumber(label);
    }
    rest.remove_prefix(dot + 1);
  }
}

Error NotAName() {
  return Error{Code::kNoPeerName,
               "the peer's name is neither a host name nor an IP address"};
}

}  // namespace

Result<ServerName> ServerName::Parse(std::string_view text) {
  if (text.empty() || text.size() > kMaxName ||
      text.find('\0') != std::string_view::npos) {
    return NotAName();
  }
  const bool bracketed = text.front() == '[';
  if (bracketed || text.find(':') != std::string_view::npos) {
    if (bracketed && text.back() != ']') {
      return NotAName();
    }
    auto ip = ParseIpv6(bracketed ? text.substr(1, text.size() - 2) : text);
    return ip ? Result<ServerName>(ServerName(*std::move(ip))) : NotAName();
  }
  if (auto ip = ParseAddress(AF_INET, text)) {
    return ServerName(*std::move(ip));
  }
  std::string name = LowerCase(text);
  if (name.back() == '.') {
    name.pop_back();
  }
  return IsDnsName(name) ? Result<ServerName>(ServerName(std::move(name)))
                         : NotAName();
}

}  // namespace ktlsd::handshake
