#include "handshake/c/testing/this_kernel.h"

#include "handshake/c/ktlsd_codes.h"
#include "ktls/probe.h"
#include "ktls/socket_ops.h"

namespace ktlsd::handshake {

int OffloadByThisKernel(CipherSuite suite) {
  ktls::KernelSocketOps ops;
  const auto found = ktls::Probe(ops);
  if (!found.ok()) {
    return -1;
  }
  if (!found->tls) {
    return KTLSD_KERNEL_LACKS_TLS;
  }
  return found->Offloads(suite) ? KTLSD_OK : KTLSD_CIPHER_NOT_OFFLOADABLE;
}

}  // namespace ktlsd::handshake
