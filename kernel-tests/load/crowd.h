// Many clients, so many at once, and what became of them.
//
// Scope:     keeps `at_once` sessions going until `clients` have been begun,
//            in one epoll loop; each has a time limit.
// Layer:     kernel-tests.
// Threads:   one thread; blocks until all have ended.
#pragma once

#include <ktlsd.h>
#include <netinet/in.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/owned_fd.h"
#include "kernel-tests/load/session.h"

namespace ktlsd::load {

struct CrowdOptions {
  std::size_t clients = 1;
  std::size_t at_once = 1;
  std::chrono::milliseconds patience{15000};  // with one session
};

struct CrowdResult {
  std::size_t sessions = 0;  // that ended with the reply over TLS
  std::chrono::microseconds wall{0};
  std::vector<std::chrono::microseconds> times;  // of those, from connect on
  std::map<std::string, std::size_t, std::less<>> failures;
};

class Crowd {
 public:
  // `config` must outlive this. `after_each` is called with the number of
  // clients that have ended.
  Crowd(const ktlsd_config* config, const sockaddr_in& server,
        const CrowdOptions& options,
        std::function<void(std::size_t)> after_each);

  CrowdResult Run();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Client {
    std::unique_ptr<Session> session;
    Time began;
  };

  void Begin(std::size_t seat);
  void Advance(std::size_t seat);
  void End(std::size_t seat, std::string_view failure);
  void EndOverdue();
  int UntilOverdue() const;

  const ktlsd_config* config_;
  sockaddr_in server_;
  CrowdOptions options_;
  std::function<void(std::size_t)> after_each_;
  OwnedFd epoll_;
  std::vector<Client> seats_;
  std::size_t begun_ = 0;
  std::size_t ended_ = 0;
  CrowdResult result_;
};

}  // namespace ktlsd::load
