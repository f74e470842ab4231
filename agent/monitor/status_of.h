// How the monitor's parts are, for an operator.
//
// Layer:     agent/monitor.
#pragma once

#include "agent/control/status_report.h"
#include "agent/monitor/job_desk.h"
#include "agent/monitor/resources.h"
#include "agent/monitor/roster.h"
#include "agent/monitor/supervisor.h"
#include "base/clock.h"

namespace ktlsd::agent {

// Everything but the uptime and the suites.
StatusReport StatusOf(const JobDesk& desk, const Supervisor& supervisor,
                      Roster& roster, const Resources& resources,
                      const Clock& clock);

}  // namespace ktlsd::agent
