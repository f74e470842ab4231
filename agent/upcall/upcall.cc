#include "agent/upcall/upcall.h"

#include <utility>

#include "agent/upcall/status.h"

namespace ktlsd::agent {

Upcall::Upcall(HandshakeKernel& kernel, Request request)
    : kernel_(&kernel),
      request_(std::move(request)),
      consumer_(InferConsumer(request_)) {}

Upcall::Upcall(Upcall&& other) noexcept
    : kernel_(std::exchange(other.kernel_, nullptr)),
      request_(std::move(other.request_)),
      consumer_(other.consumer_) {}

Upcall::~Upcall() {
  if (kernel_ != nullptr) {
    static_cast<void>(Answer(os_error(Code::kInternal), std::nullopt));
  }
}

Status Upcall::Succeed(ktls::Offloaded, RemoteAuth remote) && {
  return Answer(0, remote.serial());
}

Status Upcall::Fail(Code why) && { return Answer(os_error(why), std::nullopt); }

uint32_t Upcall::os_error(Code why) const {
  return StatusFor(consumer_, Describe(why).disposition).os_error;
}

// DONE names the socket, so that is closed behind it.
Status Upcall::Answer(uint32_t status, std::optional<KeySerial> remote) {
  if (kernel_ == nullptr) {
    return Error{Code::kApiMisuse, "a request was answered twice"};
  }
  Status done = std::exchange(kernel_, nullptr)
                    ->Done(request_.socket.borrow(), status, remote);
  request_.socket.Close();
  return done;
}

}  // namespace ktlsd::agent
