#include "agent/upcall/upcall.h"

#include <cerrno>
#include <utility>

#include "agent/upcall/status.h"

namespace ktlsd::agent {
namespace {

constexpr int kMostTries = 4;

bool MayPass(const Error& refusal) {
  switch (refusal.os_error) {
    case EAGAIN:
    case EINTR:
    case ENOBUFS:  // also: the acknowledgement was lost
    case ENOMEM:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool ConsumerGone(const Error& refusal) {
  return refusal.os_error == ESRCH || refusal.os_error == ENOENT;
}

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
    static_cast<void>(Answer({os_error(Code::kInternal)}));
  }
}

Status Upcall::Succeed(ktls::Offloaded, RemoteAuth remote,
                       std::string_view tags) && {
  return Answer({0, remote.serial(), tags});
}

Status Upcall::Fail(Code why) && { return Answer({os_error(why)}); }

uint32_t Upcall::os_error(Code why) const {
  return StatusFor(consumer_, Describe(why).disposition).os_error;
}

// DONE names the socket, so that is closed behind it.
Status Upcall::Answer(const DoneAnswer& answer) {
  if (kernel_ == nullptr) {
    return Error{Code::kApiMisuse, "a request was answered twice"};
  }
  HandshakeKernel& kernel = *std::exchange(kernel_, nullptr);
  Status done = kernel.Done(request_.socket.borrow(), answer);
  for (int tries = 1; tries < kMostTries && !done.ok() && MayPass(done.error());
       ++tries) {
    done = kernel.Done(request_.socket.borrow(), answer);
  }
  request_.socket.Close();
  return done;
}

}  // namespace ktlsd::agent
