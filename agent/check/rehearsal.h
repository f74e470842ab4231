// The daemon's way from a configuration to what would be done with a request,
// without a kernel and without other processes.
//
// Scope:     the monitor's own Resources, a keeper and a verifier over their
//            links, in this process; what they say of a file is what the
//            daemon would say.
// Layer:     agent/check.
// Threads:   one thread.
// Privilege: opens private keys' files; the keys are in this process.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/keeper/keeper.h"
#include "agent/keeper/token_keys.h"
#include "agent/log/log_event.h"
#include "agent/monitor/plan.h"
#include "agent/monitor/resources.h"
#include "agent/monitor/settings.h"
#include "agent/netlink/request.h"
#include "agent/service/service.h"
#include "agent/verifier/verifier.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/session_keys.h"

namespace ktlsd::agent {

class Rehearsal {
 public:
  // Loads all that `config` names, and the session tags of `tags_directory`;
  // private keys' files may be of `key_owner`, beside root. `clock` must
  // outlive the rehearsal. Errors: kNoDescriptors, kSystemFailed: there are no
  // links; nothing about a
  //         file is an error here.
  static Result<std::unique_ptr<Rehearsal>> Load(
      const Config& config, uid_t key_owner, const Clock& clock,
      const std::string& tags_directory);
  Rehearsal(const Rehearsal&) = delete;
  Rehearsal& operator=(const Rehearsal&) = delete;

  // Settled; the order is the configuration's.
  const std::vector<Profile>& profiles() const { return resources_.profiles(); }

  // The files that were opened for `config`.
  std::vector<std::string> FilesOf(const Config& config) const {
    return resources_.FilesOf(config);
  }

  // With rules for session tags; and why those are not taken.
  const std::vector<std::string>& tag_files() const {
    return resources_.tag_files();
  }
  const std::optional<Problem>& tags_problem() const {
    return resources_.tags_problem();
  }

  // That hold keys of the configuration, opened: one log-in each.
  const TokenKeys& tokens() const { return tokens_; }

  // What the daemon would do with `request`, which needs no socket, of a peer
  // at `address` (may be empty), in the network namespace called `netns` ("":
  // the daemon's own), and with which settings. `suites`: that the kernel
  // takes, best first.
  struct Answer {
    const Profile& profile;
    Planning planning;
  };
  Answer Plan(const Request& request, const std::string& address,
              const std::vector<CipherSuite>& suites,
              const std::string& netns = "") const;

 private:
  // What it would log stands in the settings, too.
  class NoLog final : public LogSink {
   public:
    void Write(const LogEvent&) override {}
  };
  struct Links;

  Rehearsal(Link verifier, uid_t key_owner, const Clock& clock);
  Status Start(const Config& config, Links links);
  Status LoadAll(Service<Keeper>& keeper);

  NoLog log_;
  TokenKeys tokens_;
  std::optional<Service<Keeper>> keeper_;
  Service<Verifier> verifier_;
  Resources resources_;
};

}  // namespace ktlsd::agent
