#include "agent/netns/netns_directory.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace ktlsd::agent {
namespace {

Result<OpenNetns> OpenPath(const std::string& path) {
  OpenNetns opened;
  // Not blocking: a name may be anything, a FIFO too.
  opened.descriptor =
      OwnedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts{};
  if (!opened.descriptor.valid() ||
      ::fstat(opened.descriptor.raw(), &facts) != 0) {
    return Error{Code::kSystemFailed, "cannot open a network namespace", errno};
  }
  if (::ioctl(opened.descriptor.raw(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    return Error{Code::kSystemFailed, "a name of no network namespace"};
  }
  opened.identity = {facts.st_dev, facts.st_ino};
  return opened;
}

}  // namespace

std::vector<std::string> NetnsDirectory::Names() const {
  std::vector<std::string> names;
  std::error_code ended;
  for (std::filesystem::directory_iterator entry(path_, ended), end;
       !ended && entry != end; entry.increment(ended)) {
    names.push_back(entry->path().filename());
  }
  std::ranges::sort(names);
  return names;
}

Result<OpenNetns> NetnsDirectory::Open(const std::string& name) const {
  return OpenPath(path_ + '/' + name);
}

Result<OpenNetns> NetnsDirectory::OpenOwn() {
  return OpenPath("/proc/self/ns/net");
}

}  // namespace ktlsd::agent
