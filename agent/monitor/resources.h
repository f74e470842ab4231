// The trust and the credentials of the configuration: which are loaded where,
// and which serve now.
//
// Scope:     opens the files that the configuration names, has the keeper and
//            the verifier load them, and swaps all settings at once when all of
//            it is there. What a group lets handshakes agree on takes no
//            loading: the first settings, and those of network namespaces that
//            had none, stand from the moment they are read, and only what
//            needs a file waits. Settings of a group that were sound stay as
//            they are when their successors are not; a group without sound
//            settings refuses what it is for, and no wider one takes its place.
//            Files are loaded anew under a new id, so nothing in flight sees a
//            mix.
// Layer:     agent/monitor.
// Threads:   one thread.
// Privilege: opens private keys' files; reads none.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/config/config.h"
#include "agent/config/files.h"
#include "agent/ipc/link.h"
#include "agent/keyring/keyrings.h"
#include "agent/log/log_event.h"
#include "agent/monitor/ended_jobs.h"
#include "agent/monitor/load_queue.h"
#include "agent/monitor/outline.h"
#include "agent/monitor/settings.h"
#include "agent/monitor/socket_facts.h"
#include "agent/monitor/tag_files.h"
#include "agent/netlink/request.h"
#include "agent/sandbox/process_role.h"
#include "agent/upcall/consumer.h"
#include "base/bytes.h"
#include "base/owned_fd.h"

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
  // Of whose end either is still to be told.
  EndedJobs& ended_at_keeper() { return ended_at_keeper_; }
  EndedJobs& ended_at_verifier() { return ended_at_verifier_; }
  // Something was sent to be loaded, and its answer is not there.
  bool loading() const { return next_.has_value(); }

  // The role that the next keeper is to have: with tokens or without.
  ProcessRole keeper_role() const;
  // The keeper that is there has not opened all tokens that are needed, or is
  // one for tokens and none is needed: it has to be replaced before anything is
  // loaded.
  bool keeper_outdated() const;

  // Begins to use `config`, as far as it is sound.
  void Reload(const Config& config);
  void Handle(const CredentialLoaded& loaded);
  void Handle(const TrustLoaded& loaded);
  void Handle(const TagsLoaded& loaded);
  // Why the session tags were not taken, if they were not.
  const std::optional<Problem>& tags_problem() const { return tags_problem_; }
  const std::vector<std::string>& tag_files() const { return tag_files_; }

  // Sends what is to be loaded and had no room. Whether there is more still.
  bool SendMore();
  // Of session tags; read anew with each Reload.
  void set_tags_directory(std::string path) {
    tags_directory_ = std::move(path);
  }

  // What serves this handshake now. `netns`: the name of the network namespace
  // that it is in; "" is the daemon's own.
  const Profile& Choose(const Request& request, Consumer consumer,
                        const SocketFacts& facts,
                        const std::string& netns = "") const;
  // The trust of the group `settings` that serves now; 0: there is none.
  TrustId TrustOf(std::string_view settings) const;
  // The settings for all that no other group is for.
  const SideSettings& side(Side side) const;
  const std::vector<Profile>& profiles() const { return current_.profiles; }
  // The files that Reload would open.
  std::vector<std::string> FilesOf(const Config& config) const;
  // What is to be watched: those, and where others may appear.
  std::vector<std::string> PlacesOf(const Config& config) const;

  // A credential for one job, of keys that only the request names.
  Result<CredentialId> LoadForJob(const Keyrings::Pair& keys);

  // An id that a job uses is not forgotten before its last job ended.
  void Hold(uint64_t id);
  void Release(uint64_t id);
  void Hold(const JobCredentials& credentials);
  void Release(const JobCredentials& credentials);
  // Ids that were forgotten since the last call: workers drop them too.
  std::vector<CredentialId> TakeForgotten();

 private:
  enum class Kind : uint8_t { kTrust, kCredential };
  struct Use {
    Kind kind{};
    unsigned jobs = 0;
    bool retired = false;
  };

  // A certificate of ours and its private key, or the key's URL.
  struct OwnCertificate {
    std::optional<std::string> certificate;
    std::optional<std::string> private_key;
    bool post_quantum = false;  // it has to be

    bool operator==(const OwnCertificate&) const = default;
    static OwnCertificate Classic(const SideConfig& config) {
      return {config.certificate, config.private_key, false};
    }
    static OwnCertificate PostQuantum(const SideConfig& config) {
      return {config.pq_certificate, config.pq_private_key, true};
    }
  };

  // Groups that name the same files share what is loaded of them.
  struct Shared;

  // What a link's error means to what was to be loaded over it.
  static Problem Unloadable(Code code, const std::string& file);
  uint64_t NewId(Kind kind);
  Slot LoadTrust(const SideConfig& config);
  Slot LoadCredential(const OwnCertificate& own);
  Slot SendCredential(const OwnCertificate& own, Bytes url,
                      std::vector<OwnedFd> files);
  std::vector<std::string> TokenUrls() const;
  void OpenTokens();
  void LoadTags();
  void BeginIfReady();
  void NoteTags(std::optional<Problem> problem);
  void Load(Shared& shared, const SideConfig& config, SideSettings& settings);
  void DropUses(Kind kind);
  void DropNext();
  void Lose(Kind kind, std::initializer_list<Slot SideSettings::*> slots);
  void Settle(uint64_t id, const Slot& slot);
  void SwapWhenSettled();
  void LogProblems(const Profile& profile, bool kept);
  void RetireUnused();
  void ForgetIfUnused(uint64_t id);

  LogSink& log_;
  const uid_t key_owner_;
  std::optional<Link> keeper_;
  std::vector<std::string> opened_;  // by the keeper
  std::optional<Link> verifier_;
  std::optional<Config> config_;
  Outline outline_;  // of config_
  Outline current_ = Outline::Unread();
  bool settled_ = false;  // current_ has been once
  // What is being loaded.
  struct Next {
    Outline wanted;  // of outline_
    Outline before;  // of current_, without what was lost
  };
  std::optional<Next> next_;
  std::map<uint64_t, Use> uses_;
  std::vector<CredentialId> forgotten_;
  uint64_t last_id_ = 0;
  std::string tags_directory_ = kTagsDirectory;
  std::vector<std::string> tag_files_;  // that the verifier was sent last
  std::optional<Problem> tags_problem_;
  EndedJobs ended_at_keeper_;
  EndedJobs ended_at_verifier_;
  LoadQueue keeper_loads_;
  LoadQueue verifier_loads_;
};

}  // namespace ktlsd::agent
