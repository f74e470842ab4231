// Questions to the kernel, one at a time, each with its answer.
//
// Scope:     sequence numbers, and which datagram is the answer. The kernel
//            answers inside of send, so no answer is one that was lost.
// Layer:     agent/netlink.
// Threads:   one thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "agent/netlink/message.h"
#include "agent/netlink/netlink_socket.h"
#include "agent/netlink/reply.h"
#include "base/bytes.h"
#include "base/result.h"

namespace ktlsd::agent {

class Asker {
 public:
  explicit Asker(std::unique_ptr<NetlinkSocket> socket);

  struct Answer {
    // Nothing: an acknowledgement. Valid until the next question.
    std::optional<ByteView> attributes;
    bool cut = false;  // there were more
  };
  // Errors: kNetlinkFailed with
  //         what the kernel refused it with (`refused` says that it was that);
  //         ENOBUFS   the answer was lost; perhaps it did what it was told
  //         another errno of the socket, or none for an answer that is broken
  Result<Answer> Ask(Message message, uint8_t reply_command);
  bool refused() const { return refused_; }  // the last question

  // The same for a dump: `take` gets the attributes of each of its messages.
  // Errors: as above, and EMSGSIZE: one was cut off
  Status Dump(Message message, uint8_t reply_command,
              const std::function<void(ByteView)>& take);

  BorrowedFd fd() const { return socket_->fd(); }

 private:
  Result<Asked> Send(Message& message, uint8_t reply_command, bool dump);
  // The next datagram of the kernel.
  Result<Datagram> Receive();
  Result<bool> TakeAll(const Datagram& datagram, const Asked& asked,
                       const std::function<void(ByteView)>& take);
  Error Refuse(int os_error);
  void Forget();

  std::unique_ptr<NetlinkSocket> socket_;
  uint32_t sequence_ = 0;
  bool refused_ = false;
  bool unclear_ = false;  // something may wait that nobody asks for any more
  struct Buffer {
    alignas(uint32_t) std::array<uint8_t, 32768> bytes;
  };
  std::unique_ptr<Buffer> buffer_ = std::make_unique<Buffer>();
};

}  // namespace ktlsd::agent
