// What ktlsctl makes of the daemon's answers; these are the daemon's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "agent/control/control_answers.h"
#include "agent/control/json.h"
#include "agent/control/recording_sink.h"
#include "agent/control/status_report.h"
#include "agent/log/log_event.h"
#include "base/clock.h"
#include "base/error_codes.h"
#include "tools/ktlsctl/metrics_text.h"
#include "tools/ktlsctl/sessions_view.h"
#include "tools/ktlsctl/status_view.h"
#include "tools/ktlsctl/table.h"

namespace ktlsd::ktlsctl {
namespace {

using agent::EventKind;
using agent::Json;
using agent::LogEvent;
using ::testing::HasSubstr;
using ::testing::Not;

class NoLog final : public agent::LogSink {
 public:
  void Write(const LogEvent&) override {}
};

class ViewsTest : public ::testing::Test {
 protected:
  void Handshake(std::string_view outcome, std::string_view code,
                 std::string_view peer, std::string_view name) {
    LogEvent event{EventKind::kHandshakeDone, LogLevel::kInfo, {}};
    sink_.Write(event.Add("outcome", outcome)
                    .Add("code", code)
                    .Add("side", "client")
                    .Add("consumer", "nfs-client")
                    .Add("peer", peer)
                    .Add("name", name)
                    .Add("reason", code.empty() ? "" : "the exact words")
                    .Add("queue_us", 100)
                    .Add("total_us", 2500));
  }
  Json Sessions() const {
    return Json::parse(agent::SessionsJson(sink_.records(), {}))["sessions"];
  }
  Json Status() const {
    return Json::parse(agent::StatusJson(sink_.records(), report_));
  }
  std::string Metrics() const {
    return MetricsText(
        Json::parse(agent::MetricsJson(sink_.records(), report_)));
  }

