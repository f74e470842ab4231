// The name under which a client knows its server.
//
// Layer:     handshake.
// Threads:   value type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::handshake {

// What a certificate's "*.example" may stand for.
enum class Wildcards : uint8_t {
  kLeftmostLabel,  // exactly one whole label, the first (RFC 9525 section 6.3)
  kRefused,        // nothing (RFC 9289 section 5.2.1)
};

// A DNS name or an IP address, decided by its form and never guessed later.
class ServerName {
 public:
  // Takes "nfs.example", "192.0.2.1", "2001:db8::1" or "[2001:db8::1]". An
  // IPv6 zone ("%eth0") is cut off: certificates cannot carry one. An
  // IPv4-mapped address ("::ffff:192.0.2.1") is the IPv4 address: one host has
  // one name, and name constraints on IPv4 hold for it. One dot at the end of
  // a DNS name is cut off.
  // Errors: kNoPeerName for an empty text, a text with a NUL or other byte
  //         that no host name has, or of more than 253 characters; for an
  //         empty label or one of more than 63; for a name whose last label is
  //         a number: that is an address misspelt ("127.1"), not a name.
  static Result<ServerName> Parse(std::string_view text);

  bool is_ip() const { return !ip_.empty(); }
  const std::string& dns() const { return dns_; }  // lower case; "" for an IP
  ByteView ip() const { return ip_; }              // 4 or 16 bytes, or none

 private:
  explicit ServerName(std::string dns) : dns_(std::move(dns)) {}
  explicit ServerName(Bytes ip) : ip_(std::move(ip)) {}

  std::string dns_;
  Bytes ip_;
};

}  // namespace ktlsd::handshake
