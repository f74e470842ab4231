#include "agent/sandbox/syscall_document.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace ktlsd::agent {
namespace {

TEST(SyscallDocument, IsWhatStandsInDocs) {
  std::ifstream file("docs/syscalls.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(page, SyscallDocument())
      << "write it anew: bazel run //agent/sandbox:syscalls > docs/syscalls.md";
}

}  // namespace
}  // namespace ktlsd::agent
