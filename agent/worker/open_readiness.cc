#include "agent/worker/open_readiness.h"

#include <utility>

#include "agent/worker/ring_readiness.h"

namespace ktlsd::agent {
namespace {

// Why: docs/design/event-loop.md.
constexpr LoopKind kDefault = LoopKind::kEpoll;

}  // namespace

LoopKind WishedLoop(std::string_view text) {
  for (const LoopKind kind : {LoopKind::kEpoll, LoopKind::kIoUring}) {
    if (text == LoopName(kind)) {
      return kind;
    }
  }
  return kDefault;
}

Result<OpenedReadiness> OpenReadiness(LoopKind wished, RingCalls& calls) {
  OpenedReadiness opened;
  if (wished == LoopKind::kIoUring) {
    Result<std::unique_ptr<Readiness>> ring = OpenRing(calls);
    if (ring.ok()) {
      opened.readiness = std::move(ring).value();
      return opened;
    }
    opened.os_error = ring.error().os_error;
  }
  ASSIGN_OR_RETURN(opened.readiness, OpenEpoll());
  return opened;
}

}  // namespace ktlsd::agent
