// What the kernel under the tests makes of keys.
//
// Layer:     handshake/c, tests only.
#pragma once

#include "base/session_keys.h"

namespace ktlsd::handshake {

// What giving keys of `suite` to this kernel must come to, by ktls::Probe:
// KTLSD_OK, KTLSD_KERNEL_LACKS_TLS or KTLSD_CIPHER_NOT_OFFLOADABLE. -1 when
// that cannot be found out.
int OffloadByThisKernel(CipherSuite suite);

}  // namespace ktlsd::handshake
