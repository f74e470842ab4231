// What the running kernel's TLS can do, found out by trying.
//
// Scope:     tries each option on a loopback connection with keys nobody
//            uses; no
//            kernel version is looked at.
// Layer:     ktls, over base/.
// Threads:   as SocketOps.
// Privilege: none; the kernel loads its modules only for CAP_NET_ADMIN.
// Design:    docs/design/ktls-offload.md
#pragma once

#include <vector>

#include "base/result.h"
#include "base/session_keys.h"
#include "ktls/socket_ops.h"

namespace ktlsd::ktls {

struct Capabilities {
  bool tls = false;                 // TCP_ULP "tls" can be set
  std::vector<CipherSuite> suites;  // both directions took keys; by number
  bool payload_limit = false;       // TLS_TX_MAX_PAYLOAD_LEN (RFC 8449)

  bool Offloads(CipherSuite suite) const;
};

// Errors: kSystemFailed no loopback connection could be made, or it broke; a
//         kernel that lacks something is an answer, not an error.
// Cost:   a few milliseconds; modules may be loaded.
Result<Capabilities> Probe(SocketOps& ops);

}  // namespace ktlsd::ktls
