#include "agent/log/log_event.h"

#include <gtest/gtest.h>

#include <set>

namespace ktlsd::agent {
namespace {

LogEvent Make() { return {EventKind::kHandshakeDone, LogLevel::kInfo, {}}; }

TEST(Logfmt, WritesFieldsInTheirOrder) {
  EXPECT_EQ(Logfmt(Make().Add("outcome", "ok").Add("job", 7)),
            "event=handshake_done outcome=ok job=7");
}

TEST(Logfmt, LeavesOutWhatHasNoValue) {
  EXPECT_EQ(Logfmt(Make().Add("subject", "")), "event=handshake_done");
}

TEST(Logfmt, QuotesWhatIsNotOneWord) {
  EXPECT_EQ(Logfmt(Make().Add("subject", "CN=a b")),
            "event=handshake_done subject=\"CN=a b\"");
}

TEST(Logfmt, CannotBeBrokenByAPeersText) {
  EXPECT_EQ(Logfmt(Make().Add("subject", "x\" outcome=ok\nevent=\\y\xff")),
            "event=handshake_done "
            "subject=\"x\\\" outcome=ok\\x0aevent=\\\\y\\xff\"");
}

TEST(Logfmt, CapsEachValue) {
  const std::string line =
      Logfmt(Make().Add("subject", std::string(10'000, 'a')));
  EXPECT_LT(line.size(), 600U);
}

TEST(EventId, DiffersForEachKind) {
  std::set<std::string_view> names;
  std::set<std::string_view> ids;
  const auto last = static_cast<int>(EventKind::kSessionEnded);
  for (int i = 0; i <= last; ++i) {
    names.insert(EventName(static_cast<EventKind>(i)));
    ids.insert(EventId(static_cast<EventKind>(i)));
    EXPECT_EQ(EventId(static_cast<EventKind>(i)).size(), 32U);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(last) + 1);
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(last) + 1);
}

}  // namespace
}  // namespace ktlsd::agent
