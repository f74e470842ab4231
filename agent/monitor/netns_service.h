// Serving the network namespaces that the configuration names.
//
// Scope:     opens the upcall of each within it, and has the desk take its
//            requests.
// Layer:     agent/monitor.
// Threads:   one thread, but for the moment in which a namespace is opened.
// Design:    docs/design/network-namespaces.md
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/log/log_event.h"
#include "agent/monitor/job_desk.h"
#include "agent/monitor/monitor_loop.h"
#include "agent/monitor/served_namespaces.h"
#include "agent/netns/netns_directory.h"

namespace ktlsd::agent {

class NetnsService {
 public:
  // `loop` and `log` must outlive this; this must outlive `desk`, whose answers
  // go through what is opened here. `own`: of the daemon; without it nothing
  // can be entered, as CAP_SYS_ADMIN was given up.
  NetnsService(MonitorLoop& loop, LogSink& log, JobDesk& desk,
               std::optional<NetnsIdentity> own);

  void Use(const std::vector<NetnsConfig>& groups);
  // The groups that can be served.
  const std::vector<std::string>& groups() const { return groups_; }
  // See ServedNamespaces.
  void OnTime() { served_.OnTime(); }
  void Look() { served_.Look(); }
  void Leave() { served_.Leave(); }

 private:
  ServedNamespaces::Calls MakeCalls(JobDesk& desk);
  void NoteOverruns(const ServedNamespace& served, unsigned overruns);

  LogSink& log_;
  const bool may_enter_;
  std::vector<std::string> groups_;
  ServedNamespaces served_;
};

}  // namespace ktlsd::agent
