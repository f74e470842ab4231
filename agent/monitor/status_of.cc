#include "agent/monitor/status_of.h"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "agent/config/config.h"
#include "agent/ipc/wire_types.h"
#include "agent/monitor/settings.h"
#include "agent/sandbox/process_role.h"

namespace ktlsd::agent {
namespace {

std::string_view PoolName(Pool pool) {
  switch (pool) {
    case Pool::kServer:
      return "server";
    case Pool::kClient:
      return "client";
    case Pool::kPsk:
      return "psk";
  }
  return "unknown";
}

StatusReport::Process Describe(const Supervisor::Process& process,
                               Roster& roster, MonotonicTime now) {
  StatusReport::Process described;
  described.role = RoleName(process.role);
  described.pid = process.pid;
  if (process.pid != 0) {
    described.age =
        std::chrono::duration_cast<std::chrono::seconds>(now - process.started);
  }
  if (process.role != ProcessRole::kWorker) {
    return described;
  }
  described.pool = PoolName(process.pool);
  if (const Roster::Worker* worker = roster.Find(process.worker)) {
    described.jobs = worker->running.size();
    described.jobs_taken = worker->taken;
  }
  return described;
}

StatusReport::Setting Describe(const Profile& profile, std::string name,
                               const Slot& slot) {
  StatusReport::Setting setting{profile.name,
                                std::string(SideName(profile.side)),
                                std::move(name),
                                {},
                                "",
                                ""};
  if (std::holds_alternative<Absent>(slot)) {
    setting.state = StatusReport::State::kAbsent;
  } else if (const auto* loading = std::get_if<Loading>(&slot)) {
    setting.state = StatusReport::State::kLoading;
    setting.file = loading->file;
  } else if (const auto* problem = std::get_if<Problem>(&slot)) {
    setting.state = StatusReport::State::kUnusable;
    setting.file = problem->file;
    setting.reason = problem->reason;
  } else {
    setting.state = StatusReport::State::kLoaded;
  }
  return setting;
}

}  // namespace

StatusReport StatusOf(const JobDesk& desk, const Supervisor& supervisor,
                      Roster& roster, const Resources& resources,
                      const Clock& clock) {
  StatusReport report;
  report.queued = desk.queued();
  report.running = desk.running();
  report.waiting_answers = desk.waiting_answers();
  report.capacity = desk.capacity();
  report.succeeded = desk.counts().succeeded;
  report.failed = desk.counts().failed;
  report.refused_by_kernel = desk.counts().refused_by_kernel;
  const MonotonicTime now = clock.Now();
  for (const Supervisor::Process& process : supervisor.Processes()) {
    report.processes.push_back(Describe(process, roster, now));
  }
  for (const Profile& profile : resources.profiles()) {
    report.settings.push_back(
        Describe(profile, "trust", profile.settings.trust));
    report.settings.push_back(
        Describe(profile, "credential", profile.settings.credential));
    if (!std::holds_alternative<Absent>(profile.settings.pq_credential)) {
      report.settings.push_back(
          Describe(profile, "pq_credential", profile.settings.pq_credential));
    }
  }
  return report;
}

}  // namespace ktlsd::agent
