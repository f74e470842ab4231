// The answers of the control socket, as JSON.
//
// Scope:     output only: nothing of this reads JSON. Bytes of peers are put in
//            as text; what is not UTF-8 in them becomes U+FFFD, what is not
//            ASCII is escaped.
// Layer:     agent/control; nlohmann-json.
// Threads:   pure functions.
#pragma once

#include <string>

#include "agent/control/protocol.h"
#include "agent/control/recording_sink.h"
#include "agent/control/status_report.h"

namespace ktlsd::agent {

std::string AnswerControl(ControlQuestion question, const Records& records,
                          const StatusReport& report);

// {"version": ..., "requests": {...}, "processes": [...], "settings": [...],
//  "kernel": {...}, "troubles": [...], ...}
std::string StatusJson(const Records& records, const StatusReport& report);

// {"sessions": [...]}: the fields of the log's lines and "time", newest last;
// {"live": [...]}: the sessions that are watched, oldest first.
std::string SessionsJson(const Records& records, const StatusReport& report);

// {"families": [{"name", "help", "type", "samples": [{"labels", ...}]}]}, after
// the data model of Prometheus. A histogram's buckets are cumulative.
std::string MetricsJson(const Records& records, const StatusReport& report);

}  // namespace ktlsd::agent
