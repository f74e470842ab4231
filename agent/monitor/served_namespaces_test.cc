#include "agent/monitor/served_namespaces.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/monitor/testing/world.h"
#include "agent/netlink/ready_socket.h"
#include "agent/netns/testing/other_netns.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kControllersGroup = 0x10;

// An upcall whose READY is a byte in a pipe.
class PipeKernel final : public ReadyKernel {
 public:
  PipeKernel() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    ready_ = OwnedFd(ends[0]);
    bell_ = OwnedFd(ends[1]);
  }
  // In place of the pipe: a member of a group that every kernel has.
  void Join() {
    ready_ = std::move(TakeReadySocket(OwnedFd(), kControllersGroup)->fd);
  }
  void Ring() const { EXPECT_EQ(::write(bell_.raw(), "x", 1), 1); }

  Result<std::optional<Request>> Accept() override {
    return std::optional<Request>();
  }
  Status Done(BorrowedFd, const DoneAnswer&) override { return Ok{}; }
  BorrowedFd ready_socket() const override { return ready_.borrow(); }
  unsigned DrainReady() override {
    char byte = 0;
    EXPECT_EQ(::read(ready_.raw(), &byte, 1), 1);
    return 0;
  }

 private:
  OwnedFd ready_;
  OwnedFd bell_;
};

class ServedNamespacesTest : public ::testing::Test {
 protected:
  ServedNamespacesTest() {
    if (!blue_.valid() || !green_.valid()) {
      no_namespaces_ = true;
      return;
    }
    names_.Make();
  }
  void SetUp() override {
    if (no_namespaces_) {
      GTEST_SKIP() << "may not make a network namespace";
    }
  }

  Result<std::unique_ptr<ReadyKernel>> Open() {
    if (open_error_ != 0) {
      return Error{Code::kNetlinkFailed, "fake failure", open_error_};
    }
    ++opened_;
    auto kernel = std::make_unique<PipeKernel>();
    if (joins_) {
      kernel->Join();
    }
    last_kernel_ = kernel.get();
    return std::unique_ptr<ReadyKernel>(std::move(kernel));
  }
  std::vector<std::string> Served() const {
    std::vector<std::string> names;
    for (const ServedNamespace& one : served_.served()) {
      names.push_back(one.name);
    }
    return names;
  }
  // Until the directory's watch has told, at most.
  template <typename Condition>
  void TurnUntil(const Condition& condition) {
    for (int i = 0; i < 500 && !condition(); ++i) {
      ASSERT_TRUE(loop_.RunOnce(milliseconds(10)).ok());
      served_.OnTime();
    }
    EXPECT_TRUE(condition());
  }

  OtherNetns blue_;
  OtherNetns green_;
  bool no_namespaces_ = false;
  NamesDirectory names_;
  MonitorLoop loop_ = MonitorLoop::Create().value();
  RecordingLog log_;
  int open_error_ = 0;
  int opened_ = 0;
  bool joins_ = false;
  bool in_use_ = false;
  PipeKernel* last_kernel_ = nullptr;
  std::vector<std::string> told_;  // who is served, who not any more
  std::vector<std::string> rung_;
  ServedNamespaces served_{
      loop_,
      log_,
      NetnsDirectory(names_.path()),
      NetnsDirectory::OpenOwn()->identity,
      {[this](BorrowedFd) { return Open(); },
       [this](const ServedNamespace& one) { told_.push_back(one.name); },
       [this](const ServedNamespace& one) { rung_.push_back(one.name); },
       [this](const ServedNamespace& one) {
         told_.push_back("not " + one.name);
       },
       [this](const ServedNamespace&) { return in_use_; }}};
};

using Names = std::vector<std::string>;

TEST_F(ServedNamespacesTest, ServesNobodyUnasked) {
  names_.Name("blue", blue_.path());
  served_.Look();
  EXPECT_EQ(Served(), Names{});
  EXPECT_EQ(opened_, 0);
}

TEST_F(ServedNamespacesTest, ServesThoseThatMatch) {
  names_.Name("tenant-blue", blue_.path());
  names_.Name("tenants", green_.path());
  served_.Set({"tenant-*", "absent"});
  EXPECT_EQ(Served(), Names{"tenant-blue"});
  EXPECT_EQ(told_, Names{"tenant-blue"});
  EXPECT_EQ(log_.Count("event=namespace_changed", "netns=tenant-blue",
                       "state=served"),
            1);
}

// Else two groups' settings would race for its requests.
TEST_F(ServedNamespacesTest, ServesNoneTwice) {
  names_.Name("blue", blue_.path());
  names_.Name("azure", blue_.path());
  served_.Set({"*"});
  EXPECT_EQ(Served().size(), 1U);
  EXPECT_EQ(log_.Count("served already, under another name"), 1);
}

