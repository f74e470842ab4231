// Counters, rings and the answers made of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/control/control_answers.h"
#include "agent/control/counters.h"
#include "agent/control/event_ring.h"
#include "agent/control/json.h"
#include "agent/control/recording_sink.h"
#include "agent/control/status_report.h"
#include "agent/log/log_event.h"
#include "base/clock.h"
#include "base/error_codes.h"

namespace ktlsd::agent {
namespace {

using Labels = Counters::Handshake;

class NoonClock final : public Clock {
 public:
  MonotonicTime Now() const override { return {}; }
  CalendarTime Today() const override {
    return CalendarTime(std::chrono::milliseconds(1'764'504'000'123));
  }
};

class CountingLog final : public LogSink {
 public:
  void Write(const LogEvent&) override { ++lines; }
  int lines = 0;
};

LogEvent Handshake(std::string_view consumer, std::string_view side,
                   std::string_view outcome, std::string_view code) {
  LogEvent event{EventKind::kHandshakeDone, LogLevel::kInfo, {}};
  event.Add("outcome", outcome)
      .Add("code", code)
      .Add("side", side)
      .Add("consumer", consumer)
      .Add("status", code.empty() ? 0 : 13)
      .Add("queue_us", 400)
      .Add("tls_us", 3000)
      .Add("total_us", 40'000'000);
  return event;
}

LogEvent Event(EventKind kind, LogLevel level) { return {kind, level, {}}; }

class RecordsTest : public ::testing::Test {
 protected:
  const Records& records() const { return sink_.records(); }
  Json Sessions() const {
    return Json::parse(SessionsJson(records(), {}))["sessions"];
  }
  // The samples of one family.
  Json Samples(std::string_view name) const {
    const Json metrics = Json::parse(MetricsJson(records(), report_));
    for (const Json& family : metrics["families"]) {
      if (family["name"] == name) {
        return family["samples"];
      }
    }
    ADD_FAILURE() << "no family " << name;
    return {};
  }

