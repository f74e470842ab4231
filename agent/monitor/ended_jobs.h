// Jobs that ended and of which a keeper or a verifier is still to be told.
//
// Scope:     one that is told at once wakes for nothing else. So it is told
//            with the terms of the next jobs, and in messages of their own only
//            when there are none.
// Layer:     agent/monitor.
// Threads:   one thread; never blocks.
#pragma once

#include <algorithm>
#include <deque>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"

namespace ktlsd::agent {

class EndedJobs {
 public:
  // What cannot wait with the others goes out over `service`.
  void Add(JobId job, Link& service) {
    jobs_.push_back(job);
    if (jobs_.size() > kMaxEndedJobs) {
      TellFirst(service);
    }
  }
  // The oldest, for the next terms.
  EndedJobIds Take() {
    EndedJobIds taken{};
    const auto count =
        static_cast<std::ptrdiff_t>(std::min(jobs_.size(), taken.size()));
    std::copy_n(jobs_.begin(), count, taken.begin());
    jobs_.erase(jobs_.begin(), jobs_.begin() + count);
    return taken;
  }
  void TellAll(Link& service) {
    while (!jobs_.empty()) {
      TellFirst(service);
    }
  }
  // Who is gone need not be told.
  void Clear() { jobs_.clear(); }
  bool empty() const { return jobs_.empty(); }

 private:
  void TellFirst(Link& service) {
    EndJob end;
    end.job = jobs_.front();
    jobs_.pop_front();
    static_cast<void>(service.Send(end));
  }

  std::deque<JobId> jobs_;
};

}  // namespace ktlsd::agent
