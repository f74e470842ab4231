#include "agent/config/peer_pattern.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <charconv>
#include <system_error>
#include <utility>

namespace ktlsd::agent {
namespace {

using handshake::ServerName;

constexpr std::size_t kBitsOfByte = 8;
constexpr std::size_t kBitsOfIpv4 = 32;
constexpr std::size_t kBitsBeforeMapped = 96;  // of ::ffff:0:0/96
constexpr std::size_t kMostBits = 128;

std::optional<ServerName> Parsed(std::string_view text) {
  Result<ServerName> name = ServerName::Parse(text);
  return name.ok() ? std::optional(std::move(name).value()) : std::nullopt;
}

std::optional<std::size_t> ParseBits(std::string_view text) {
  std::size_t bits = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), bits);
  return error == std::errc() && end == text.data() + text.size() &&
                 bits <= kMostBits
             ? std::optional(bits)
             : std::nullopt;
}

bool Bit(ByteView bytes, std::size_t at) {
  return (bytes[at / kBitsOfByte] >> (kBitsOfByte - 1 - at % kBitsOfByte) &
          1U) != 0;
}

bool SamePrefix(ByteView a, ByteView b, std::size_t bits) {
  for (std::size_t at = 0; at < bits; ++at) {
    if (Bit(a, at) != Bit(b, at)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::optional<PeerPattern> PeerPattern::Parse(std::string_view text) {
  if (const std::size_t slash = text.find('/');
      slash != std::string_view::npos) {
    return ParseNetwork(text.substr(0, slash), text.substr(slash + 1));
  }
  constexpr std::string_view kAnyBelow = "*.";
  const bool below = text.starts_with(kAnyBelow);
  const std::optional<ServerName> name =
      Parsed(below ? text.substr(kAnyBelow.size()) : text);
  if (!name.has_value() || (below && name->is_ip())) {
    return std::nullopt;
  }
  PeerPattern pattern;
  if (name->is_ip()) {
    pattern.kind_ = Kind::kNetwork;
    pattern.address_.assign(name->ip().begin(), name->ip().end());
    pattern.bits_ = pattern.address_.size() * kBitsOfByte;
  } else {
    pattern.kind_ = below ? Kind::kBelow : Kind::kName;
    pattern.name_ = name->dns();
  }
  return pattern;
}

std::optional<PeerPattern> PeerPattern::ParseNetwork(std::string_view address,
                                                     std::string_view bits) {
  const std::optional<ServerName> name = Parsed(address);
  std::optional<std::size_t> size = ParseBits(bits);
  if (!name.has_value() || !name->is_ip() || !size.has_value()) {
    return std::nullopt;
  }
  PeerPattern pattern;
  pattern.kind_ = Kind::kNetwork;
  pattern.address_.assign(name->ip().begin(), name->ip().end());
  const std::size_t all = pattern.address_.size() * kBitsOfByte;
  if (all == kBitsOfIpv4 && address.find(':') != std::string_view::npos) {
    // Written as IPv6, and one of IPv4: see ServerName::Parse.
    if (*size < kBitsBeforeMapped) {
      return std::nullopt;
    }
    *size -= kBitsBeforeMapped;
  }
  if (*size > all) {
    return std::nullopt;
  }
  for (std::size_t at = *size; at < all; ++at) {
    if (Bit(pattern.address_, at)) {
      return std::nullopt;
    }
  }
  pattern.bits_ = *size;
  return pattern;
}

bool PeerPattern::Matches(const ServerName& peer) const {
  switch (kind_) {
    case Kind::kName:
      return !peer.is_ip() && peer.dns() == name_;
    case Kind::kBelow:
      return !peer.is_ip() && peer.dns().size() > name_.size() &&
             peer.dns().ends_with("." + name_);
    case Kind::kNetwork:
      return peer.ip().size() == address_.size() &&
             SamePrefix(peer.ip(), address_, bits_);
  }
  return false;
}

std::size_t PeerPattern::specificity() const {
  constexpr std::size_t kMoreThanAnyLength = 1024;
  switch (kind_) {
    case Kind::kName:
      return kMoreThanAnyLength;
    case Kind::kBelow:
      return name_.size();
    case Kind::kNetwork:
      return bits_;
  }
  return 0;
}

std::string PeerPattern::text() const {
  if (kind_ != Kind::kNetwork) {
    return (kind_ == Kind::kBelow ? "*." : "") + name_;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(address_.size() * kBitsOfByte == kBitsOfIpv4 ? AF_INET : AF_INET6,
              address_.data(), text.data(), text.size());
  return text.data() + ("/" + std::to_string(bits_));
}

std::optional<ServerName> NamedPeer(const std::string& name) {
  return Parsed(name);
}

std::optional<ServerName> PeerAtAddress(std::string_view address) {
  std::optional<ServerName> peer =
      Parsed(address.substr(0, address.rfind(':')));
  return peer.has_value() && peer->is_ip() ? std::move(peer) : std::nullopt;
}

}  // namespace ktlsd::agent
