// The counters and the state of the moment, by the names that monitoring knows.
#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "agent/control/control_answers.h"
#include "agent/control/json.h"
#include "agent/version.h"

namespace ktlsd::agent {
namespace {

template <typename Value>
Json Sample(Json labels, Value value) {
  return {{"labels", std::move(labels)}, {"value", value}};
}

// Without labels.
template <typename Value>
Json Only(Value value) {
  return Json::array({Sample(Json::object(), value)});
}

void Add(Json& families, std::string_view name, std::string_view type,
         std::string_view help, Json samples) {
  families.push_back({{"name", name},
                      {"help", help},
                      {"type", type},
                      {"samples", std::move(samples)}});
}

Json Handshakes(const Counters& counters) {
  Json samples = Json::array();
  for (const auto& [labels, count] : counters.handshakes()) {
    samples.push_back(Sample({{"consumer", labels[0]},
                              {"side", labels[1]},
                              {"outcome", labels[2]},
                              {"code", labels[3]}},
                             count));
  }
  return samples;
}

Json Durations(const Counters& counters) {
  Json samples = Json::array();
  for (std::size_t phase = 0; phase < Counters::kPhaseNames.size(); ++phase) {
    const DurationHistogram& histogram = counters.durations()[phase];
    Json buckets = Json::array();
    for (std::size_t i = 0; i < DurationHistogram::kBounds.size(); ++i) {
      buckets.push_back(Json::array(
          {DurationHistogram::kBounds[i], histogram.cumulative(i)}));
    }
    samples.push_back({{"labels", {{"phase", Counters::kPhaseNames[phase]}}},
                       {"count", histogram.count()},
                       {"sum", histogram.sum()},
                       {"buckets", std::move(buckets)}});
  }
  return samples;
}

Json ProcessEvents(const Counters& counters) {
  Json samples = Json::array();
  for (const auto& [labels, count] : counters.processes()) {
    samples.push_back(
        Sample({{"role", labels[0]}, {"event", labels[1]}}, count));
  }
  return samples;
}

// Running processes by role and pool.
Json Processes(const StatusReport& report) {
  std::map<std::pair<std::string_view, std::string_view>, int> counts;
  for (const StatusReport::Process& process : report.processes) {
    counts[{process.role, process.pool}] += process.pid != 0 ? 1 : 0;
  }
  Json samples = Json::array();
  for (const auto& [key, count] : counts) {
    samples.push_back(
        Sample({{"role", key.first}, {"pool", key.second}}, count));
  }
  return samples;
}

Json Settings(const StatusReport& report) {
  Json samples = Json::array();
  for (const StatusReport::Setting& setting : report.settings) {
    if (setting.state != StatusReport::State::kAbsent) {
      samples.push_back(
          Sample({{"side", setting.side}, {"setting", setting.name}},
                 setting.state == StatusReport::State::kLoaded ? 1 : 0));
    }
  }
  return samples;
}

void AddCounters(Json& families, const Counters& counters,
                 const StatusReport& report) {
  constexpr std::string_view kCounter = "counter";
  Add(families, "ktlsd_handshakes_total", kCounter,
      "Handshakes that ended, as in the log's lines.", Handshakes(counters));
  Add(families, "ktlsd_handshake_duration_seconds", "histogram",
      "How long the phases of handshakes took.", Durations(counters));
  Add(families, "ktlsd_process_events_total", kCounter,
      "Processes that ended, misbehaved or were replaced.",
      ProcessEvents(counters));
  Add(families, "ktlsd_answers_refused_total", kCounter,
      "Answers that the kernel did not take.", Only(report.refused_by_kernel));
  Add(families, "ktlsd_netlink_overruns_total", kCounter,
      "Overruns of the netlink socket.", Only(counters.netlink_overruns()));
  Add(families, "ktlsd_kernel_troubles_total", kCounter,
      "Log lines about trouble with the kernel.",
      Only(counters.kernel_troubles()));
  Add(families, "ktlsd_config_problems_total", kCounter,
      "Log lines about problems of the configuration.",
      Only(counters.config_problems()));
}

void AddState(Json& families, const StatusReport& report) {
  constexpr std::string_view kGauge = "gauge";
  Add(families, "ktlsd_requests_queued", kGauge,
      "Requests that wait for a worker.", Only(report.queued));
  Add(families, "ktlsd_handshakes_in_flight", kGauge,
      "Handshakes that a worker has.", Only(report.running));
  Add(families, "ktlsd_answers_waiting", kGauge,
      "Handshakes that failed and are answered a little later.",
      Only(report.waiting_answers));
  Add(families, "ktlsd_requests_capacity", kGauge,
      "How many requests are taken at once.", Only(report.capacity));
  Add(families, "ktlsd_processes", kGauge, "Processes that run.",
      Processes(report));
  Add(families, "ktlsd_setting_usable", kGauge,
      "Whether what is configured is loaded.", Settings(report));
  Add(families, "ktlsd_uptime_seconds", kGauge, "Since the daemon's start.",
      Only(report.uptime.count()));
  Add(families, "ktlsd_build_info", kGauge, "The version, as a label.",
      Json::array({Sample({{"version", kVersion}}, 1)}));
}

}  // namespace

std::string MetricsJson(const Records& records, const StatusReport& report) {
  Json families = Json::array();
  AddCounters(families, records.counters, report);
  AddState(families, report);
  return Dump(Json{{"families", std::move(families)}});
}

}  // namespace ktlsd::agent
