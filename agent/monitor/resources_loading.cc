// What the configuration names, from the opening of a file to the swap.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/config/files.h"
#include "agent/config/side_config.h"
#include "agent/ipc/identities.h"
#include "agent/ipc/messages.h"
#include "agent/monitor/outline.h"
#include "agent/monitor/resources.h"
#include "agent/monitor/settings.h"
#include "base/bytes.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

static_assert(kMaxAllowedPeers <= kMaxAllowed &&
              kMaxAllowedPeersBytes <= kMaxAllowedBytes);

Bytes Entries(const std::vector<AllowedPeer>& allowed) {
  Bytes entries;
  for (const AllowedPeer& peer : allowed) {
    Bytes entry = {static_cast<uint8_t>(peer.by)};
    entry.insert(entry.end(), peer.value.begin(), peer.value.end());
    AppendIdentity(entry, entries);
  }
  return entries;
}

bool IsSettled(const Outline& outline) {
  return std::ranges::all_of(outline.profiles, [](const Profile& profile) {
    return profile.settings.settled();
  });
}

void SettleIfAwaited(uint64_t id, const Slot& slot, Slot& waiting) {
  const Loading* const loading = std::get_if<Loading>(&waiting);
  if (loading == nullptr || loading->id != id) {
    return;
  }
  const std::string file = loading->file;
  waiting = slot;
  if (Problem* problem = std::get_if<Problem>(&waiting)) {
    problem->file = file;
  }
}

Problem FromLoader(Outcome outcome, std::string_view text) {
  return {outcome.code(), "", std::string(text)};
}

}  // namespace

// What of a SideConfig each kind is made of, and what became of it.
struct Resources::Shared {
  std::vector<std::pair<SideConfig, Slot>> trusts;
  std::vector<std::pair<OwnCertificate, Slot>> credentials;

  static SideConfig TrustPart(const SideConfig& config) {
    SideConfig part;
    part.truststore = config.truststore;
    part.crl = config.crl;
    part.allowed = config.allowed;
    part.rpc_certificates = config.rpc_certificates;
    return part;
  }
};

// What was lost with a keeper or a verifier is loaded anew beside what is
// configured now: of a group whose new settings are not sound it serves on.
void Resources::BeginIfReady() {
  if (!config_.has_value() || !keeper_.has_value() || !verifier_.has_value() ||
      keeper_outdated()) {
    return;
  }
  LoadTags();
  DropNext();
  Shared shared;
  next_.emplace(outline_, current_);
  for (Outline* outline : {&next_->wanted, &next_->before}) {
    for (std::size_t i = 0; i < outline->profiles.size(); ++i) {
      SideSettings& settings = outline->profiles[i].settings;
      const std::optional<SideConfig>& files = outline->files[i];
      if (files.has_value()) {
        Load(shared, *files, settings);
      }
    }
  }
  SwapWhenSettled();
}

void Resources::Load(Shared& shared, const SideConfig& config,
                     SideSettings& settings) {
  const auto once = [](auto& all, const auto& part, auto load) {
    auto known = std::ranges::find(
        all, part, [](const auto& p) -> auto& { return p.first; });
    if (known == all.end()) {
      known = all.emplace(known, part, load(part));
    }
    return known->second;
  };
  // What is still there stays: its files may not be the same any more.
  const auto fill = [&once](Slot& slot, auto& all, const auto& part,
                            auto load) {
    if (std::holds_alternative<Loading>(slot)) {
      slot = once(all, part, load);
    }
  };
  fill(settings.trust, shared.trusts, Shared::TrustPart(config),
       [this](const SideConfig& part) { return LoadTrust(part); });
  const auto load = [this](const OwnCertificate& part) {
    return LoadCredential(part);
  };
  fill(settings.credential, shared.credentials, OwnCertificate::Classic(config),
       load);
  fill(settings.pq_credential, shared.credentials,
       OwnCertificate::PostQuantum(config), load);
}

Problem Resources::Unloadable(Code code, const std::string& file) {
  return {code, file, "the process that loads it does not answer"};
}

uint64_t Resources::NewId(Kind kind) {
  uses_[++last_id_] = Use{kind, 0, false};
  return last_id_;
}

