#include "agent/log/log_sinks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace ktlsd::agent {
namespace {

// A pipe, of which `out` blocks when it is full.
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    in = OwnedFd(ends[0]);
    out = OwnedFd(ends[1]);
  }
  std::string Read() const {
    std::string bytes(1 << 17, 0);
    const ssize_t size = ::read(in.raw(), bytes.data(), bytes.size());
    return bytes.substr(0, size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  OwnedFd in;
  OwnedFd out;
};

LogEvent Make() { return {EventKind::kHandshakeDone, LogLevel::kInfo, {}}; }

TEST(LineSink, WritesALine) {
  const Pipe pipe;
  LineSink(pipe.out.borrow()).Write(Make().Add("job", 7));
  EXPECT_EQ(pipe.Read(), "event=handshake_done job=7\n");
}

TEST(LineSink, LosesLinesRatherThanWait) {
  ::alarm(30);  // a sink that waits ends the test
  const Pipe pipe;
  LineSink sink(pipe.out.borrow());
  for (int i = 0; i < 10'000; ++i) {
    sink.Write(Make().Add("job", i));
  }
  pipe.Read();
  sink.Write(Make().Add("job", 7));
  const std::string rest = pipe.Read();
  EXPECT_EQ(rest.substr(rest.size() - 27), "event=handshake_done job=7\n");
}

TEST(LineSink, CutsALineThatCouldNotBeWrittenAsOne) {
  const Pipe pipe;
  LogEvent event = Make();
  for (int i = 0; i < 20; ++i) {
    event.Add("subject", std::string(500, 'a'));
  }
  LineSink(pipe.out.borrow()).Write(event);
  const std::string line = pipe.Read();
  EXPECT_EQ(line.size(), 4096U);
  EXPECT_EQ(line.back(), '\n');
}

}  // namespace
}  // namespace ktlsd::agent
