// Where a keeper or verifier puts what it has to say.
//
// Layer:     agent/service.
#pragma once

#include "agent/ipc/wire_types.h"
#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::agent {

// `Notice` is the variant of messages to the monitor, `Answer` that of
// messages to a worker.
template <typename Notice, typename Answer>
class RoleOutput {
 public:
  virtual ~RoleOutput() = default;

  // Returns when the monitor's link has taken `notice`. After an error nothing
  // may be answered any more: pass the error on.
  virtual Status Notify(const Notice& notice, ByteView payload) = 0;
  Status Notify(const Notice& notice) { return Notify(notice, {}); }
  // Never blocks. Pass an error on: the worker is gone or does not read.
  virtual Status Reply(WorkerId worker, const Answer& answer,
                       ByteView payload) = 0;
};

}  // namespace ktlsd::agent
