// Only Verify makes an Offloaded.
#include "ktls/verify.h"

using ktlsd::CipherSuite;
using ktlsd::ktls::Offloaded;

#ifdef CONTROL
ktlsd::Result<Offloaded> Proof(ktlsd::ktls::SocketOps& ops,
                               ktlsd::BorrowedFd socket) {
  return ktlsd::ktls::Verify(ops, socket, {});
}
#elif defined(BRACES)
Offloaded Proof() { return {CipherSuite::kAes128GcmSha256}; }
#elif defined(COPY)
Offloaded Proof(const Offloaded& other) { return other; }
#else
Offloaded Proof() { return Offloaded(CipherSuite::kAes128GcmSha256); }
#endif
