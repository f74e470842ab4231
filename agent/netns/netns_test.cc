#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <new>
#include <string>
#include <vector>

#include "agent/netns/inside.h"
#include "agent/netns/netns_directory.h"
#include "agent/netns/testing/other_netns.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

std::string OwnLink() {
  std::string link(64, 0);
  const ssize_t size =
      ::readlink("/proc/thread-self/ns/net", link.data(), link.size());
  link.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return link;
}

TEST(NetnsDirectory, HasNoNamesWhereThereIsNoDirectory) {
  const NamesDirectory names;
  EXPECT_TRUE(NetnsDirectory(names.path()).Names().empty());
}

TEST(NetnsDirectory, ListsAndTellsNamespacesApart) {
  const NamesDirectory names;
  names.Make();
  names.Name("own", "/proc/self/ns/net");
  const NetnsDirectory directory(names.path());
  EXPECT_EQ(directory.Names(), std::vector<std::string>{"own"});
  const auto own = directory.Open("own");
  ASSERT_TRUE(own.ok());
  EXPECT_EQ(own->identity, NetnsDirectory::OpenOwn()->identity);

  const OtherNetns other;
  if (!other.valid()) {
    GTEST_SKIP() << "may not make a network namespace";
  }
  names.Name("blue", other.path());
  const auto blue = directory.Open("blue");
  ASSERT_TRUE(blue.ok());
  EXPECT_NE(blue->identity, own->identity);
  EXPECT_EQ(directory.Names(), (std::vector<std::string>{"blue", "own"}));
}

TEST(NetnsDirectory, RefusesWhatIsNoNetworkNamespace) {
  const NamesDirectory names;
  names.Make();
  std::ofstream(names.path() + "/file") << "";
  names.Name("other-kind", "/proc/self/ns/mnt");
  const NetnsDirectory directory(names.path());
  for (const char* name : {"file", "other-kind"}) {
    const auto opened = directory.Open(name);
    ASSERT_FALSE(opened.ok()) << name;
    EXPECT_EQ(opened.error().os_error, 0) << name;
  }
  const auto absent = directory.Open("absent");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().os_error, ENOENT);
}

TEST(RunInside, WorksThereAndStaysHere) {
  const OtherNetns other;
  if (!other.valid()) {
    GTEST_SKIP() << "may not make a network namespace";
  }
  const NamesDirectory names;
  names.Make();
  names.Name("blue", other.path());
  const auto blue = NetnsDirectory(names.path()).Open("blue");
  ASSERT_TRUE(blue.ok());
  const std::string home = OwnLink();
  std::string seen;
  const Status run = RunInside(blue->descriptor.borrow(), [&seen]() -> Status {
    seen = OwnLink();
    return Ok{};
  });
  if (!run.ok() && run.error().os_error == EPERM) {
    GTEST_SKIP() << "may not enter a network namespace";
  }
  ASSERT_TRUE(run.ok()) << run.error().what;
  EXPECT_FALSE(seen.empty());
  EXPECT_NE(seen, home);
  EXPECT_EQ(OwnLink(), home);
}

TEST(RunInside, HandsOnTheErrorOfTheWork) {
  const auto own = NetnsDirectory::OpenOwn();
  ASSERT_TRUE(own.ok());
  const Status run = RunInside(own->descriptor.borrow(), []() -> Status {
    return Error{Code::kNetlinkFailed, "said by the work"};
  });
  ASSERT_FALSE(run.ok());
  if (run.error().os_error == EPERM) {
    GTEST_SKIP() << "may not enter a network namespace";
  }
  EXPECT_EQ(run.error().what, "said by the work");
}

TEST(RunInside, OutlivesWorkThatFindsNoMemory) {
  const auto own = NetnsDirectory::OpenOwn();
  ASSERT_TRUE(own.ok());
  const Status run = RunInside(own->descriptor.borrow(),
                               []() -> Status { throw std::bad_alloc(); });
  ASSERT_FALSE(run.ok());
  if (run.error().os_error == EPERM) {
    GTEST_SKIP() << "may not enter a network namespace";
  }
  EXPECT_EQ(run.error().code, Code::kNoMemory);
}

TEST(RunInside, DoesNothingWhereItCannotEnter) {
  const OwnedFd no_namespace(::dup(STDOUT_FILENO));
  bool worked = false;
  const Status run = RunInside(no_namespace.borrow(), [&worked]() -> Status {
    worked = true;
    return Ok{};
  });
  EXPECT_FALSE(run.ok());
  EXPECT_FALSE(worked);
}

}  // namespace
}  // namespace ktlsd::agent
