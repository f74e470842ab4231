// A certificate path from a peer's chain to a trust anchor, by libcrypto.
//
// Layer:     handshake/x509.
// Threads:   an X509_STORE may be shared by threads.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "base/clock.h"
#include "base/result.h"
#include "handshake/validity_window.h"
#include "handshake/x509/handles.h"

namespace ktlsd::handshake {

enum class Revocation : uint8_t {
  kNotChecked,   // no CRL is configured
  kEveryIssuer,  // each certificate of the path needs a valid CRL
};

struct Path {
  X509StackPtr certificates;  // end entity first, anchor last
  // Within it the answer stays: no certificate of the path and no CRL of one
  // of its issuers begins or ends to be valid, whichever of them was used.
  ValidityWindow window;
};

struct PathRefusal {
  Error error;
  std::string where;  // "depth 1, CN=..."; escaped, capped
};

// Returns the path, or why there is none.
// `chain` is what the peer sent, end entity first, the rest in any order.
// Checked: signatures, time, revocation, basic constraints, keyUsage of the
// authorities, name constraints, unknown critical extensions, strength (112
// bits of keys and digests), and the rest of RFC 5280 as X509_V_FLAG_X509_
// STRICT asks for. Not checked: the end entity's name and purpose.
std::variant<Path, PathRefusal> BuildPath(X509_STORE* anchors,
                                          Revocation revocation,
                                          std::span<const X509Ptr> chain,
                                          CalendarTime now);

}  // namespace ktlsd::handshake
