// The trust and the credentials of the configuration: which are loaded where,
// and which serve now.
//
// Scope:     opens the files that the configuration names, has the keeper and
//            the verifier load them, and swaps one side's settings as a whole
//            once all of it is there. A side that was sound stays as it is
//            when its successor is not. Files are loaded anew under a new id,
//            so nothing in flight sees a mix.
// Layer:     agent/monitor.
// Threads:   one thread.
// Privilege: opens private keys' files; reads none.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/files.h"
#include "agent/ipc/link.h"
#include "agent/keyring/keyrings.h"
#include "agent/log/log_event.h"
#include "agent/monitor/settings.h"

namespace ktlsd::agent {

class Resources {
 public:
  // `log` must outlive this. Private keys' files may be of `key_owner` too.
  explicit Resources(LogSink& log, uid_t key_owner = 0)
      : log_(log), key_owner_(key_owner) {}

  // Takes over the link of a keeper or verifier that was just started; both
  // load everything anew once both are there.
  void SetKeeper(Link link);
  void SetVerifier(Link link);
  // What they held is gone: jobs that need it wait for the next one.
  void LoseKeeper();
  void LoseVerifier();
  Link* keeper() { return keeper_.has_value() ? &*keeper_ : nullptr; }
  Link* verifier() { return verifier_.has_value() ? &*verifier_ : nullptr; }

  // Begins to use `config`, as far as it is sound.
  void Reload(const Config& config);
  void Handle(const CredentialLoaded& loaded);
  void Handle(const TrustLoaded& loaded);

  const SideSettings& side(Side side) const { return Of(side).current; }
  // The files that Reload would open, to be watched.
  static std::vector<std::string> FilesOf(const Config& config);

  // A credential for one job, of keys that only the request names.
  Result<CredentialId> LoadForJob(const Keyrings::Pair& keys);

  // An id that a job uses is not forgotten before its last job ended.
  void Hold(uint64_t id);
  void Release(uint64_t id);
  // Ids that were forgotten since the last call: workers drop them too.
  std::vector<CredentialId> TakeForgotten();

 private:
  struct SideState {
    SideSettings current;
    std::optional<SideSettings> next;
  };
  enum class Kind : uint8_t { kTrust, kCredential };
  struct Use {
    Kind kind{};
    unsigned jobs = 0;
    bool retired = false;
  };

  const SideState& Of(Side side) const;
  SideState& Of(Side side);
  uint64_t NewId(Kind kind);
  Slot LoadTrust(const SideConfig& config);
  Slot LoadCredential(const SideConfig& config);
  void Begin(Side side, const SideConfig& config);
  void DropUses(Kind kind);
  void DropNext(SideState& state);
  void Settle(uint64_t id, Slot slot);
  void SwapWhenSettled(Side side);
  void LogProblems(Side side, const SideSettings& settings, bool kept);
  void Retire(const SideSettings& settings);
  void Retire(const Slot& slot);
  void ForgetIfUnused(uint64_t id);

  LogSink& log_;
  const uid_t key_owner_;
  std::optional<Link> keeper_;
  std::optional<Link> verifier_;
  std::optional<Config> config_;
  SideState client_;
  SideState server_;
  std::map<uint64_t, Use> uses_;
  std::vector<CredentialId> forgotten_;
  uint64_t last_id_ = 0;
};

}  // namespace ktlsd::agent
