// The links of a process that serves workers on the terms of the monitor: the
// keeper and the verifier.
//
// Scope:     receives, in the order that the protocol wants, and hands each
//            message to the role; drops a worker that sends what no honest one
//            sends, or does not read, and tells the monitor.
// Layer:     agent/service.
// Threads:   one, which runs the role as well.
// Design:    docs/design/process-model.md
//
// A Role has
//   using FromMonitor, FromWorker   sets of messages (agent/ipc/link.h)
//   using Notice, Answer            what it sends: a RoleOutput of these
//   void HandleMonitorMessage(const Received<FromMonitor>&)
//   Status HandleWorkerMessage(WorkerId, const Received<FromWorker>&)
//                                   an error, unless it is RoleOutput's, says
//                                   how the worker misbehaved
//   void DropWorker(WorkerId)
#pragma once

#include <poll.h>

#include <cerrno>
#include <cstddef>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "agent/service/role_output.h"
#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// More links than that are closed at once.
inline constexpr std::size_t kMaxServedWorkers = 256;

template <typename Role>
class Service final
    : public RoleOutput<typename Role::Notice, typename Role::Answer> {
 public:
  // The role is made from this service as its output, and `more`.
  template <typename... More>
  explicit Service(Link monitor, More&&... more)
      : monitor_(std::move(monitor)),
        role_(*this, std::forward<More>(more)...) {
    monitor_.TakeSeveral();
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Runs until the monitor's link closes (success), or fails.
  Status Run() {
    while (!closed_) {
      RETURN_IF_ERROR(Turn(-1));
    }
    return Ok{};
  }

  // Waits for messages, at most `timeout_ms` (-1: for ever), and handles them.
  Status Turn(int timeout_ms) {
    ASSIGN_OR_RETURN(const Ready ready, Wait(timeout_ms));
    if (ready.bell) {
      HushBell();
    }
    // The monitor sent the terms of a job before the job: whatever it sent
    // before these workers' messages is read first. One message from each:
    // their next one may rely on terms that are still to be read.
    if (ready.monitor) {
      RETURN_IF_ERROR(DrainMonitor());
    }
    for (const WorkerId worker : ready.workers) {
      ReceiveFrom(worker);
      RETURN_IF_ERROR(monitor_status_);
    }
    return Ok{};
  }

  bool closed() const { return closed_; }
  std::size_t worker_count() const { return workers_.size(); }

  using Role::Output::Notify;
  Status Notify(const typename Role::Notice& notice,
                ByteView payload) override {
    monitor_status_ = std::visit(
        [&](const auto& message) {
          return monitor_.SendWaiting(message, payload);
        },
        notice);
    return monitor_status_;
  }

  Status Reply(WorkerId worker, const typename Role::Answer& answer,
               ByteView payload) override {
    const auto link = workers_.find(worker);
    if (link == workers_.end()) {
      return Error{Code::kPeerClosed, "a link was closed"};
    }
    return std::visit(
        [&](const auto& message) {
          return link->second.Send(message, payload);
        },
        answer);
  }

 private:
  using ToRole = Received<typename Role::FromMonitor>;

  struct Ready {
    bool bell = false;
    bool monitor = false;
    std::vector<WorkerId> workers;
  };

  // The monitor's link comes behind the workers': the kernel looks at them in
  // this order, so one without a message had none when the workers' messages
  // were there. With a bell, what is on it waits for the bell or for a worker.
  Result<Ready> Wait(int timeout_ms) {
    std::vector<pollfd> polled;
    std::vector<WorkerId> workers;
    for (const auto& [worker, link] : workers_) {
      polled.push_back({link.socket().raw(), POLLIN, 0});
      workers.push_back(worker);
    }
    const short awaited = bell_ ? 0 : POLLIN;  // its end is told in any case
    polled.push_back({monitor_.socket().raw(), awaited, 0});
    polled.push_back({bell_ ? bell_->socket().raw() : -1, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), timeout_ms) < 0) {
      return errno == EINTR
                 ? Result<Ready>(Ready())
                 : Error{Code::kSystemFailed, "cannot wait for links", errno};
    }
    Ready ready;
    for (std::size_t i = 0; i < workers.size(); ++i) {
      if (polled[i].revents != 0) {
        ready.workers.push_back(workers[i]);
      }
    }
    ready.bell = polled.back().revents != 0;
    ready.monitor = polled[workers.size()].revents != 0 || ready.bell ||
                    (bell_ && !ready.workers.empty());
    return ready;
  }

  // Before the monitor's link is read: what comes after that rings again.
  void HushBell() {
    while (bell_) {
      const auto rung = bell_->template Receive<ToSleeper>();
      if (!rung.ok()) {
        bell_.reset();  // then each message of the link wakes again
      } else if (!rung->has_value()) {
        return;
      }
    }
  }

  Status DrainMonitor() {
    monitor_.AskAnew();
    for (;;) {
      auto received = monitor_.template Receive<typename Role::FromMonitor>(
          Descriptors::kTake);
      if (!received.ok() && received.error().code == Code::kPeerClosed) {
        closed_ = true;
        return Ok{};
      }
      if (!received.ok()) {
        return received.error();
      }
      std::optional<ToRole> message = std::move(received).value();
      if (!message) {
        return Ok{};
      }
      HandleFromMonitor(*message);
      RETURN_IF_ERROR(monitor_status_);
    }
  }

  void HandleFromMonitor(ToRole& received) {
    if (const auto* add = std::get_if<AddWorker>(&received.message)) {
      Add(add->worker, std::move(received.descriptors.front()));
    } else if (const auto* remove =
                   std::get_if<RemoveWorker>(&received.message)) {
      Drop(remove->worker);
    } else if (std::holds_alternative<TakeBell>(received.message)) {
      bell_.emplace(std::move(received.descriptors.front()));
    } else {
      role_.HandleMonitorMessage(received);
    }
    if (!received.payload.empty()) {
      monitor_.Wipe();  // it held a private key
    }
  }

  void Add(WorkerId worker, OwnedFd socket) {
    Drop(worker);
    if (workers_.size() < kMaxServedWorkers) {
      workers_.try_emplace(worker, Link(std::move(socket)));
    }
  }

  void Drop(WorkerId worker) {
    workers_.erase(worker);
    role_.DropWorker(worker);
  }

  void ReceiveFrom(WorkerId worker) {
    const auto link = workers_.find(worker);
    if (link == workers_.end()) {
      return;
    }
    const Status status = Serve(worker, link->second);
    if (!status.ok() && monitor_status_.ok()) {
      Refuse(worker, status.error());
    }
  }

  Status Serve(WorkerId worker, Link& link) {
    ASSIGN_OR_RETURN(const auto received,
                     link.template Receive<typename Role::FromWorker>());
    return received.has_value() ? role_.HandleWorkerMessage(worker, *received)
                                : Status(Ok{});
  }

  void Refuse(WorkerId worker, const Error& error) {
    Drop(worker);
    if (error.code == Code::kPeerClosed) {
      return;
    }
    Misbehaved report;
    report.worker = worker;
    report.what = decltype(report.what)::Of(error.what);
    // A failure stays in monitor_status_, which ends the turn.
    static_cast<void>(Notify(report));
  }

  Link monitor_;
  std::optional<Link> bell_;
  std::unordered_map<WorkerId, Link> workers_;
  bool closed_ = false;
  Status monitor_status_ = Ok{};
  Role role_;
};

}  // namespace ktlsd::agent
