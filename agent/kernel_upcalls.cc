#include <utility>

#include "agent/kernel_source.h"
#include "agent/netlink/netlink_kernel.h"

namespace ktlsd::agent {

Result<OpenUpcalls> OpenKernel(OwnedFd kept) {
  ASSIGN_OR_RETURN(NetlinkKernel kernel, NetlinkKernel::Open(std::move(kept)));
  OpenUpcalls upcalls;
  upcalls.policy = kernel.policy();
  upcalls.ready_origin = kernel.ready_origin();
  upcalls.ready_group = kernel.ready_group();
  upcalls.kernel = std::make_unique<NetlinkKernel>(std::move(kernel));
  return upcalls;
}

}  // namespace ktlsd::agent
