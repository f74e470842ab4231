#include "agent/monitor/service_duties.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/monitor/testing/world.h"
#include "agent/netlink/listeners.h"
#include "agent/netlink/ready_socket.h"
#include "agent/systemd/heartbeat.h"
#include "agent/systemd/kept_descriptors.h"
#include "agent/systemd/notifier.h"
#include "agent/systemd/testing/fake_manager.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;
using Texts = std::vector<std::string>;
using Origin = ReadySocket::Origin;

constexpr uint32_t kGroup = 1;
constexpr uint32_t kControllersGroup = 0x10;  // every kernel has it

OwnedFd SomeFile() {
  return OwnedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

class ServiceDutiesTest : public ::testing::Test {
 protected:
  ServiceDutiesTest() {
    table_path_ = ::testing::TempDir() + "/tableXXXXXX";
    table_ = OwnedFd(::mkstemp(table_path_.data()));
  }
  ServiceDuties Make(KeptDescriptors kept = {}) {
    return {std::move(Notifier::Connect(manager_.address())).value(),
            Heartbeat(milliseconds(1000), clock_.Now()), std::move(kept), log_,
            clock_};
  }
  Listeners Table() {
    return {OwnedFd(::open(table_path_.c_str(), O_RDONLY | O_CLOEXEC)),
            ready_.borrow(), kGroup};
  }
  void Join(ServiceDuties& duties, Origin origin = Origin::kNew) {
    duties.Joined(ready_.borrow(), origin, Table());
  }
  void ShowInTable(int listeners) {
    std::string table;
    for (int i = 1; i <= listeners; ++i) {
      table += "0 16 4711 00000001 0 0 0 2 0 99999" + std::to_string(i) + '\n';
    }
    ASSERT_EQ(::pwrite(table_.raw(), table.data(), table.size(), 0),
              static_cast<ssize_t>(table.size()));
  }

  FakeManager manager_;
  FakeClock clock_;
  RecordingLog log_;
  OwnedFd ready_ = SomeFile();
  std::string table_path_;
  OwnedFd table_;
};

TEST_F(ServiceDutiesTest, KeepTheReadySocketAndSayReady) {
  ServiceDuties duties = Make();
  Join(duties);
  EXPECT_TRUE(manager_.Texts().empty());  // not before the first look
  clock_.Advance(milliseconds(12));
  duties.LookedIntoTheQueue();
  clock_.Advance(milliseconds(8));
  duties.Serving();
  const auto messages = manager_.Messages();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].text, "FDSTORE=1\nFDNAME=ready\nFDPOLL=0");
  EXPECT_TRUE(messages[0].descriptor.valid());
  EXPECT_EQ(messages[1].text,
            "READY=1\nSTATUS=Serving the kernel's handshake requests");
  EXPECT_EQ(log_.Count("event=ready ready_socket=new start_us=12000 "
                       "ready_us=20000"),
            1);
}

TEST_F(ServiceDutiesTest, HandOutWhatWasKeptAndDropTheRest) {
  std::vector<KeptDescriptors::Kept> kept;
  kept.push_back({"old", SomeFile()});
  kept.push_back({"ready", SomeFile()});
  const int number = kept[1].descriptor.raw();
  ServiceDuties duties = Make(KeptDescriptors(std::move(kept)));
  EXPECT_EQ(duties.TakeReadySocket().raw(), number);
  EXPECT_EQ(manager_.Texts(), Texts{"FDSTOREREMOVE=1\nFDNAME=old"});
  EXPECT_FALSE(duties.TakeReadySocket().valid());
}

TEST_F(ServiceDutiesTest, SayWhatWasReplaced) {
  ServiceDuties duties = Make();
  Join(duties, Origin::kReplaced);
  EXPECT_EQ(log_.Count("event=service_trouble", "not the socket for READY"), 1);
  // Before the new one is kept under the same name.
  EXPECT_EQ(manager_.Texts(), Texts{"FDSTOREREMOVE=1\nFDNAME=ready"});
  duties.Serving();
  EXPECT_EQ(log_.Count("event=ready ready_socket=replaced"), 1);
}

TEST_F(ServiceDutiesTest, GoOnWithAKeptSocketQuietly) {
  ServiceDuties duties = Make();
  Join(duties, Origin::kKept);
  duties.Serving();
  EXPECT_EQ(log_.Count("event=service_trouble"), 0);
  EXPECT_EQ(log_.Count("event=ready ready_socket=kept"), 1);
}