  const NoonClock clock_;
  CountingLog log_;
  RecordingSink sink_{log_, clock_};
  StatusReport report_;
};

TEST_F(RecordsTest, CountsEachHandshakeOnce) {
  sink_.Write(Handshake("nfs-client", "client", "ok", ""));
  sink_.Write(Handshake("nfsd", "server", "refused", "certificate_expired"));
  sink_.Write(Handshake("nfsd", "server", "refused", "certificate_expired"));
  sink_.Write(Handshake("nvme-host", "client", "failed", "peer_closed"));
  const auto& counts = records().counters.handshakes();
  EXPECT_EQ(counts.at(Labels{"nfs-client", "client", "ok", "none"}), 1U);
  EXPECT_EQ(
      counts.at(Labels{"nfsd", "server", "refused", "certificate_expired"}),
      2U);
  EXPECT_EQ(counts.at(Labels{"nvme-host", "client", "failed", "peer_closed"}),
            1U);
  uint64_t sum = 0;
  for (const auto& [labels, count] : counts) {
    sum += count;
  }
  EXPECT_EQ(sum, 4U);
  // One sample for each phase that a handshake had, and no other.
  EXPECT_EQ(records().counters.durations()[0].count(), 4U);
  EXPECT_EQ(records().counters.durations()[2].count(), 0U);
  EXPECT_EQ(records().handshakes.newest_last().size(), 4U);
  EXPECT_EQ(log_.lines, 4);
}

TEST_F(RecordsTest, BeginsWithAZeroForEachConsumer) {
  EXPECT_EQ(Samples("ktlsd_handshakes_total").size(), 4U);
  for (const Json& sample : Samples("ktlsd_handshakes_total")) {
    EXPECT_EQ(sample["value"], 0);
    EXPECT_EQ(sample["labels"]["outcome"], "ok");
  }
}

// A label that a peer could choose would be a counter for each of its ideas.
TEST_F(RecordsTest, HasNoLabelThatIsNotInATable) {
  sink_.Write(Handshake("evil\"", "neither", "perhaps", "made_up"));
  LogEvent ended = Event(EventKind::kProcessEnded, LogLevel::kError);
  sink_.Write(ended.Add("role", "intruder"));
  EXPECT_EQ(records().counters.handshakes().at(
                Labels{"other", "other", "other", "other"}),
            1U);
  EXPECT_EQ(records().counters.processes().at({"other", "ended"}), 1U);
}

TEST_F(RecordsTest, SortsDurationsIntoBuckets) {
  DurationHistogram histogram;
  histogram.Add(0.0005);  // a bound belongs to its bucket
  histogram.Add(0.0006);
  histogram.Add(31);
  EXPECT_EQ(histogram.cumulative(0), 1U);
  EXPECT_EQ(histogram.cumulative(1), 2U);
  EXPECT_EQ(histogram.cumulative(DurationHistogram::kBounds.size() - 1), 2U);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_DOUBLE_EQ(histogram.sum(), 31.0011);
}

TEST_F(RecordsTest, CountsWhatIsNoHandshake) {
  LogEvent lost = Event(EventKind::kKernelTrouble, LogLevel::kWarning);
  sink_.Write(lost.Add("overruns", 3));
  sink_.Write(Event(EventKind::kKernelTrouble, LogLevel::kError));
  sink_.Write(Event(EventKind::kConfigProblem, LogLevel::kError));
  for (const EventKind kind :
       {EventKind::kProcessEnded, EventKind::kProcessMisbehaved,
        EventKind::kProcessReplaced}) {
    LogEvent event = Event(kind, LogLevel::kError);
    sink_.Write(event.Add("role", "worker"));
  }
  LogEvent token = Event(EventKind::kProcessEnded, LogLevel::kError);
  sink_.Write(token.Add("role", "keeper-token"));
  EXPECT_EQ(Samples("ktlsd_netlink_overruns_total")[0]["value"], 3);
  EXPECT_EQ(Samples("ktlsd_kernel_troubles_total")[0]["value"], 2);
  EXPECT_EQ(Samples("ktlsd_config_problems_total")[0]["value"], 1);
  const Json processes = Samples("ktlsd_process_events_total");
  ASSERT_EQ(processes.size(), 4U);
  EXPECT_TRUE(std::ranges::any_of(processes, [](const Json& sample) {
    return sample["labels"]["role"] == "keeper-token";
  })) << processes;
  EXPECT_TRUE(records().handshakes.newest_last().empty());
}

TEST_F(RecordsTest, ForgetsTheOldestFirst) {
  for (std::size_t i = 0; i < Records::kHandshakes + 5; ++i) {
    LogEvent event = Handshake("nfsd", "server", "ok", "");
    sink_.Write(event.Add("job", static_cast<int64_t>(i)));
  }
  const Json sessions = Sessions();
  ASSERT_EQ(sessions.size(), Records::kHandshakes);
  EXPECT_EQ(sessions.front()["job"], 5);
  EXPECT_EQ(sessions.back()["job"], Records::kHandshakes + 4);
}

TEST_F(RecordsTest, BoundsWhatItKeepsOfAnEvent) {
  EventRing ring(2);
  LogEvent event = Event(EventKind::kHandshakeDone, LogLevel::kInfo);
  event.Add("reason", std::string(100'000, 'x'));
  for (int i = 0; i < 100; ++i) {
    event.Add("more", i);
  }
  ring.Add({}, event);
  const LogEvent& kept = ring.newest_last().front().event;
  EXPECT_EQ(kept.fields.size(), EventRing::kMaxFields);
  EXPECT_EQ(kept.fields.front().second.size(), EventRing::kMaxValue);
}

TEST_F(RecordsTest, TellsASessionAsTheLogDoes) {
  LogEvent event = Handshake("nfsd", "server", "failed", "peer_reset");
  sink_.Write(event.Add("subject", "CN=\xff\x1b[2J\"").Add("identity", "123"));
  const std::string text = SessionsJson(records(), {});
  for (const char c : text) {
    EXPECT_TRUE(c == '\n' || (c >= ' ' && c < 0x7f)) << int{c};
  }
  const Json session = Sessions()[0];
  EXPECT_EQ(session["time"], "2025-11-30T12:00:00.123Z");
  EXPECT_EQ(session["code"], "peer_reset");
  EXPECT_EQ(session["status"], 13);
  EXPECT_EQ(session["total_us"], 40'000'000);
  EXPECT_EQ(session["subject"], "CN=\xef\xbf\xbd\x1b[2J\"");
  EXPECT_EQ(session["identity"], "123");  // text, whatever it looks like
}

TEST_F(RecordsTest, TellsTheStatus) {
  LogEvent started = Event(EventKind::kStarted, LogLevel::kNotice);
  sink_.Write(started.Add("pid", 1).Add("tls", "yes").Add("suites", "A,B"));
  LogEvent other = Event(EventKind::kStarted, LogLevel::kInfo);
  sink_.Write(other.Add("role", "worker").Add("event_loop", "epoll"));
  LogEvent trouble = Event(EventKind::kConfigProblem, LogLevel::kWarning);
  sink_.Write(trouble.Add("reason", "no such keyring, ignoring"));
  sink_.Write(Event(EventKind::kConfigLoaded, LogLevel::kInfo));
  report_.queued = 2;
  report_.running = 3;
  report_.processes = {{"keeper", "", 10, 0, 0, std::chrono::seconds(7)},
                       {"worker", "psk", 11, 4, 9, std::chrono::seconds(8)}};
  report_.settings = {{"g", "client", "trust", StatusReport::State::kUnusable,
                       "/ca.pem", "No such file or directory"}};
  const Json status =
      Json::parse(AnswerControl(ControlQuestion::kStatus, records(), report_));
  EXPECT_EQ(status["requests"]["queued"], 2);
  EXPECT_EQ(status["requests"]["running"], 3);
  EXPECT_EQ(status["kernel"]["tls"], "yes");
  EXPECT_EQ(status["processes"][1]["pool"], "psk");
  EXPECT_EQ(status["processes"][1]["jobs"], 4);
  EXPECT_FALSE(status["processes"][0].contains("jobs"));
  EXPECT_EQ(status["settings"][0]["state"], "unusable");
  EXPECT_EQ(status["settings"][0]["reason"], "No such file or directory");
  ASSERT_EQ(status["troubles"].size(), 1U);
  EXPECT_EQ(status["troubles"][0]["event"], "config_problem");
}

TEST_F(RecordsTest, MeasuresTheMoment) {
  report_.queued = 2;
  report_.running = 3;
  report_.waiting_answers = 4;
  report_.refused_by_kernel = 5;
  report_.processes = {{"worker", "psk", 11, 0, 0, {}},
                       {"worker", "psk", 12, 0, 0, {}},
                       {"worker", "psk", 0, 0, 0, {}}};
  report_.settings = {
      {"g", "client", "trust", StatusReport::State::kLoaded, "", ""},
      {"peer.x", "server", "trust", StatusReport::State::kUnusable, "", ""},
      {"peer.x", "server", "credential", StatusReport::State::kAbsent, "", ""}};
  EXPECT_EQ(Samples("ktlsd_requests_queued")[0]["value"], 2);
  EXPECT_EQ(Samples("ktlsd_handshakes_in_flight")[0]["value"], 3);
  EXPECT_EQ(Samples("ktlsd_answers_waiting")[0]["value"], 4);
  EXPECT_EQ(Samples("ktlsd_answers_refused_total")[0]["value"], 5);
  ASSERT_EQ(Samples("ktlsd_processes").size(), 1U);
  EXPECT_EQ(Samples("ktlsd_processes")[0]["value"], 2);
  const Json settings = Samples("ktlsd_setting_usable");
  ASSERT_EQ(settings.size(), 2U);
  EXPECT_EQ(settings[0]["value"], 1);
  EXPECT_EQ(settings[1]["value"], 0);
  EXPECT_EQ(settings[1]["labels"]["group"], "peer.x");
}

TEST(LiveSessions, AreListedWithWhatIsKnown) {
  StatusReport report;
  report.live = {{CalendarTime(), "server", "192.0.2.1:700", "", "", "peer.a",
                  "CN=a", "accepted", CalendarTime()},
                 {CalendarTime(), "client", "192.0.2.2:2049", "nas", "blue",
                  "peer.b", "CN=\xff", "to be checked", std::nullopt}};
  const Json live = Json::parse(SessionsJson(Records(), report))["live"];
  ASSERT_EQ(live.size(), 2U);
  EXPECT_EQ(live[0]["peer"], "192.0.2.1:700");
  EXPECT_EQ(live[0]["state"], "accepted");
  EXPECT_TRUE(live[0].contains("due"));
  EXPECT_FALSE(live[0].contains("netns"));
  EXPECT_EQ(live[1]["netns"], "blue");
  EXPECT_EQ(live[1]["name"], "nas");
  EXPECT_FALSE(live[1].contains("due"));
}

}  // namespace
}  // namespace ktlsd::agent
