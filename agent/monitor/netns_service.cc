#include "agent/monitor/netns_service.h"

#include <memory>
#include <string>
#include <utility>

#include "agent/netlink/netlink_kernel.h"
#include "agent/netns/inside.h"

namespace ktlsd::agent {
namespace {

Result<std::unique_ptr<ReadyKernel>> OpenInside(BorrowedFd netns) {
  std::unique_ptr<ReadyKernel> opened;
  RETURN_IF_ERROR(RunInside(netns, [&opened]() -> Status {
    ASSIGN_OR_RETURN(NetlinkKernel kernel, NetlinkKernel::Open());
    opened = std::make_unique<NetlinkKernel>(std::move(kernel));
    return Ok{};
  }));
  return opened;
}

}  // namespace

NetnsService::NetnsService(MonitorLoop& loop, LogSink& log, JobDesk& desk,
                           std::optional<NetnsIdentity> own)
    : log_(log),
      may_enter_(own.has_value()),
      served_(loop, log, NetnsDirectory(), own.value_or(NetnsIdentity()),
              MakeCalls(desk)) {}

ServedNamespaces::Calls NetnsService::MakeCalls(JobDesk& desk) {
  return {
      OpenInside,
      [&desk](const ServedNamespace& one) {
        desk.AddKernel(*one.kernel, one.name);
        desk.TakeRequests(JobDesk::Age::kOld, *one.kernel);
      },
      [this, &desk](const ServedNamespace& one) {
        NoteOverruns(one, one.kernel->DrainReady());
        desk.TakeRequests(JobDesk::Age::kFresh, *one.kernel);
      },
      [&desk](const ServedNamespace& one) { desk.RemoveKernel(*one.kernel); },
      [&desk](const ServedNamespace& one) { return desk.HasOf(*one.kernel); }};
}

void NetnsService::Use(const std::vector<NetnsConfig>& groups) {
  groups_.clear();
  std::vector<std::string> patterns;
  for (const NetnsConfig& group : groups) {
    groups_.push_back(group.name);
    patterns.insert(patterns.end(), group.match.begin(), group.match.end());
  }
  if (!groups_.empty() && !may_enter_) {
    LogEvent event{EventKind::kConfigProblem, LogLevel::kError, {}};
    log_.Write(event
                   .Add("reason",
                        "the first [netns.*] group takes a restart: the "
                        "right to enter network namespaces was given up")
                   .Add("consequence", "no other network namespace is served"));
    groups_.clear();
    patterns.clear();
  }
  served_.Set(std::move(patterns));
}

void NetnsService::NoteOverruns(const ServedNamespace& served,
                                unsigned overruns) {
  if (overruns > 0) {
    LogEvent event{EventKind::kKernelTrouble, LogLevel::kWarning, {}};
    log_.Write(event.Add("netns", served.name)
                   .Add("reason", "READY messages were lost, ignoring")
                   .Add("overruns", overruns));
  }
}

}  // namespace ktlsd::agent
