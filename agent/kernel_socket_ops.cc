#include "agent/kernel_source.h"

namespace ktlsd::agent {

std::unique_ptr<ktls::SocketOps> MakeSocketOps() {
  return std::make_unique<ktls::KernelSocketOps>();
}

}  // namespace ktlsd::agent
