// Success cannot be reported without the proof that the keys are in the
// kernel.
#include <utility>

#include "agent/upcall/upcall.h"

ktlsd::Status Report(ktlsd::agent::Upcall upcall,
                     ktlsd::ktls::Offloaded proof) {
#ifdef CONTROL
  return std::move(upcall).Succeed(std::move(proof),
                                   ktlsd::agent::RemoteAuth::None(), "");
#else
  static_cast<void>(proof);
  return std::move(upcall).Succeed(ktlsd::agent::RemoteAuth::None(), "");
#endif
}
