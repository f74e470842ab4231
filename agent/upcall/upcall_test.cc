#include "agent/upcall/upcall.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <utility>

#include "agent/netlink/testing/fake_handshake_kernel.h"

namespace ktlsd::agent {
namespace {

Request SomeRequest() {
  Request request;
  request.socket = OwnedFd(::open("/dev/null", O_CLOEXEC));
  request.kind = HandshakeKind::kServerHello;
  request.auth_mode = AuthMode::kX509;
  return request;
}

TEST(Upcall, ReportsAFailureOnce) {
  FakeHandshakeKernel kernel;
  int fd = -1;
  {
    Upcall upcall(kernel, SomeRequest());
    fd = upcall.socket().raw();
    EXPECT_TRUE(std::move(upcall).Fail(Code::kCertificateExpired).ok());
  }
  ASSERT_EQ(kernel.answers().size(), 1U);
  EXPECT_EQ(kernel.answers()[0].socket, fd);
  EXPECT_EQ(kernel.answers()[0].status, static_cast<uint32_t>(EACCES));
  EXPECT_FALSE(kernel.answers()[0].remote_auth.has_value());
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1);
}

TEST(Upcall, ReportsAFailureWhenItIsDropped) {
  FakeHandshakeKernel kernel;
  {
    const Upcall upcall(kernel, SomeRequest());
  }
  ASSERT_EQ(kernel.answers().size(), 1U);
  EXPECT_EQ(kernel.answers()[0].status, static_cast<uint32_t>(EIO));
}

TEST(Upcall, IsAnsweredByItsLastOwner) {
  FakeHandshakeKernel kernel;
  {
    Upcall first(kernel, SomeRequest());
    Upcall second(std::move(first));
    EXPECT_TRUE(kernel.answers().empty());
    EXPECT_TRUE(std::move(second).Fail(Code::kNotTls).ok());
  }
  EXPECT_EQ(kernel.answers().size(), 1U);
}

TEST(Upcall, RefusesASecondAnswer) {
  FakeHandshakeKernel kernel;
  Upcall upcall(kernel, SomeRequest());
  const auto answer = [&] { return std::move(upcall).Fail(Code::kNotTls); };
  ASSERT_TRUE(answer().ok());
  const Status again = answer();
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Code::kApiMisuse);
  EXPECT_EQ(kernel.answers().size(), 1U);
}

using Loss = FakeHandshakeKernel::Loss;

TEST(Upcall, RepeatsAnAnswerThatMayHaveBeenLost) {
  for (const int os_error : {EAGAIN, EINTR, ENOBUFS, ENOMEM}) {
    for (const Loss loss : {Loss::kMessage, Loss::kAcknowledgement}) {
      FakeHandshakeKernel kernel;
      kernel.FailDones(FailingCalls::First(3), os_error, loss);
      Upcall upcall(kernel, SomeRequest());
      EXPECT_TRUE(std::move(upcall).Fail(Code::kNotTls).ok());
      EXPECT_EQ(kernel.done_calls(), 4U);
      EXPECT_EQ(kernel.answers().size(), 1U);
    }
  }
}

TEST(Upcall, DoesNotRepeatAnAnswerForEver) {
  FakeHandshakeKernel kernel;
  kernel.FailDones(FailingCalls::Every(1), ENOMEM, Loss::kMessage);
  Upcall upcall(kernel, SomeRequest());
  const Status done = std::move(upcall).Fail(Code::kNotTls);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().os_error, ENOMEM);
  EXPECT_EQ(kernel.done_calls(), 4U);
}

TEST(Upcall, DoesNotRepeatWhatWasRefusedForGood) {
  for (const int os_error : {EBUSY, EINVAL, EPERM, ESRCH, ENOENT, 0}) {
    FakeHandshakeKernel kernel;
    kernel.FailDones(FailingCalls::Every(1), os_error, Loss::kMessage);
    Upcall upcall(kernel, SomeRequest());
    EXPECT_FALSE(std::move(upcall).Fail(Code::kNotTls).ok());
    EXPECT_EQ(kernel.done_calls(), 1U);
  }
}

TEST(Upcall, TellsThatTheKernelRefusedTheAnswer) {
  FakeHandshakeKernel kernel;
  kernel.RefuseDone();
  Upcall upcall(kernel, SomeRequest());
  const Status done = std::move(upcall).Fail(Code::kNotTls);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().os_error, EBUSY);
}

}  // namespace
}  // namespace ktlsd::agent