Slot Resources::LoadTrust(const SideConfig& config) {
  const std::optional<std::string> store =
      config.truststore.has_value() ? config.truststore : SystemTrustStore();
  if (!store.has_value()) {
    return Problem{Code::kTrustStoreUnusable, "",
                   "none is named, and the system has none"};
  }
  std::vector<OwnedFd> files;
  const std::array<std::pair<std::optional<std::string>, Code>, 2> wanted = {
      std::pair{store, Code::kTrustStoreUnusable},
      std::pair{config.crl, Code::kCrlUnusable}};
  for (const auto& [path, code] : wanted) {
    if (!path.has_value()) {
      continue;
    }
    std::variant<OwnedFd, Problem> opened = OpenFile(*path, code);
    if (Problem* problem = std::get_if<Problem>(&opened)) {
      return std::move(*problem);
    }
    files.push_back(std::move(std::get<OwnedFd>(opened)));
  }
  agent::LoadTrust load;
  load.id = NewId(Kind::kTrust);
  load.rpc_certificates = config.rpc_certificates.value_or(false) ? 1 : 0;
  const std::vector<AllowedPeer> allowed =
      config.allowed.value_or(std::vector<AllowedPeer>());
  load.allowed = static_cast<uint16_t>(allowed.size());
  if (!verifier_.has_value() ||
      !verifier_loads_
           .Send(*verifier_, load, Entries(allowed), std::move(files))
           .ok()) {
    return Unloadable(Code::kVerifierUnavailable, *store);
  }
  return Loading{load.id, *store};
}

void Resources::Handle(const CredentialLoaded& loaded) {
  if (loaded.outcome.ok()) {
    return Settle(loaded.id, Loaded{loaded.id});
  }
  Settle(loaded.id, FromLoader(loaded.outcome, loaded.text.view()));
}

void Resources::Handle(const TrustLoaded& loaded) {
  if (loaded.outcome.ok()) {
    return Settle(loaded.id, Loaded{loaded.id});
  }
  Settle(loaded.id, FromLoader(loaded.outcome, loaded.text.view()));
}

void Resources::Settle(uint64_t id, const Slot& slot) {
  if (!next_.has_value()) {
    return;
  }
  for (Outline* outline : {&next_->wanted, &next_->before}) {
    for (Profile& profile : outline->profiles) {
      SideSettings& settings = profile.settings;
      for (Slot* waiting :
           {&settings.trust, &settings.credential, &settings.pq_credential}) {
        SettleIfAwaited(id, slot, *waiting);
      }
    }
  }
  SwapWhenSettled();
  RetireUnused();  // of a failure, too, the id is kept there
}

void Resources::SwapWhenSettled() {
  if (!next_.has_value() || !IsSettled(next_->wanted) ||
      !IsSettled(next_->before)) {
    return;
  }
  Outline wanted = std::move(next_->wanted);
  const Outline before = std::move(next_->before);
  next_.reset();
  for (std::size_t i = 0; i < wanted.profiles.size(); ++i) {
    Profile& profile = wanted.profiles[i];
    const auto old = std::ranges::find_if(
        before.profiles,
        [&](const Profile& other) { return other.SameScope(profile); });
    const bool keep = old != before.profiles.end() && old->settings.sound() &&
                      !profile.settings.sound();
    LogProblems(profile, keep);
    if (keep) {
      profile.settings = old->settings;
      wanted.files[i] =
          before.files[static_cast<std::size_t>(old - before.profiles.begin())];
    }
  }
  current_ = std::move(wanted);
  settled_ = true;
  RetireUnused();
}

void Resources::LogProblems(const Profile& profile, bool kept) {
  const SideSettings& settings = profile.settings;
  for (const Problem* problem :
       {std::get_if<Problem>(&settings.trust),
        std::get_if<Problem>(&settings.credential),
        std::get_if<Problem>(&settings.pq_credential),
        settings.problem.has_value() ? &*settings.problem : nullptr}) {
    if (problem == nullptr) {
      continue;
    }
    LogEvent event{EventKind::kConfigProblem, LogLevel::kError, {}};
    log_.Write(
        event.Add("settings", profile.name)
            .Add("side", SideName(profile.side))
            .Add("code", Describe(problem->code).label)
            .Add("file", problem->file)
            .Add("reason", problem->reason)
            .Add("consequence", kept ? "the old settings stay in use"
                                     : "handshakes that need it are refused"));
  }
}

}  // namespace ktlsd::agent
