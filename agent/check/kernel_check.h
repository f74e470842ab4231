// What of the kernel the daemon needs, and whether it is there.
//
// Layer:     agent/check.
// Threads:   pure functions.
// Privilege: none; without CAP_NET_ADMIN the kernel loads no module for it.
#pragma once

#include <string>
#include <vector>

#include "agent/check/report.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "ktls/probe.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

struct KernelFacts {
  bool upcall = false;  // the generic netlink family "handshake"
  Result<ktls::Capabilities> tls = ktls::Capabilities();
  bool seccomp = false;  // its filters
};

KernelFacts ReadKernelFacts(ktls::SocketOps& ops);

void CheckKernel(const KernelFacts& kernel, Report& report);

// The suites that handshakes are allowed with `kernel`, best first: as the
// daemon has it, all when none could be found out.
std::vector<CipherSuite> SuitesOf(const KernelFacts& kernel);

// "TLS_AES_256_GCM_SHA384, ...".
std::string SuiteNames(const std::vector<CipherSuite>& suites);

}  // namespace ktlsd::agent
