// What keeper and verifier are to load, sent as fast as they read.
//
// Scope:     the configuration at its limits is several times what a link
//            holds. What has no room waits here, in its order; half of the link
//            is left to what jobs need at once.
// Layer:     agent/monitor.
// Threads:   one thread; never blocks.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "agent/ipc/link.h"
#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

class LoadQueue {
 public:
  // What may wait at once, in messages.
  static constexpr std::size_t kMostWaiting = 512;

  // Sends `message` over `link`, now or with a later SendMore(); always the
  // same link, until Clear().
  // Errors: as of Link::Send; kTooBusy only when too many wait
  template <typename M>
  Status Send(Link& link, const M& message, Bytes payload = {},
              std::vector<OwnedFd> descriptors = {}) {
    if (payload.size() > M::kCarries.payload) {
      return Error{Code::kApiMisuse, "a message carries too much"};
    }
    return Add(link, {[message](Link& to, ByteView bytes,
                                std::span<const BorrowedFd> borrowed) {
                        return to.Send(message, bytes, borrowed);
                      },
                      std::move(payload), std::move(descriptors)});
  }
  // Sends what there is room for. What fails is tried again; that a link is
  // closed its reader tells.
  void SendMore(Link& link);
  bool empty() const { return waiting_.empty(); }
  void Clear() { waiting_.clear(); }

 private:
  struct Waiting {
    std::function<Status(Link&, ByteView, std::span<const BorrowedFd>)> send;
    Bytes payload;
    std::vector<OwnedFd> descriptors;
  };

  Status Add(Link& link, Waiting waiting);
  static Status SendNow(Link& link, const Waiting& waiting);

  std::deque<Waiting> waiting_;
};

}  // namespace ktlsd::agent
