#include "agent/systemd/notifier.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "agent/systemd/heartbeat.h"
#include "agent/systemd/kept_descriptors.h"
#include "agent/systemd/testing/fake_manager.h"
#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {
namespace {

using std::chrono::microseconds;
using Texts = std::vector<std::string>;

constexpr MonotonicTime kNow{std::chrono::hours(1)};

Notifier ConnectTo(const FakeManager& manager) {
  Result<Notifier> notifier = Notifier::Connect(manager.address());
  EXPECT_TRUE(notifier.ok());
  return std::move(notifier).value();
}

TEST(Notifier, SpeaksTheManagersProtocol) {
  FakeManager manager;
  Notifier notifier = ConnectTo(manager);
  notifier.Ready("serving");
  notifier.Status("busy");
  notifier.Reloading(kNow + microseconds(7));
  notifier.Stopping();
  notifier.Beat("alive");
  notifier.Forget("x");
  EXPECT_EQ(manager.Texts(),
            (Texts{"READY=1\nSTATUS=serving", "STATUS=busy",
                   "RELOADING=1\nMONOTONIC_USEC=3600000007", "STOPPING=1",
                   "WATCHDOG=1\nSTATUS=alive", "FDSTOREREMOVE=1\nFDNAME=x"}));
}

// Else a text could say something to the manager.
TEST(Notifier, KeepsAStatusOnOneLine) {
  FakeManager manager;
  Notifier notifier = ConnectTo(manager);
  notifier.Ready("a\nMAINPID=1");
  notifier.Status("a\nMAINPID=1");
  notifier.Beat("a\nMAINPID=1");
  EXPECT_EQ(manager.Texts(),
            (Texts{"READY=1\nSTATUS=a MAINPID=1", "STATUS=a MAINPID=1",
                   "WATCHDOG=1\nSTATUS=a MAINPID=1"}));
}

TEST(Notifier, HandsADescriptorOver) {
  FakeManager manager;
  Notifier notifier = ConnectTo(manager);
  const OwnedFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  notifier.Keep("ready", file.borrow());
  const auto messages = manager.Messages();
  ASSERT_EQ(messages.size(), 1U);
  // Without FDPOLL an overrun socket is thrown out of the store.
  EXPECT_EQ(messages[0].text, "FDSTORE=1\nFDNAME=ready\nFDPOLL=0");
  ASSERT_TRUE(messages[0].descriptor.valid());
  struct stat sent{};
  struct stat own{};
  ASSERT_EQ(::fstat(messages[0].descriptor.raw(), &sent), 0);
  ASSERT_EQ(::fstat(file.raw(), &own), 0);
  EXPECT_EQ(sent.st_rdev, own.st_rdev);
}

TEST(Notifier, DoesNothingWithoutAManager) {
  ::unsetenv("NOTIFY_SOCKET");
  Result<Notifier> notifier = Notifier::FromEnvironment();
  ASSERT_TRUE(notifier.ok());
  EXPECT_FALSE(notifier->connected());
  notifier->Ready("serving");
  notifier->Keep("x", BorrowedFd(0));
}

TEST(Notifier, TakesItsAddressOutOfTheEnvironment) {
  FakeManager manager;
  ::setenv("NOTIFY_SOCKET", manager.address().c_str(), 1);
  Result<Notifier> notifier = Notifier::FromEnvironment();
  ASSERT_TRUE(notifier.ok());
  EXPECT_EQ(::getenv("NOTIFY_SOCKET"), nullptr);
  notifier->Stopping();
  EXPECT_EQ(manager.Texts(), Texts{"STOPPING=1"});
}

TEST(Notifier, RefusesWhatIsNoAddress) {
  for (const std::string& wrong :
       {std::string(), std::string("@"), std::string("relative"),
        "/" + std::string(200, 'x')}) {
    const Result<Notifier> notifier = Notifier::Connect(wrong);
    ASSERT_FALSE(notifier.ok()) << wrong;
    EXPECT_EQ(notifier.error().code, Code::kConfigUnusable);
  }
  const Result<Notifier> nobody = Notifier::Connect("/no/such/socket");
  ASSERT_FALSE(nobody.ok());
  EXPECT_EQ(nobody.error().os_error, ENOENT);
}

TEST(Notifier, FindsTheManagersSuccessor) {
  auto manager = std::make_unique<FakeManager>();
  const std::string address = manager->address();
  Notifier notifier = ConnectTo(*manager);
  manager.reset();
  notifier.Status("lost");  // nobody is there
  FakeManager successor(address);
  notifier.Status("found");
  EXPECT_EQ(successor.Texts(), Texts{"STATUS=found"});
}

TEST(Notifier, DoesNotWaitWithABeat) {
  FakeManager manager;
  Notifier notifier = ConnectTo(manager);
  for (int i = 0; i < 10'000; ++i) {
    notifier.Beat("alive");
  }
  EXPECT_LT(manager.Texts().size(), 10'000U);
}

// --- Heartbeat ---

TEST(Heartbeat, IsDueTwiceWithinTheLimit) {
  Heartbeat heartbeat(microseconds(1000), kNow);
  EXPECT_EQ(heartbeat.Next(), kNow);
  EXPECT_TRUE(heartbeat.Due(kNow));
  EXPECT_FALSE(heartbeat.Due(kNow));
  EXPECT_EQ(heartbeat.Next(), kNow + microseconds(500));
  EXPECT_FALSE(heartbeat.Due(kNow + microseconds(499)));
  EXPECT_TRUE(heartbeat.Due(kNow + microseconds(500)));
}

class WatchdogVariables : public ::testing::Test {
 protected:
  static bool Beats(const char* limit, const char* process) {
    ::setenv("WATCHDOG_USEC", limit, 1);
    if (process == nullptr) {
      ::unsetenv("WATCHDOG_PID");
    } else {
      ::setenv("WATCHDOG_PID", process, 1);
    }
    const bool beats = Heartbeat::FromEnvironment(kNow).Next().has_value();
    EXPECT_EQ(::getenv("WATCHDOG_USEC"), nullptr);
    EXPECT_EQ(::getenv("WATCHDOG_PID"), nullptr);
    return beats;
  }
};

TEST_F(WatchdogVariables, AreForThisProcess) {
  EXPECT_FALSE(Heartbeat::FromEnvironment(kNow).Next().has_value());
  EXPECT_TRUE(Beats("1000", nullptr));
  EXPECT_TRUE(Beats("1000", std::to_string(::getpid()).c_str()));
  EXPECT_FALSE(Beats("1000", std::to_string(::getppid()).c_str()));
}

TEST_F(WatchdogVariables, AreNumbers) {
  for (const char* const wrong : {"", "0", "1", "-5", "x", "5x", "1e3",
                                  "99999999999999999999", "999999999999999"}) {
    EXPECT_FALSE(Beats(wrong, nullptr)) << wrong;
  }
}

// --- Kept descriptors ---

// Runs `check` with descriptors 3 and 4 open, in a child: the numbers are the
// process's.
template <typename Check>
void WithHandedOver(const Check& check) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int file = ::open("/dev/null", O_RDONLY);
    const bool open = ::dup2(file, 3) == 3 && ::dup2(file, 4) == 4;
    ::close(5);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "2", 1);
    ::setenv("LISTEN_FDNAMES", "one:two", 1);
    ::_exit(open && check() && ::getenv("LISTEN_PID") == nullptr &&
                    ::getenv("LISTEN_FDS") == nullptr &&
                    ::getenv("LISTEN_FDNAMES") == nullptr
                ? 0
                : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(KeptDescriptors, AreTakenByName) {
  WithHandedOver([] {
    KeptDescriptors kept = KeptDescriptors::FromEnvironment();
    const OwnedFd two = kept.Take("two");
    return two.raw() == 4 && kept.Names() == Texts{"one"} &&
           !kept.Take("three").valid();
  });
}

TEST(KeptDescriptors, CloseAtExec) {
  WithHandedOver([] {
    const KeptDescriptors kept = KeptDescriptors::FromEnvironment();
    return ::fcntl(3, F_GETFD) == FD_CLOEXEC &&
           ::fcntl(4, F_GETFD) == FD_CLOEXEC;
  });
}

TEST(KeptDescriptors, CloseWhenNobodyTakesThem) {
  WithHandedOver([] {
    {
      const KeptDescriptors kept = KeptDescriptors::FromEnvironment();
    }
    return ::fcntl(3, F_GETFD) == -1 && ::fcntl(4, F_GETFD) == -1;
  });
}

TEST(KeptDescriptors, AreLeftAloneWhenForAnotherProcess) {
  WithHandedOver([] {
    ::setenv("LISTEN_PID", std::to_string(::getppid()).c_str(), 1);
    const KeptDescriptors kept = KeptDescriptors::FromEnvironment();
    return kept.Names().empty() && ::fcntl(3, F_GETFD) == 0;
  });
}

TEST(KeptDescriptors, AreOnlyThoseThatAreOpen) {
  WithHandedOver([] {
    ::setenv("LISTEN_FDS", "3", 1);
    ::unsetenv("LISTEN_FDNAMES");
    const KeptDescriptors kept = KeptDescriptors::FromEnvironment();
    return kept.Names() == Texts{"", ""};
  });
}

TEST(KeptDescriptors, AreNoneWithoutANumber) {
  for (const char* const wrong : {"", "-1", "x", "65", "4294967297"}) {
    WithHandedOver([wrong] {
      ::setenv("LISTEN_FDS", wrong, 1);
      return KeptDescriptors::FromEnvironment().Names().empty();
    });
  }
}

}  // namespace
}  // namespace ktlsd::agent