TEST_F(ServedNamespacesTest, TellsWhereARequestMayWait) {
  names_.Name("blue", blue_.path());
  names_.Name("green", green_.path());
  served_.Set({"*"});
  ASSERT_EQ(Served(), (Names{"blue", "green"}));
  last_kernel_->Ring();
  ASSERT_TRUE(loop_.RunOnce(milliseconds(1000)).ok());
  EXPECT_EQ(rung_, Names{"green"});
}

TEST_F(ServedNamespacesTest, LeavesTheGroupsOfThoseItServes) {
  joins_ = true;
  names_.Name("blue", blue_.path());
  served_.Set({"*"});
  ASSERT_EQ(Served(), Names{"blue"});
  const BorrowedFd ready = last_kernel_->ready_socket();
  EXPECT_TRUE(IsReadySocket(ready, kControllersGroup));
  served_.Leave();
  EXPECT_FALSE(IsReadySocket(ready, kControllersGroup));
  EXPECT_EQ(Served(), Names{"blue"});
}

TEST_F(ServedNamespacesTest, OpensThoseThatAppear) {
  served_.Set({"*"});
  names_.Name("blue", blue_.path());
  TurnUntil([&] { return Served() == Names{"blue"}; });
}

TEST_F(ServedNamespacesTest, SeesTheDirectoryAppear) {
  std::filesystem::remove(names_.path());
  served_.Set({"*"});
  names_.Make();
  TurnUntil([&] {
    // The parent's watch has told once the directory itself is watched: what
    // appears from then on is seen.
    names_.Remove("blue");
    names_.Name("blue", blue_.path());
    return Served() == Names{"blue"};
  });
}

TEST_F(ServedNamespacesTest, ClosesThoseThatGo) {
  names_.Name("blue", blue_.path());
  served_.Set({"*"});
  names_.Remove("blue");
  TurnUntil([&] { return Served().empty(); });
  EXPECT_EQ(told_, (Names{"blue", "not blue"}));
  EXPECT_EQ(log_.Count("netns=blue", "not served any more"), 1);
}

TEST_F(ServedNamespacesTest, ClosesThoseThatAreNotMeantAnyMore) {
  names_.Name("blue", blue_.path());
  served_.Set({"*"});
  served_.Set({"green"});
  EXPECT_EQ(Served(), Names{});
}

TEST_F(ServedNamespacesTest, TakesANewOneOfTheSameNameForAnother) {
  names_.Name("blue", blue_.path());
  served_.Set({"*"});
  names_.Remove("blue");
  names_.Name("blue", green_.path());
  served_.Look();
  EXPECT_EQ(Served(), Names{"blue"});
  EXPECT_EQ(opened_, 2);
}

TEST_F(ServedNamespacesTest, KeepsOneThatLeavesUntilItsHandshakesEnded) {
  names_.Name("blue", blue_.path());
  served_.Set({"*"});
  in_use_ = true;
  const int bell = last_kernel_->ready_socket().raw();
  names_.Remove("blue");
  served_.Look();
  EXPECT_EQ(Served(), Names{});
  served_.OnTime();
  EXPECT_NE(::fcntl(bell, F_GETFD), -1);  // the upcall is still there
  in_use_ = false;
  served_.OnTime();
  EXPECT_EQ(::fcntl(bell, F_GETFD), -1);
}

TEST_F(ServedNamespacesTest, NeverServesTheDaemonsOwnByName) {
  names_.Name("own", "/proc/self/ns/net");
  served_.Set({"*"});
  EXPECT_EQ(Served(), Names{});
  EXPECT_EQ(log_.Count("netns=own", "daemon's own"), 1);
}

TEST_F(ServedNamespacesTest, WaitsQuietlyForANameToBecomeOne) {
  names_.Name("blue", "/proc/self/ns/mnt");
  served_.Set({"*"});
  EXPECT_EQ(log_.All(), "");
  names_.Remove("blue");
  names_.Name("blue", blue_.path());
  served_.Look();
  EXPECT_EQ(Served(), Names{"blue"});
}

TEST_F(ServedNamespacesTest, SaysOnceWhyOneCannotBeServedAndTriesAgain) {
  names_.Name("blue", blue_.path());
  open_error_ = EPERM;
  served_.Set({"*"});
  served_.Look();
  EXPECT_EQ(log_.Count("netns=blue", "fake failure", "os_error=1"), 1);
  open_error_ = 0;
  served_.Look();
  EXPECT_EQ(Served(), Names{"blue"});
}

}  // namespace
}  // namespace ktlsd::agent
