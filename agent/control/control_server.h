// Serves the control socket from the monitor's loop.
//
// Scope:     a few clients at a time, one question each, each with a time
//            limit. Never blocks: what a client does not take at once waits for
//            it, bounded by the answer's size.
// Layer:     agent/control.
// Threads:   one thread.
// Privilege: tells root only.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "agent/control/control_socket.h"
#include "agent/control/protocol.h"
#include "agent/monitor/monitor_loop.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

class ControlServer {
 public:
  static constexpr std::size_t kMaxClients = 8;
  static constexpr std::chrono::milliseconds kTimePerClient{5000};
  // Nobody is taken for so long when there was no descriptor for one.
  static constexpr std::chrono::milliseconds kPause{1000};
  // May throw: the client is told that there is no answer.
  using Answer = std::function<std::string(ControlQuestion)>;
  // Whether the process at the other end may ask.
  using Admits = std::function<bool(BorrowedFd)>;

  // Loop and clock must outlive this.
  ControlServer(MonitorLoop& loop, const Clock& clock, Answer answer,
                Admits admits = IsRoots)
      : loop_(loop),
        clock_(clock),
        answer_(std::move(answer)),
        admits_(std::move(admits)) {}
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Errors: as ControlSocket::Listen.
  Status Open(const std::string& path);

  // Drops clients that are done or too slow. To be called after each event and
  // at NextWake; not from an event's callback.
  void OnTime();
  std::optional<MonotonicTime> NextWake() const;
  std::size_t clients() const;

 private:
  struct Client {
    OwnedFd socket;
    MonotonicTime deadline;
    std::string question;
    std::string answer;
    std::size_t sent = 0;
    bool done = false;
    MonitorLoop::WatchPtr readable;
    MonitorLoop::WatchPtr writable;
  };

  Status Watch();
  void AcceptAll();
  void Admit(OwnedFd socket);
  // Handles what `step` throws: the client goes.
  template <typename Step>
  void Guard(Client& client, Step step);
  void Read(Client& client);
  void Ask(Client& client);
  void Reply(Client& client, const ControlReply& reply);
  void Send(Client& client);
  static void End(Client& client);

  MonitorLoop& loop_;
  const Clock& clock_;
  Answer answer_;
  Admits admits_;
  std::unique_ptr<ControlSocket> socket_;  // once it is open
  std::list<Client> clients_;
  MonitorLoop::WatchPtr incoming_;
  std::optional<MonotonicTime> paused_until_;
};

}  // namespace ktlsd::agent
