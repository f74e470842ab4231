#include "agent/control/control_answers.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <string_view>
#include <utility>

#include "agent/control/json.h"
#include "agent/version.h"

namespace ktlsd::agent {
namespace {

// RFC 3339, in UTC.
std::string Text(CalendarTime time) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(
      time.time_since_epoch());
  const auto seconds = static_cast<std::time_t>(since.count() / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                     utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, since.count() % 1000);
}

bool IsNumber(std::string_view name) {
  constexpr std::array<std::string_view, 7> kNumbers = {
      "job", "key", "status", "hello_retry", "os_error", "pid", "overruns"};
  return name.ends_with("_us") ||
         std::ranges::find(kNumbers, name) != kNumbers.end();
}

Json Value(std::string_view name, const std::string& text) {
  int64_t number = 0;
  if (IsNumber(name) &&
      std::from_chars(text.data(), text.data() + text.size(), number).ec ==
          std::errc()) {
    return number;
  }
  return text;
}

void AddFields(Json& object, const LogEvent& event) {
  for (const auto& [name, value] : event.fields) {
    object[std::string(name)] = Value(name, value);
  }
}

std::string_view StateName(StatusReport::State state) {
  switch (state) {
    case StatusReport::State::kAbsent:
      return "absent";
    case StatusReport::State::kLoading:
      return "loading";
    case StatusReport::State::kLoaded:
      return "loaded";
    case StatusReport::State::kUnusable:
      return "unusable";
  }
  return "unknown";
}

Json Processes(const StatusReport& report) {
  Json list = Json::array();
  for (const StatusReport::Process& process : report.processes) {
    Json one{{"role", process.role}};
    if (!process.pool.empty()) {
      one["pool"] = process.pool;
    }
    one["pid"] = process.pid;
    one["age_s"] = process.age.count();
    if (!process.pool.empty()) {
      one["jobs"] = process.jobs;
      one["jobs_taken"] = process.jobs_taken;
    }
    list.push_back(std::move(one));
  }
  return list;
}

Json Settings(const StatusReport& report) {
  Json list = Json::array();
  for (const StatusReport::Setting& setting : report.settings) {
    Json one{{"group", setting.group},
             {"side", setting.side},
             {"setting", setting.name},
             {"state", StateName(setting.state)}};
    if (!setting.file.empty()) {
      one["file"] = setting.file;
    }
    if (!setting.reason.empty()) {
      one["reason"] = setting.reason;
    }
    list.push_back(std::move(one));
  }
  return list;
}

Json Live(const StatusReport& report) {
  Json list = Json::array();
  for (const StatusReport::Live& live : report.live) {
    Json one{{"since", Text(live.since)}, {"side", live.side},
             {"peer", live.peer},         {"settings", live.settings},
             {"subject", live.subject},   {"state", live.state}};
    if (!live.name.empty()) {
      one["name"] = live.name;
    }
    if (!live.netns.empty()) {
      one["netns"] = live.netns;
    }
    if (live.due.has_value()) {
      one["due"] = Text(*live.due);
    }
    list.push_back(std::move(one));
  }
  return list;
}

Json Kernel(const Records& records) {
  utsname name{};
  ::uname(&name);
  Json kernel{{"release", std::string(name.release)}};
  if (records.started.has_value()) {
    AddFields(kernel, *records.started);
    kernel.erase("pid");
  }
  return kernel;
}

Json Troubles(const Records& records) {
  Json list = Json::array();
  for (const RecordedEvent& trouble : records.troubles.newest_last()) {
    Json one{{"time", Text(trouble.at)},
             {"event", EventName(trouble.event.kind)}};
    AddFields(one, trouble.event);
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace

std::string StatusJson(const Records& records, const StatusReport& report) {
  return Dump(Json{{"version", kVersion},
                   {"pid", ::getpid()},
                   {"uptime_s", report.uptime.count()},
                   {"requests",
                    {{"queued", report.queued},
                     {"running", report.running},
                     {"waiting_answers", report.waiting_answers},
                     {"capacity", report.capacity}}},
                   {"answered",
                    {{"succeeded", report.succeeded},
                     {"failed", report.failed},
                     {"refused_by_kernel", report.refused_by_kernel}}},
                   {"processes", Processes(report)},
                   {"settings", Settings(report)},
                   {"kernel", Kernel(records)},
                   {"suites", report.suites},
                   {"troubles", Troubles(records)}});
}

std::string SessionsJson(const Records& records, const StatusReport& report) {
  Json list = Json::array();
  for (const RecordedEvent& handshake : records.handshakes.newest_last()) {
    Json one{{"time", Text(handshake.at)}};
    AddFields(one, handshake.event);
    list.push_back(std::move(one));
  }
  return Dump(Json{{"sessions", std::move(list)}, {"live", Live(report)}});
}

std::string AnswerControl(ControlQuestion question, const Records& records,
                          const StatusReport& report) {
  switch (question) {
    case ControlQuestion::kStatus:
      return StatusJson(records, report);
    case ControlQuestion::kSessions:
      return SessionsJson(records, report);
    case ControlQuestion::kMetrics:
      return MetricsJson(records, report);
  }
  return "";
}

}  // namespace ktlsd::agent
