// The end of a handshake is made of the proofs that it was reached.
#include <utility>

#include "handshake/states.h"

using namespace ktlsd;             // NOLINT(google-build-using-namespace)
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

Completed Complete(Session session, [[maybe_unused]] Finished finished,
                   [[maybe_unused]] Drained drained) {
#if defined(CONTROL)
  return Completed{std::move(session), std::move(finished), std::move(drained)};
#elif defined(OMIT_FINISHED)
  return Completed{.session = std::move(session),
                   .drained = std::move(drained)};
#elif defined(OMIT_DRAINED)
  return Completed{.session = std::move(session),
                   .finished = std::move(finished)};
#endif
}
