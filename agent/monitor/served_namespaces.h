// The other network namespaces whose handshake requests are answered.
//
// Scope:     named namespaces that match a pattern of the configuration are
//            opened as they appear, and closed as they go or are not meant any
//            more: a socket that is open would keep them. One with handshakes
//            under way stays until these are answered.
// Layer:     agent/monitor.
// Threads:   one thread.
// Privilege: as agent/netns/inside.h.
// Design:    docs/design/network-namespaces.md
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/log/log_event.h"
#include "agent/monitor/monitor_loop.h"
#include "agent/netlink/ready_kernel.h"
#include "agent/netns/netns_directory.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// One that is served.
struct ServedNamespace {
  std::string name;
  NetnsIdentity identity;
  OwnedFd descriptor;  // so that its identity is not given to another one
  std::unique_ptr<ReadyKernel> kernel;
};

class ServedNamespaces {
 public:
  // More are not opened.
  static constexpr std::size_t kMost = 256;

  struct Calls {
    // Opens the upcall of the namespace.
    std::function<Result<std::unique_ptr<ReadyKernel>>(BorrowedFd netns)> open;
    // From now on it is served; requests may have waited there.
    std::function<void(const ServedNamespace&)> on_served;
    // A request may wait there.
    std::function<void(const ServedNamespace&)> on_ready;
    // It is not served any more.
    std::function<void(const ServedNamespace&)> on_dropped;
    // Whether a handshake of it is still under way.
    std::function<bool(const ServedNamespace&)> in_use;
  };

  // `loop` and `log` must outlive this. `own` is never served by name.
  ServedNamespaces(MonitorLoop& loop, LogSink& log, NetnsDirectory directory,
                   NetnsIdentity own, Calls calls);

  // From now on serves those whose name matches one of `patterns` (fnmatch(3),
  // '/' has no meaning). Closes those that none matches any more.
  void Set(std::vector<std::string> patterns);
  // Opens and closes what appeared and went since the last look. Not to be
  // called from an event's callback. Cheap when nothing changed.
  void OnTime();
  // Looks whether or not the directory told of a change.
  void Look();

  // The kernel refuses what is asked in them from now on. What was asked before
  // can still be taken and answered.
  void Leave();

  const std::list<ServedNamespace>& served() const { return served_; }

 private:
  using Entry = std::list<ServedNamespace>::iterator;

  void WatchDirectory();
  bool Matches(const std::string& name) const;
  void DropGone(const std::set<std::string>& names);
  bool StillThere(const ServedNamespace& served) const;
  void Open(const std::string& name);
  Status Serve(const std::string& name, OpenNetns netns);
  void Drop(Entry entry);
  void NoteTrouble(const std::string& name, const Error& error);
  void Log(const std::string& name, std::string_view state);

  MonitorLoop& loop_;
  LogSink& log_;
  const NetnsDirectory directory_;
  const NetnsIdentity own_;
  const Calls calls_;
  std::vector<std::string> patterns_;
  std::list<ServedNamespace> served_;
  std::map<const ServedNamespace*, MonitorLoop::WatchPtr> ready_watches_;
  std::list<ServedNamespace> leaving_;  // not served any more, but in use
  std::map<std::string, std::string> troubled_;  // name, what was logged
  MonitorLoop::WatchPtr directory_watch_;
  bool watches_parent_ = false;
  bool changed_ = false;
};

}  // namespace ktlsd::agent