  const SystemClock clock_;
  NoLog log_;
  agent::RecordingSink sink_{log_, clock_};
  agent::StatusReport report_;
};

TEST_F(ViewsTest, ATableIsAsWideAsItsCells) {
  Table table({"A", "BB", "C"});
  EXPECT_TRUE(table.empty());
  table.Add({"long cell", "", "end"});
  EXPECT_EQ(table.Text(),
            "A          BB  C\n"
            "long cell  -   end\n");
}

// What a peer sent must not command the terminal.
TEST_F(ViewsTest, ATerminalGetsPrintableBytesOnly) {
  Handshake("refused", "certificate_expired", "1.2.3.4:5", "a\x1b[2Jb\x80\n");
  EXPECT_THAT(SessionsText(Sessions()), HasSubstr("a\\x1b[2Jb"));
  for (const char c : SessionsText(Sessions())) {
    EXPECT_TRUE(c == '\n' || (c >= ' ' && c < 0x7f)) << int{c};
  }
}

TEST_F(ViewsTest, SessionsAreTold) {
  EXPECT_EQ(SessionsText(Sessions()), "no handshakes\n");
  Handshake("ok", "", "10.0.0.1:2049", "server");
  Handshake("failed", "peer_closed", "[::1]:2049", "");
  const std::string text = SessionsText(Sessions());
  EXPECT_THAT(text, HasSubstr("ok       client  nfs-client  10.0.0.1:2049  "
                              "server  2.5 ms  -\n"));
  EXPECT_THAT(text, HasSubstr("peer_closed: the exact words"));
  EXPECT_LT(text.find("server"), text.find("peer_closed"));
}

TEST_F(ViewsTest, SessionsAreSelected) {
  Handshake("ok", "", "10.0.0.1:2049", "one");
  Handshake("failed", "peer_closed", "10.0.0.11:2049", "two");
  Handshake("refused", "certificate_expired", "[fe80::1]:2049", "two");
  const Json all = Sessions();
  EXPECT_EQ(Select(all, {}), all);
  EXPECT_EQ(Select(all, {true, "", 0}).size(), 2U);
  EXPECT_EQ(Select(all, {false, "10.0.0.1", 0}), Json::array({all[0]}));
  EXPECT_EQ(Select(all, {false, "10.0.0.11:2049", 0}), Json::array({all[1]}));
  EXPECT_EQ(Select(all, {false, "fe80::1", 0}), Json::array({all[2]}));
  EXPECT_EQ(Select(all, {false, "two", 0}).size(), 2U);
  EXPECT_EQ(Select(all, {true, "one", 0}).size(), 0U);
  EXPECT_EQ(Select(all, {false, "", 1}), Json::array({all[2]}));
}

TEST_F(ViewsTest, TheStatusIsTold) {
  LogEvent started{EventKind::kStarted, LogLevel::kNotice, {}};
  sink_.Write(started.Add("tls", "yes").Add("record_size_limit", "no"));
  report_.uptime = std::chrono::hours(50);
  report_.queued = 7;
  report_.suites = {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"};
  report_.processes = {{"keeper", "", 10, 0, 0, std::chrono::seconds(119)},
                       {"verifier", "", 11, 0, 0, std::chrono::minutes(119)},
                       {"worker", "psk", 12, 4, 9, std::chrono::minutes(121)},
                       {"worker", "psk", 0, 0, 0, {}}};
  const std::string text = StatusText(Status());
  EXPECT_THAT(text, HasSubstr("up 2 d 2 h\n"));
  EXPECT_THAT(text, HasSubstr("7 queued, 0 in flight"));
  EXPECT_THAT(text, HasSubstr("tls yes, record_size_limit no\n"));
  EXPECT_THAT(text, HasSubstr("TLS_AES_256_GCM_SHA384, TLS_AES_128_GCM"));
  EXPECT_THAT(text,
              HasSubstr("keeper    -     10           -     -      119 s"));
  EXPECT_THAT(text, HasSubstr("119 min\n"));
  EXPECT_THAT(text, HasSubstr("12           4     9      2 h 1 min\n"));
  EXPECT_THAT(text, HasSubstr("not running"));
  EXPECT_THAT(text, Not(HasSubstr("TROUBLE")));
  EXPECT_TRUE(IsWell(Status()));
}

TEST_F(ViewsTest, TheStatusSaysWhatIsWrong) {
  report_.settings = {{"authenticate.client", "client", "trust",
                       agent::StatusReport::State::kUnusable, "/ca.pem",
                       "No such file or directory"}};
  LogEvent trouble{EventKind::kConfigProblem, LogLevel::kError, {}};
  sink_.Write(trouble.Add("file", "/ca.pem").Add("os_error", 2));
  const std::string text = StatusText(Status());
  EXPECT_THAT(
      text,
      HasSubstr(
          "authenticate.client  client  trust  unusable  /ca.pem  No such"));
  EXPECT_THAT(text, HasSubstr("config_problem  file=/ca.pem os_error=2\n"));
  EXPECT_FALSE(IsWell(Status()));
  report_.settings.front().state = agent::StatusReport::State::kAbsent;
  EXPECT_TRUE(IsWell(Status()));
  report_.processes = {{"verifier", "", 0, 0, 0, {}}};
  EXPECT_FALSE(IsWell(Status()));
}

TEST_F(ViewsTest, MetricsAreInPrometheusText) {
  Handshake("ok", "", "10.0.0.1:2049", "one");
  Handshake("failed", "peer_closed", "10.0.0.1:2049", "one");
  Handshake("failed", "peer_closed", "10.0.0.1:2049", "one");
  report_.running = 5;
  const std::string text = Metrics();
  EXPECT_THAT(text, HasSubstr("# TYPE ktlsd_handshakes_total counter\n"));
  EXPECT_THAT(
      text,
      HasSubstr("ktlsd_handshakes_total{consumer=\"nfs-client\",side="
                "\"client\",outcome=\"failed\",code=\"peer_closed\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("ktlsd_handshakes_total{consumer=\"nfs-client\",side="
                        "\"client\",outcome=\"ok\",code=\"none\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("ktlsd_handshakes_in_flight 5\n"));
  EXPECT_THAT(
      text, HasSubstr("ktlsd_handshake_duration_seconds_bucket{phase=\"total\""
                      ",le=\"0.001\"} 0\n"));
  EXPECT_THAT(
      text, HasSubstr("ktlsd_handshake_duration_seconds_bucket{phase=\"total\""
                      ",le=\"0.0025\"} 3\n"));
  EXPECT_THAT(
      text, HasSubstr("ktlsd_handshake_duration_seconds_bucket{phase=\"total\""
                      ",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("ktlsd_handshake_duration_seconds_count{phase="
                              "\"queue\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("ktlsd_build_info{version=\""));
  EXPECT_THAT(text, Not(HasSubstr("10.0.0.1")));
}

TEST_F(ViewsTest, AFileIsReplacedAsAWhole) {
  std::string directory = ::testing::TempDir() + "/metricsXXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/ktlsd.prom";
  EXPECT_EQ(ReplaceFile(path, "old and long\n"), "");
  EXPECT_EQ(ReplaceFile(path, "new\n"), "");
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "new\n");
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644U);
  // A place that cannot be written leaves nothing behind.
  std::filesystem::create_directory(directory + "/taken");
  EXPECT_THAT(ReplaceFile(directory + "/taken", "x"),
              HasSubstr("cannot write " + directory + "/taken: "));
  EXPECT_THAT(ReplaceFile(directory + "/none/file", "x"),
              HasSubstr("No such file or directory"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}),
            2);
}

}  // namespace
}  // namespace ktlsd::ktlsctl
