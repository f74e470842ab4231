#include "agent/upcall/consumer.h"

#include <algorithm>

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMargin{1000};
// What the kernel waits when the request does not say: svcsock.c and
// xprtsock.c.
constexpr milliseconds kNfsdWaits{5000};
constexpr milliseconds kOthersWait{10'000};

}  // namespace

Consumer InferConsumer(const Request& request) {
  const bool psk = request.auth_mode == AuthMode::kPsk;
  const bool x509 = request.auth_mode == AuthMode::kX509;
  const bool anonymous = request.auth_mode == AuthMode::kUnauth;
  switch (request.kind) {
    case HandshakeKind::kClientHello:
      if (psk) {
        return Consumer::kNvmeHost;
      }
      return (x509 || anonymous) && !request.peer_name.empty()
                 ? Consumer::kNfsClient
                 : Consumer::kUnknown;
    case HandshakeKind::kServerHello:
      if (psk) {
        return Consumer::kNvmeTarget;
      }
      return x509 ? Consumer::kNfsd : Consumer::kUnknown;
  }
  return Consumer::kUnknown;
}

std::string_view ConsumerName(Consumer consumer) {
  switch (consumer) {
    case Consumer::kNfsClient:
      return "nfs-client";
    case Consumer::kNfsd:
      return "nfsd";
    case Consumer::kNvmeHost:
      return "nvme-host";
    case Consumer::kNvmeTarget:
      return "nvme-target";
    case Consumer::kUnknown:
      return "unknown";
  }
  return "unknown";
}

milliseconds AnswerWithin(const Request& request, Consumer consumer) {
  const milliseconds waits = request.timeout.value_or(
      consumer == Consumer::kNfsd ? kNfsdWaits : kOthersWait);
  return std::max(waits - kMargin, waits / 2);
}

}  // namespace ktlsd::agent
