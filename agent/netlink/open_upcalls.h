// The upcall of one network namespace, as it was found at the start.
//
// Layer:     agent/netlink.
// Threads:   value type.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/netlink/policy.h"
#include "agent/netlink/ready_kernel.h"
#include "agent/netlink/ready_socket.h"

namespace ktlsd::agent {

struct OpenUpcalls {
  std::unique_ptr<ReadyKernel> kernel;
  KernelPolicy policy;
  ReadySocket::Origin ready_origin{};
  uint32_t ready_group = 0;  // of multicast
};

}  // namespace ktlsd::agent
