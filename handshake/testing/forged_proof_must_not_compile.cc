// Nobody but a verdict or a policy says who the peer is.
#include "handshake/proofs.h"

#if defined(CONTROL)
ktlsd::handshake::PROOF Forge(ktlsd::handshake::PROOF given) { return given; }
#elif defined(BRACES)
ktlsd::handshake::PROOF Forge() { return {}; }
#else
ktlsd::handshake::PROOF Forge() { return ktlsd::handshake::PROOF(); }
#endif
