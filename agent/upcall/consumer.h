// Who in the kernel asked for a handshake, and how long it waits.
//
// Scope:     the kernel does not name its consumers; this is the one place
//            where they are inferred from a request.
// Layer:     agent/upcall.
// Threads:   pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "agent/netlink/request.h"

namespace ktlsd::agent {

enum class Consumer : uint8_t {
  kNfsClient,   // net/sunrpc/xprtsock.c
  kNfsd,        // net/sunrpc/svcsock.c
  kNvmeHost,    // drivers/nvme/host/tcp.c
  kNvmeTarget,  // drivers/nvme/target/tcp.c
  kUnknown,
};

Consumer InferConsumer(const Request& request);

// "nfs-client" and the like.
std::string_view ConsumerName(Consumer consumer);

// How long after ACCEPT a request must be answered, at the latest: a second
// less than the kernel waits, so that it never has to cancel.
std::chrono::milliseconds AnswerWithin(const Request& request,
                                       Consumer consumer);

}  // namespace ktlsd::agent
