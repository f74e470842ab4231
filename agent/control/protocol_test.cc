#include "agent/control/protocol.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace ktlsd::agent {
namespace {

TEST(ControlProtocol, KnowsItsWordsOnly) {
  EXPECT_EQ(ParseControlQuestion("status"), ControlQuestion::kStatus);
  EXPECT_EQ(ParseControlQuestion("sessions"), ControlQuestion::kSessions);
  EXPECT_EQ(ParseControlQuestion("metrics"), ControlQuestion::kMetrics);
  for (const char* const wrong :
       {"", "statu", "status ", " status", "statusx", "STATUS", "status\n"}) {
    EXPECT_EQ(ParseControlQuestion(wrong), std::nullopt) << wrong;
  }
}

TEST(ControlProtocol, ReadsWhatItWrites) {
  const std::string good = FormatControlReply({true, "two\nlines\n"});
  EXPECT_EQ(good, "ok 10\ntwo\nlines\n");
  EXPECT_TRUE(ParseControlReply(good)->ok);
  EXPECT_EQ(ParseControlReply(good)->body, "two\nlines\n");
  const std::string bad = FormatControlReply({false, "no"});
  EXPECT_FALSE(ParseControlReply(bad)->ok);
  EXPECT_EQ(ParseControlReply(bad)->body, "no");
}

TEST(ControlProtocol, RefusesHalfAnAnswer) {
  for (const char* const wrong :
       {"", "ok", "ok ", "ok 3", "ok 3\nab", "ok 3\nabcd", "ok x\nabc",
        "ok 99999999999999999999999\na", "maybe 1\na", "ok -1\na"}) {
    EXPECT_EQ(ParseControlReply(wrong), std::nullopt) << wrong;
  }
}

TEST(ControlProtocol, FindsItsPlaceInTheEnvironment) {
  ::unsetenv("KTLSD_CONTROL");
  ::unsetenv("RUNTIME_DIRECTORY");
  EXPECT_EQ(ControlPath(), "/run/ktlsd/control");
  ::setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
  EXPECT_EQ(ControlPath(), "/run/one/control");
  ::setenv("KTLSD_CONTROL", "/elsewhere", 1);
  EXPECT_EQ(ControlPath(), "/elsewhere");
}

}  // namespace
}  // namespace ktlsd::agent
