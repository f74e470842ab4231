#include "agent/check/kernel_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/netlink.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/netlink/asker.h"
#include "agent/netlink/family.h"
#include "agent/netlink/netlink_socket.h"
#include "base/session_keys.h"
#include "handshake/config.h"

namespace ktlsd::agent {
namespace {

constexpr char kUpcall[] = "kernel net/handshake";
constexpr char kTls[] = "kernel tls";
constexpr char kSeccomp[] = "kernel seccomp";

bool FindUpcall() {
  auto socket = OpenNetlinkSocket(NETLINK_GENERIC);
  if (!socket.ok()) {
    return false;
  }
  Asker asker(std::move(socket).value());
  return FindFamily(asker).ok();
}

void CheckTls(const ktls::Capabilities& kernel, Report& report) {
  if (!kernel.tls) {
    return report.Fail(kTls, "the module tls is not there; modprobe tls");
  }
  if (kernel.suites.empty()) {
    return report.Fail(kTls, "it takes no cipher suite");
  }
  report.Ok(kTls, "takes " + SuiteNames(kernel.suites));
  for (const CipherSuite suite : handshake::DefaultSuites()) {
    if (!kernel.Offloads(suite)) {
      report.Warn(kTls, fmt::format("does not take {}; is its cipher's module "
                                    "there?",
                                    CipherSuiteName(suite)));
    }
  }
  report.Ok(kTls, kernel.payload_limit
                      ? "keeps to a peer's record_size_limit"
                      : "without record_size_limit, which is not negotiated");
}

}  // namespace

KernelFacts ReadKernelFacts(ktls::SocketOps& ops) {
  return {FindUpcall(), ktls::Probe(ops),
          ::access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0};
}

void CheckKernel(const KernelFacts& kernel, Report& report) {
  if (kernel.upcall) {
    report.Ok(kUpcall, "it is there");
  } else {
    report.Fail(kUpcall,
                "this kernel has no handshake upcall (CONFIG_NET_HANDSHAKE)");
  }
  if (kernel.tls.ok()) {
    CheckTls(*kernel.tls, report);
  } else {
    report.Warn(kTls,
                fmt::format("cannot be tried: {}", kernel.tls.error().what));
  }
  if (kernel.seccomp) {
    report.Ok(kSeccomp, "has filters");
  } else {
    report.Fail(kSeccomp,
                "no filters (CONFIG_SECCOMP_FILTER): no process can "
                "lock itself down, and none serves");
  }
}

std::vector<CipherSuite> SuitesOf(const KernelFacts& kernel) {
  const std::vector<CipherSuite>& wanted = handshake::DefaultSuites();
  std::vector<CipherSuite> allowed;
  if (kernel.tls.ok()) {
    std::ranges::copy_if(
        wanted, std::back_inserter(allowed),
        [&](CipherSuite suite) { return kernel.tls->Offloads(suite); });
  }
  return allowed.empty() ? wanted : allowed;
}

std::string SuiteNames(const std::vector<CipherSuite>& suites) {
  std::vector<std::string_view> names;
  std::ranges::transform(suites, std::back_inserter(names), CipherSuiteName);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace ktlsd::agent
