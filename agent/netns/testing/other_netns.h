// A network namespace beside the test's own, and a directory of names.
//
// Layer:     agent/netns, tests only.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/owned_fd.h"

namespace ktlsd::agent {

// Held by a child process. Where none can be made, valid() is false.
class OtherNetns {
 public:
  OtherNetns() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
      return;
    }
    mine_ = OwnedFd(ends[0]);
    OwnedFd theirs(ends[1]);
    child_ = ::fork();
    if (child_ == 0) {
      mine_.Close();
      Hold(theirs.borrow());
    }
    theirs.Close();
    char made = 0;
    valid_ = ::read(mine_.raw(), &made, 1) == 1 && made == 'y';
  }
  OtherNetns(const OtherNetns&) = delete;
  OtherNetns& operator=(const OtherNetns&) = delete;
  ~OtherNetns() {
    mine_.Close();
    if (child_ > 0) {
      ::waitpid(child_, nullptr, 0);
    }
  }

  bool valid() const { return valid_; }
  std::string path() const {
    return "/proc/" + std::to_string(child_) + "/ns/net";
  }

 private:
  [[noreturn]] static void Hold(BorrowedFd link) {
    // An unprivileged test needs a user namespace to own it.
    const bool made = ::unshare(CLONE_NEWNET) == 0 ||
                      ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    char byte = made ? 'y' : 'n';
    // Then until the test lets go.
    const bool held =
        ::write(link.raw(), &byte, 1) == 1 && ::read(link.raw(), &byte, 1) == 0;
    ::_exit(held ? 0 : 1);
  }

  OwnedFd mine_;
  pid_t child_ = -1;
  bool valid_ = false;
};

// Names are links here, bind mounts in truth: both lead to the namespace.
class NamesDirectory {
 public:
  NamesDirectory() {
    std::string pattern = ::testing::TempDir() + "/netns.XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  NamesDirectory(const NamesDirectory&) = delete;
  NamesDirectory& operator=(const NamesDirectory&) = delete;
  ~NamesDirectory() { std::filesystem::remove_all(root_); }

  // Not there before Make().
  std::string path() const { return root_ + "/netns"; }
  void Make() const { std::filesystem::create_directory(path()); }
  void Name(const std::string& name, const std::string& target) const {
    std::filesystem::create_symlink(target, path() + "/" + name);
  }
  void Remove(const std::string& name) const {
    std::filesystem::remove(path() + "/" + name);
  }

 private:
  std::string root_;
};

}  // namespace ktlsd::agent
