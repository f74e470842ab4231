// What a failure is to the consumer that waits: the errno of DONE, and when.
//
// Scope:     one table of consumer and disposition.
// Layer:     agent/upcall.
// Threads:   pure functions.
// Design:    docs/design/error-table.md
#pragma once

#include <chrono>
#include <cstdint>

#include "agent/upcall/consumer.h"
#include "base/error_codes.h"

namespace ktlsd::agent {

struct FailureStatus {
  uint32_t os_error;  // a positive errno
  // Not earlier than this after ACCEPT: an NFS client tries again at once
  // after ETIMEDOUT, and would do so thousands of times a second.
  std::chrono::milliseconds not_before;
};

FailureStatus StatusFor(Consumer consumer, Disposition disposition);

}  // namespace ktlsd::agent
