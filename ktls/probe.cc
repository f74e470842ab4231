#include "ktls/probe.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/hkdf.h"
#include "ktls/crypto_info.h"
#include "ktls/loopback.h"
#include "ktls/tls_options.h"

namespace ktlsd::ktls {
namespace {

constexpr uint16_t kFullRecord = 1U << 14;  // bytes; the largest that is valid

// Keys nobody uses: no byte is ever sent on the sockets of a probe.
Result<CryptoInfo> DummyKeys(CipherSuite suite) {
  ASSIGN_OR_RETURN(HashSecret secret,
                   HkdfExtract(HashOf(suite), HashSecret(), ByteView()));
  return MakeCryptoInfo(suite, DirectionKeys{std::move(secret), 0});
}

// Whether `status` says that the kernel lacks something, rather than that the
// attempt went wrong.
bool IsAnswer(const Status& status) {
  return status.ok() || status.error().code == Code::kKernelLacksTls ||
         status.error().code == Code::kCipherNotOffloadable;
}

Status TrySuite(SocketOps& ops, BorrowedFd socket, CipherSuite suite) {
  ASSIGN_OR_RETURN(const CryptoInfo keys, DummyKeys(suite));
  RETURN_IF_ERROR(AttachTls(ops, socket));
  RETURN_IF_ERROR(SetKeys(ops, socket, Direction::kReceive, keys));
  return SetKeys(ops, socket, Direction::kSend, keys);
}

}  // namespace

bool Capabilities::Offloads(CipherSuite suite) const {
  return std::ranges::find(suites, suite) != suites.end();
}

Result<Capabilities> Probe(SocketOps& ops) {
  Capabilities found;
  for (const CipherSuite suite : KnownSuites()) {
    // A new connection each time: TLS cannot be taken off a socket.
    ASSIGN_OR_RETURN(const SocketPair pair, ConnectLoopback());
    const BorrowedFd socket = pair.client.borrow();
    const Status tried = TrySuite(ops, socket, suite);
    if (!IsAnswer(tried)) {
      return tried.error();
    }
    found.tls =
        found.tls || tried.ok() || tried.error().code != Code::kKernelLacksTls;
    if (tried.ok()) {
      found.suites.push_back(suite);
      found.payload_limit =
          found.payload_limit || LimitPayload(ops, socket, kFullRecord).ok();
    }
  }
  return found;
}

}  // namespace ktlsd::ktls
