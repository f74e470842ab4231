// With the group of the controller, which every kernel has and anybody may
// join.
#include "agent/netlink/ready_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <thread>
#include <utility>

#include "agent/netlink/listeners.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

constexpr uint32_t kGroup = 0x10;
constexpr uint32_t kOtherGroup = 0x11;

OwnedFd Netlink(int protocol) {
  return OwnedFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
}

ReadySocket Take(OwnedFd kept, uint32_t group = kGroup) {
  Result<ReadySocket> taken = TakeReadySocket(std::move(kept), group);
  EXPECT_TRUE(taken.ok());
  return taken.ok() ? std::move(taken).value() : ReadySocket();
}

TEST(ReadySocket, IsNewWithoutAKeptOne) {
  const ReadySocket ready = Take(OwnedFd());
  EXPECT_EQ(ready.origin, ReadySocket::Origin::kNew);
  EXPECT_TRUE(IsReadySocket(ready.fd.borrow(), kGroup));
  EXPECT_EQ(::fcntl(ready.fd.raw(), F_GETFD), FD_CLOEXEC);
}

TEST(ReadySocket, GoesOnWithTheKeptOne) {
  ReadySocket first = Take(OwnedFd());
  const int number = first.fd.raw();
  const ReadySocket again = Take(std::move(first.fd));
  EXPECT_EQ(again.origin, ReadySocket::Origin::kKept);
  EXPECT_EQ(again.fd.raw(), number);
}

void ExpectReplaced(OwnedFd kept) {
  ASSERT_TRUE(kept.valid());
  const int number = ::fcntl(kept.raw(), F_DUPFD_CLOEXEC, 0);
  const OwnedFd copy(number);
  const ReadySocket ready = Take(std::move(kept));
  EXPECT_EQ(ready.origin, ReadySocket::Origin::kReplaced);
  EXPECT_TRUE(IsReadySocket(ready.fd.borrow(), kGroup));
  EXPECT_FALSE(IsReadySocket(copy.borrow(), kGroup));
}

