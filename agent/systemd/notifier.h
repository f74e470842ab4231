// What the service manager is told: the protocol of sd_notify(3).
//
// Scope:     one socket, connected early, for an abstract address is out of
//            reach once the monitor has left its network namespace. Without a
//            manager everything here does nothing.
// Layer:     agent/systemd.
// Threads:   one thread.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

class Notifier {
 public:
  Notifier() = default;  // nobody listens
  // `address` is a path, or begins with '@' for an abstract one.
  // Errors: kConfigUnusable it is neither; kSystemFailed with the errno
  static Result<Notifier> Connect(std::string_view address);
  // By $NOTIFY_SOCKET, which is removed: roles have nothing to say. One that
  // does nothing when there is no such variable.
  static Result<Notifier> FromEnvironment();

  bool connected() const { return socket_.valid(); }

  // `status` is a line for the administrator.
  void Ready(const std::string& status);
  void Status(const std::string& status);
  void Reloading(MonotonicTime now);
  void Stopping();
  // A sign of life. Never waits; one that finds no room is lost.
  void Beat(const std::string& status);
  // Gives the manager a duplicate of `descriptor`, for the next start; it keeps
  // it whatever becomes of it. What it has already it keeps once.
  void Keep(const std::string& name, BorrowedFd descriptor);
  // Takes back all that are called `name`.
  void Forget(const std::string& name);

 private:
  enum class Patience : uint8_t { kNone, kSome };
  Notifier(std::string address, OwnedFd socket);
  // Connects again when the manager has been replaced.
  void Send(std::string text, BorrowedFd descriptor = BorrowedFd(-1),
            Patience patience = Patience::kSome);

  std::string address_;
  OwnedFd socket_;
};

}  // namespace ktlsd::agent
