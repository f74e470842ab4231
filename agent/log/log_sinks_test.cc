#include "agent/log/log_sinks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <memory>
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

TEST(LineSink, WritesToAFileAsWell) {
  const std::string path = ::testing::TempDir() + "/log";
  const OwnedFd file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  LineSink sink(file.borrow());
  sink.Write(Make().Add("job", 7));
  sink.Write(Make().Add("job", 8));
  std::string written(100, 0);
  const ssize_t size = ::pread(file.raw(), written.data(), written.size(), 0);
  ASSERT_GT(size, 0);
  EXPECT_EQ(written.substr(0, static_cast<std::size_t>(size)),
            "event=handshake_done job=7\nevent=handshake_done job=8\n");
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

// The journal's end, which reads when it is told to.
struct Journal {
  Journal() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof(name.sun_path) - 1);
    ::unlink(path.c_str());
    EXPECT_EQ(::bind(socket.raw(), reinterpret_cast<const sockaddr*>(&name),
                     sizeof(name)),
              0);
  }
  ~Journal() { ::unlink(path.c_str()); }
  // The next datagram; "" when there is none.
  std::string Read() const {
    std::string bytes(1 << 17, 0);
    const ssize_t size =
        ::recv(socket.raw(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return bytes.substr(0, size > 0 ? static_cast<std::size_t>(size) : 0);
  }
  // Short: a test's own folder does not fit an address.
  std::string path = "/tmp/ktlsd-journal-" + std::to_string(::getpid());
  OwnedFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST(JournalSink, WritesAFieldForEachValue) {
  const Journal journal;
  JournalSink(journal.path).Write(Make().Add("name", "a\nB=1"));
  EXPECT_EQ(journal.Read(),
            "MESSAGE=event=handshake_done name=\"a\\x0aB=1\"\n"
            "MESSAGE_ID=3d1f3b5c0f5a4bb0a3c7e21f6d8a9b05\n"
            "PRIORITY=6\n"
            "SYSLOG_IDENTIFIER=ktlsd\n"
            "KTLSD_NAME=a\\x0aB=1\n");
}

TEST(JournalSink, LosesLinesRatherThanWaitAndSaysHowMany) {
  ::alarm(30);  // a sink that waits ends the test
  const Journal journal;
  JournalSink sink(journal.path);
  for (int i = 0; i < 10'000; ++i) {
    sink.Write(Make().Add("job", i));
  }
  int taken = 0;
  while (!journal.Read().empty()) {
    ++taken;
  }
  EXPECT_GT(taken, 0);
  sink.Write(Make().Add("job", 7));
  EXPECT_TRUE(
      journal.Read().starts_with("MESSAGE=event=handshake_done job=7 "
                                 "lost=" +
                                 std::to_string(10'000 - taken)));
  sink.Write(Make().Add("job", 8));
  EXPECT_TRUE(
      journal.Read().starts_with("MESSAGE=event=handshake_done job=8\n"));
}

TEST(JournalSink, FindsAJournalThatTookTheOthersPlace) {
  auto journal = std::make_unique<Journal>();
  JournalSink sink(journal->path);
  sink.Write(Make());
  journal.reset();
  sink.Write(Make());
  journal = std::make_unique<Journal>();
  sink.Write(Make());
  EXPECT_NE(journal->Read().find("KTLSD_LOST=1\n"), std::string::npos);
}

TEST(JournalSink, CutsWhatNoDatagramWouldHold) {
  const Journal journal;
  LogEvent event = Make();
  for (int i = 0; i < 30; ++i) {
    event.Add("subject", std::string(100'000, '\n'));
  }
  JournalSink(journal.path).Write(event);
  EXPECT_FALSE(journal.Read().empty());
}

}  // namespace
}  // namespace ktlsd::agent
