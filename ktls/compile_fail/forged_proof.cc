// None of the proofs that Install asks for can be made out of nothing.
#include <utility>

#include "base/session_keys.h"

#if defined(CONTROL)
ktlsd::PROOF Forge(ktlsd::PROOF given) { return given; }
#elif defined(BRACES)
ktlsd::PROOF Forge() { return {}; }
#else
ktlsd::PROOF Forge() { return ktlsd::PROOF(); }
#endif
