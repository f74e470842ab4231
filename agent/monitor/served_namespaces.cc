#include "agent/monitor/served_namespaces.h"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "agent/netlink/ready_socket.h"

namespace ktlsd::agent {

ServedNamespaces::ServedNamespaces(MonitorLoop& loop, LogSink& log,
                                   NetnsDirectory directory, NetnsIdentity own,
                                   Calls calls)
    : loop_(loop),
      log_(log),
      directory_(std::move(directory)),
      own_(own),
      calls_(std::move(calls)) {}

void ServedNamespaces::Set(std::vector<std::string> patterns) {
  patterns_ = std::move(patterns);
  troubled_.clear();
  directory_watch_.reset();
  Look();
}

void ServedNamespaces::OnTime() {
  std::erase_if(leaving_, [this](const ServedNamespace& one) {
    return !calls_.in_use(one);
  });
  if (std::exchange(changed_, false)) {
    Look();
  }
}

void ServedNamespaces::Leave() {
  for (const ServedNamespace& one : served_) {
    LeaveGroups(one.kernel->ready_socket());
  }
}

void ServedNamespaces::Look() {
  if (patterns_.empty() && served_.empty()) {
    return;
  }
  // Watched before it is read: no change in between goes unseen.
  WatchDirectory();
  std::set<std::string> names;
  for (std::string& name : directory_.Names()) {
    if (Matches(name)) {
      names.insert(std::move(name));
    }
  }
  DropGone(names);
  std::erase_if(troubled_, [&names](const auto& trouble) {
    return !names.contains(trouble.first);
  });
  for (const std::string& name : names) {
    const bool known = std::ranges::any_of(
        served_, [&name](const auto& one) { return one.name == name; });
    if (!known) {
      Open(name);
    }
  }
}

// The directory appears with the first namespace; until then its parent is what
// can be watched.
void ServedNamespaces::WatchDirectory() {
  if (directory_watch_ != nullptr && !watches_parent_) {
    return;
  }
  const auto on_change = [this] { changed_ = true; };
  auto watch = loop_.OnDirectoryChange(directory_.path(), on_change);
  watches_parent_ = !watch.ok();
  if (watches_parent_ && directory_watch_ == nullptr) {
    watch = loop_.OnDirectoryChange(
        std::filesystem::path(directory_.path()).parent_path(), on_change);
  }
  if (watch.ok()) {
    directory_watch_ = std::move(watch).value();
  }
}

bool ServedNamespaces::Matches(const std::string& name) const {
  return std::ranges::any_of(patterns_, [&name](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

bool ServedNamespaces::StillThere(const ServedNamespace& served) const {
  const Result<OpenNetns> now = directory_.Open(served.name);
  return now.ok() && now->identity == served.identity;
}

void ServedNamespaces::DropGone(const std::set<std::string>& names) {
  for (auto entry = served_.begin(); entry != served_.end();) {
    const auto next = std::next(entry);
    if (!names.contains(entry->name) || !StillThere(*entry)) {
      Drop(entry);
    }
    entry = next;
  }
}

void ServedNamespaces::Drop(Entry entry) {
  ready_watches_.erase(&*entry);
  calls_.on_dropped(*entry);
  Log(entry->name, "not served any more");
  leaving_.splice(leaving_.end(), served_, entry);
  if (!calls_.in_use(leaving_.back())) {
    leaving_.pop_back();
  }
}

void ServedNamespaces::Open(const std::string& name) {
  if (served_.size() >= kMost) {
    return NoteTrouble(name, {Code::kTooBusy, "too many network namespaces"});
  }
  Result<OpenNetns> netns = directory_.Open(name);
  if (!netns.ok()) {
    // `ip netns add` makes the file first: without an errno it is just coming.
    if (netns.error().os_error != 0) {
      NoteTrouble(name, netns.error());
    }
    return;
  }
  if (netns->identity == own_) {
    return NoteTrouble(name, {Code::kConfigUnusable,
                              "it is the daemon's own, which is served by the "
                              "general settings"});
  }
  const auto same =
      std::ranges::find(served_, netns->identity, &ServedNamespace::identity);
  if (same != served_.end()) {
    return NoteTrouble(name, {Code::kConfigUnusable,
                              "it is served already, under another name"});
  }
  const Status served = Serve(name, std::move(netns).value());
  if (!served.ok()) {
    NoteTrouble(name, served.error());
  }
}

Status ServedNamespaces::Serve(const std::string& name, OpenNetns netns) {
  ASSIGN_OR_RETURN(auto kernel, calls_.open(netns.descriptor.borrow()));
  served_.push_back(
      {name, netns.identity, std::move(netns.descriptor), std::move(kernel)});
  ServedNamespace& one = served_.back();
  auto watch = loop_.OnReadable(
      one.kernel->ready_socket(), [this, &one] { calls_.on_ready(one); },
      MonitorLoop::Urgency::kFirst);
  if (!watch.ok()) {
    served_.pop_back();
    return watch.error();
  }
  ready_watches_[&one] = std::move(watch).value();
  troubled_.erase(name);
  Log(name, "served");
  calls_.on_served(one);
  return Ok{};
}

void ServedNamespaces::NoteTrouble(const std::string& name,
                                   const Error& error) {
  std::string& noted = troubled_[name];
  if (noted == error.what) {
    return;  // tried again now and then; said once
  }
  noted = error.what;
  LogEvent event{EventKind::kKernelTrouble, LogLevel::kError, {}};
  event.Add("netns", name).Add("reason", error.what);
  if (error.os_error != 0) {
    event.Add("os_error", error.os_error);
  }
  log_.Write(event.Add("consequence", "its requests are not served"));
}

void ServedNamespaces::Log(const std::string& name, std::string_view state) {
  LogEvent event{EventKind::kNamespaceChanged, LogLevel::kInfo, {}};
  log_.Write(event.Add("netns", name).Add("state", state));
}

}  // namespace ktlsd::agent