TEST(ReadySocket, ReplacesWhatIsSomethingElse) {
  ExpectReplaced(OwnedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  ExpectReplaced(OwnedFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  ExpectReplaced(Netlink(NETLINK_GENERIC));  // of no group
  ExpectReplaced(Take(OwnedFd(), kOtherGroup).fd);
}

TEST(ReadySocket, LeavesItsGroupsForWhoeverHasIt) {
  const ReadySocket ready = Take(OwnedFd());
  const OwnedFd kept(::fcntl(ready.fd.raw(), F_DUPFD_CLOEXEC, 0));
  ASSERT_EQ(::setsockopt(ready.fd.raw(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
                         &kOtherGroup, sizeof(kOtherGroup)),
            0);
  LeaveGroups(ready.fd.borrow());
  EXPECT_FALSE(IsReadySocket(kept.borrow(), kGroup));
  EXPECT_FALSE(IsReadySocket(kept.borrow(), kOtherGroup));
  LeaveGroups(OwnedFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)).borrow());
}

// Every family counts its groups from 1.
TEST(ReadySocket, ReplacesAMemberOfAnotherFamilysGroup) {
  OwnedFd route = Netlink(NETLINK_ROUTE);
  ASSERT_EQ(::setsockopt(route.raw(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
                         &kGroup, sizeof(kGroup)),
            0);
  ExpectReplaced(std::move(route));
}

// Of another namespace it would never become readable.
TEST(ReadySocket, ReplacesOneOfAnotherNetworkNamespace) {
  OwnedFd foreign;
  std::thread([&foreign] {
    if (::unshare(CLONE_NEWNET) == 0) {
      foreign = Take(OwnedFd()).fd;
    }
  }).join();
  if (!foreign.valid()) {
    GTEST_SKIP() << "may not make a network namespace";
  }
  ExpectReplaced(std::move(foreign));
}

TEST(ReadySocket, RefusesAGroupThatIsNone) {
  EXPECT_FALSE(TakeReadySocket(OwnedFd(), 0).ok());
  EXPECT_FALSE(IsReadySocket(Take(OwnedFd()).fd.borrow(), 0));
  EXPECT_FALSE(IsReadySocket(Take(OwnedFd()).fd.borrow(), UINT32_MAX));
}

// --- Other listeners ---

constexpr char kTable[] =
    "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks"
    "    Drops    Inode\n"
    "0000000000000000 0   4711       00008000 0        0        0     2"
    "        0        10      \n"
    "0000000000000000 16  4711       00008000 0        0        0     2"
    "        0        11      \n"
    "0000000000000000 16  4294963107 0000c000 0        0        0     2"
    "        0        12      \n"
    "0000000000000000 16  4713       00004000 0        0        0     2"
    "        0        13      \n"
    "0000000000000000 16  4714       0000zzzz 0        0        0     2"
    "        0        14      \n"
    "0000000000000000 16  4715       00008000\n";

TEST(Listeners, AreMembersOfTheGroupOfGenericNetlink) {
  const std::vector<Listener> wanted = {{11, 4711}, {12, 4294963107}};
  EXPECT_EQ(ListenersIn(kTable, kGroup), wanted);
  EXPECT_TRUE(ListenersIn("", kGroup).empty());
  EXPECT_TRUE(ListenersIn(kTable, 0).empty());
  EXPECT_TRUE(ListenersIn(kTable, 33).empty());
}

TEST(Listeners, AreBounded) {
  std::string table;
  for (int i = 0; i < 1000; ++i) {
    table += "0 16 1 ffffffff 0 0 0 2 0 " + std::to_string(i) + '\n';
  }
  EXPECT_EQ(ListenersIn(table, kGroup).size(), 64U);
}

class ListenersTest : public ::testing::Test {
 protected:
  ListenersTest() : own_(Take(OwnedFd()).fd) {
    std::string path = ::testing::TempDir() + "/tableXXXXXX";
    table_ = OwnedFd(::mkstemp(path.data()));
    path_ = path;
  }
  void Show(const std::string& table) {
    ASSERT_EQ(::ftruncate(table_.raw(), 0), 0);
    ASSERT_EQ(::pwrite(table_.raw(), table.data(), table.size(), 0),
              static_cast<ssize_t>(table.size()));
  }
  static std::string Line(ino_t inode) {
    return "0 16 1 00008000 0 0 0 2 0 " + std::to_string(inode) + '\n';
  }
  Listeners Make() {
    return {OwnedFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)), own_.borrow(),
            kGroup};
  }

  OwnedFd own_;
  OwnedFd table_;
  std::string path_;
};

TEST_F(ListenersTest, AreNewOnce) {
  Listeners listeners = Make();
  EXPECT_TRUE(listeners.Newcomers().empty());
  Show(Line(1));
  EXPECT_EQ(listeners.Newcomers(), (std::vector<Listener>{{1, 1}}));
  EXPECT_TRUE(listeners.Newcomers().empty());
  Show(Line(1) + Line(2));
  EXPECT_EQ(listeners.Newcomers(), (std::vector<Listener>{{2, 1}}));
  Show("");
  EXPECT_TRUE(listeners.Newcomers().empty());
  Show(Line(1));  // it is back
  EXPECT_EQ(listeners.Newcomers(), (std::vector<Listener>{{1, 1}}));
}

TEST_F(ListenersTest, AreOfTheKernelsTableWithoutThisProcess) {
  Listeners listeners = Listeners::Here(own_.borrow(), kGroup);
  listeners.Newcomers();  // what else this machine runs
  const ReadySocket other = Take(OwnedFd());
  EXPECT_EQ(listeners.Newcomers().size(), 1U);
  // This one itself is in the table, too.
  Listeners of_other = Listeners::Here(other.fd.borrow(), kGroup);
  const std::size_t others = of_other.Newcomers().size();
  EXPECT_EQ(Listeners::Here(BorrowedFd(-1), kGroup).Newcomers().size(),
            others + 1);
}

TEST_F(ListenersTest, AreNobodyWithoutATable) {
  Listeners listeners;
  EXPECT_TRUE(listeners.Newcomers().empty());
}

}  // namespace
}  // namespace ktlsd::agent
