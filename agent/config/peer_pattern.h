// Which peers a section of the configuration is for, by name or address.
//
// Scope:     compares what the kernel said; nothing is looked up in DNS.
// Layer:     agent/config.
// Threads:   value type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "handshake/server_name.h"

namespace ktlsd::agent {

class PeerPattern {
 public:
  // Takes "nas.example.org" (this name), "*.example.org" (every name below it),
  // "192.0.2.1", "10.0.0.0/8", "2001:db8::/32" (these addresses). Nothing for
  // another text, and for a network with bits behind its prefix.
  static std::optional<PeerPattern> Parse(std::string_view text);

  // An address never matches a name, nor a name an address.
  bool Matches(const handshake::ServerName& peer) const;
  bool is_network() const { return !address_.empty(); }
  // Of two patterns that match one peer the one with the greater number is the
  // more specific one; they are equal when the patterns are.
  std::size_t specificity() const;

  // In one form: equal patterns have equal texts.
  std::string text() const;

  bool operator==(const PeerPattern&) const = default;

 private:
  enum class Kind : uint8_t { kName, kBelow, kNetwork };
  PeerPattern() = default;
  static std::optional<PeerPattern> ParseNetwork(std::string_view address,
                                                 std::string_view bits);

  Kind kind_ = Kind::kName;
  std::string name_;      // lower case; of kBelow without "*."
  Bytes address_;         // of a network: 4 or 16 bytes
  std::size_t bits_ = 0;  // of its prefix
};

// The peer as the kernel or a socket gives it: "nas", "192.0.2.1",
// "192.0.2.1:2049", "[2001:db8::1]:2049". Nothing for what is neither.
std::optional<handshake::ServerName> NamedPeer(const std::string& name);
std::optional<handshake::ServerName> PeerAtAddress(std::string_view address);

}  // namespace ktlsd::agent