// Consumers must not wait for an agent that does not come back.
TEST_F(ServiceDutiesTest, EmptyTheStoreAtAStop) {
  ServiceDuties duties = Make();
  duties.Stopping(ServiceDuties::Why::kStop);
  EXPECT_EQ(manager_.Texts(),
            (Texts{"FDSTOREREMOVE=1\nFDNAME=ready", "STOPPING=1"}));
}

TEST_F(ServiceDutiesTest, LeaveTheStoreAtARestart) {
  ServiceDuties duties = Make();
  duties.Stopping(ServiceDuties::Why::kRestart);
  EXPECT_EQ(manager_.Texts(), Texts{"STOPPING=1"});
}

// Who asks between the two runs of a restart is served by the second.
TEST_F(ServiceDutiesTest, LeaveTheGroupAtAStopOnly) {
  ready_ = std::move(TakeReadySocket(OwnedFd(), kControllersGroup)->fd);
  ServiceDuties duties = Make();
  Join(duties);
  duties.Stopping(ServiceDuties::Why::kRestart);
  EXPECT_TRUE(IsReadySocket(ready_.borrow(), kControllersGroup));
  duties.Stopping(ServiceDuties::Why::kStop);
  EXPECT_FALSE(IsReadySocket(ready_.borrow(), kControllersGroup));
}

TEST_F(ServiceDutiesTest, SayWhenTheyReload) {
  ServiceDuties duties = Make();
  duties.Reloading();
  duties.Reloaded();
  EXPECT_EQ(manager_.Texts(),
            (Texts{"RELOADING=1\nMONOTONIC_USEC=3600000000",
                   "READY=1\nSTATUS=Serving the kernel's handshake requests"}));
}

TEST_F(ServiceDutiesTest, BeatWithTheCounts) {
  ServiceDuties duties = Make();
  const Texts beat = {
      "WATCHDOG=1\nSTATUS=Serving the kernel's handshake requests: 3 "
      "succeeded, 1 failed"};
  Answers::Counts counts;
  counts.succeeded = 3;
  counts.failed = 1;
  duties.OnTime(counts);
  EXPECT_EQ(manager_.Texts(), beat);
  duties.OnTime(counts);
  EXPECT_TRUE(manager_.Texts().empty());
  EXPECT_EQ(duties.NextWake(), clock_.Now() + milliseconds(500));
  clock_.Advance(milliseconds(500));
  duties.OnTime(counts);
  EXPECT_EQ(manager_.Texts(), beat);
}

TEST_F(ServiceDutiesTest, WarnOfAnotherAgentAtTheStart) {
  ShowInTable(1);
  ServiceDuties duties = Make();
  Join(duties);
  EXPECT_EQ(log_.Count("event=service_trouble", "another agent",
                       "listeners=1 netlink_port=4711"),
            1)
      << log_.All();
}

TEST_F(ServiceDutiesTest, WarnOfOthersOnceAndInOneLine) {
  ServiceDuties duties = Make();
  Join(duties);
  EXPECT_EQ(log_.Count("another agent"), 0);
  ShowInTable(20);
  duties.OnTime({});
  EXPECT_EQ(log_.Count("another agent"), 0);  // not in every turn
  for (int i = 0; i < 2; ++i) {
    clock_.Advance(milliseconds(5000));
    duties.OnTime({});
  }
  EXPECT_EQ(log_.Count("another agent"), 1);
  EXPECT_EQ(log_.Count("listeners=20"), 1);
}

TEST_F(ServiceDutiesTest, ServeWithoutAManager) {
  for (const char* const variable :
       {"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS"}) {
    ::unsetenv(variable);
  }
  ServiceDuties duties = ServiceDuties::FromEnvironment(log_, clock_);
  EXPECT_FALSE(duties.TakeReadySocket().valid());
  EXPECT_EQ(duties.NextWake(), clock_.Now() + milliseconds(5000));
  Join(duties);
  duties.Serving();
  EXPECT_EQ(log_.Count("event=service_trouble"), 0);
  EXPECT_EQ(log_.Count("event=ready"), 1);
}

TEST_F(ServiceDutiesTest, ServeWithAManagerOutOfReach) {
  ::setenv("NOTIFY_SOCKET", "/no/such/socket", 1);
  ServiceDuties duties = ServiceDuties::FromEnvironment(log_, clock_);
  EXPECT_EQ(log_.Count("event=service_trouble", "service manager"), 1);
  duties.Serving();
  EXPECT_EQ(log_.Count("event=ready"), 1);
}

}  // namespace
}  // namespace ktlsd::agent
