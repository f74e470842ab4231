#include "agent/monitor/resources.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <utility>

#include "agent/ipc/identities.h"
#include "agent/keeper/token_url.h"
#include "agent/monitor/choices.h"
#include "agent/monitor/token_urls.h"
#include "base/bytes.h"

namespace ktlsd::agent {
namespace {

constexpr char kClientGroup[] = "authenticate.client";
constexpr char kServerGroup[] = "authenticate.server";

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

uint64_t IdOf(const Slot& slot) {
  if (const Loaded* loaded = std::get_if<Loaded>(&slot)) {
    return loaded->id;
  }
  const Loading* loading = std::get_if<Loading>(&slot);
  return loading == nullptr ? 0 : loading->id;
}

bool Awaits(const Slot& slot, uint64_t id) {
  const Loading* loading = std::get_if<Loading>(&slot);
  return loading != nullptr && loading->id == id;
}

// Of a network namespace whose settings went while its request waited.
const Profile& Nobodys() {
  static const Profile kNobodys = [] {
    Profile profile;
    profile.name = "none";
    profile.settings.trust = profile.settings.credential =
        profile.settings.pq_credential =
            Problem{Code::kConfigUnusable, "",
                    "no settings are for this network namespace"};
    return profile;
  }();
  return kNobodys;
}

void SetNothing(SideSettings& settings) {
  settings.trust = Absent();
  settings.credential = Absent();
  settings.pq_credential = Absent();
}

Problem FromLoader(Outcome outcome, std::string_view text) {
  return {outcome.code(), "", std::string(text)};
}

}  // namespace

// What of a SideConfig each kind is made of, and what became of it.
struct Resources::Shared {
  std::vector<std::pair<SideConfig, Slot>> trusts;
  std::vector<std::pair<OwnCertificate, Slot>> credentials;
  std::variant<CryptoPolicy, Problem> policy;  // for all of them

  static SideConfig TrustPart(const SideConfig& config) {
    SideConfig part;
    part.truststore = config.truststore;
    part.crl = config.crl;
    part.allowed = config.allowed;
    part.rpc_certificates = config.rpc_certificates;
    return part;
  }
};

std::vector<Profile> Resources::GeneralProfiles() {
  return {{kClientGroup, Side::kClient, std::nullopt, {}, {}},
          {kServerGroup, Side::kServer, std::nullopt, {}, {}}};
}

// An address that cannot be read is that of a peer that has gone.
const Profile& Resources::Choose(const Request& request, Consumer consumer,
                                 const SocketFacts& facts,
                                 const std::string& netns) const {
  const Side side = request.kind == HandshakeKind::kServerHello ? Side::kServer
                                                                : Side::kClient;
  const bool by_name = side == Side::kClient && !request.peer_name.empty();
  const Profile* const chosen = ChooseProfile(
      current_,
      {netns, side, consumer,
       by_name ? NamedPeer(request.peer_name) : PeerAtAddress(facts.peer)});
  return chosen != nullptr ? *chosen : Nobodys();
}

TrustId Resources::TrustOf(std::string_view settings) const {
  const auto profile = std::ranges::find(current_, settings, &Profile::name);
  const Loaded* const loaded =
      profile == current_.end() ? nullptr
                                : std::get_if<Loaded>(&profile->settings.trust);
  return loaded == nullptr ? 0 : loaded->id;
}

const SideSettings& Resources::side(Side side) const {
  return current_[side == Side::kClient ? 0 : 1].settings;
}

ProcessRole Resources::keeper_role() const {
  return TokenUrls().empty() ? ProcessRole::kKeeper : ProcessRole::kTokenKeeper;
}

bool Resources::keeper_outdated() const {
  return keeper_.has_value() && opened_ != TokenUrls();
}

std::vector<std::string> Resources::TokenUrls() const {
  return config_.has_value() ? TokenUrlsOf(*config_)
                             : std::vector<std::string>();
}

// The first message to a keeper with tokens. When it cannot be sent, the keeper
// ends: its link will tell.
void Resources::OpenTokens() {
  opened_ = TokenUrls();
  if (opened_.empty() || !keeper_.has_value()) {
    return;
  }
  agent::OpenTokens open;
  open.count = opened_.size();
  std::string lines;
  for (const std::string& url : opened_) {
    lines += url + '\n';
  }
  static_cast<void>(keeper_->Send(
      open, {reinterpret_cast<const uint8_t*>(lines.data()), lines.size()}));
}

void Resources::SetKeeper(Link link) {
  keeper_ = std::move(link);
  OpenTokens();
  if (config_.has_value() && verifier_.has_value()) {
    Reload(*config_);
  }
}

void Resources::SetVerifier(Link link) {
  verifier_ = std::move(link);
  if (config_.has_value() && keeper_.has_value()) {
    Reload(*config_);
  }
}

void Resources::LoseKeeper() {
  keeper_.reset();
  Lose(Kind::kCredential,
       {&SideSettings::credential, &SideSettings::pq_credential});
}

void Resources::LoseVerifier() {
  verifier_.reset();
  Lose(Kind::kTrust, {&SideSettings::trust});
}

void Resources::Lose(Kind kind,
                     std::initializer_list<Slot SideSettings::*> slots) {
  DropUses(kind);
  DropNext();
  for (Profile& profile : current_) {
    for (Slot SideSettings::* const slot : slots) {
      if (std::holds_alternative<Loaded>(profile.settings.*slot)) {
        profile.settings.*slot = Loading();
      }
    }
  }
}

// What the process that is left has loaded of it is of no use.
void Resources::DropNext() {
  next_.reset();
  RetireUnused();
}

// Ids of a process that is gone mean nothing to its successor.
void Resources::DropUses(Kind kind) {
  std::erase_if(uses_, [&](const auto& use) {
    if (use.second.kind == kind && kind == Kind::kCredential) {
      forgotten_.push_back(use.first);
    }
    return use.second.kind == kind;
  });
}

void Resources::Reload(const Config& config) {
  config_ = config;
  if (keeper_.has_value() && verifier_.has_value() && !keeper_outdated()) {
    Begin(config);
  }
}

// A verifier without tags need not be told that there are none.
void Resources::LoadTags() {
  std::vector<std::string> files = TagFilesIn(tags_directory_);
  if (verifier_.has_value() && (!files.empty() || !tag_files_.empty())) {
    tag_files_ = std::move(files);
    SendTags(tag_files_, *verifier_, log_);
  }
}

void Resources::Handle(const TagsLoaded& loaded) {
  LogTags(tag_files_, loaded, log_);
}

void Resources::Begin(const Config& config) {
  LoadTags();
  DropNext();
  Shared shared;
  shared.policy = ReadPolicy(config);
  std::vector<Profile> next = GeneralProfiles();
  Fill(shared, config.client, next[0]);
  Fill(shared, config.server, next[1]);
  for (const Section& section : config.sections) {
    next.push_back(MakeProfile(shared, section));
  }
  for (const NetnsConfig& netns : config.netns) {
    next.push_back(MakeProfile(shared, netns, Side::kClient));
    next.push_back(MakeProfile(shared, netns, Side::kServer));
  }
  next_ = std::move(next);
  SwapWhenSettled();
}

std::variant<CryptoPolicy, Problem> Resources::ReadPolicy(
    const Config& config) {
  if (!config.system_crypto_policy) {
    return CryptoPolicy();
  }
  const std::string path = CryptoPolicyPath();
  std::variant<CryptoPolicy, Problem> policy = LoadCryptoPolicy(path);
  if (const CryptoPolicy* read = std::get_if<CryptoPolicy>(&policy)) {
    for (const std::string& name : read->ignored) {
      LogEvent event{EventKind::kConfigProblem, LogLevel::kNotice, {}};
      log_.Write(
          event.Add("file", path)
              .Add("key", name)
              .Add("reason",
                   "no part of the crypto policy has it here, ignoring"));
    }
  }
  return policy;
}

void Resources::Choose(const SideConfig& config, Profile& profile,
                       const std::variant<CryptoPolicy, Problem>& policy) {
  SideSettings& settings = profile.settings;
  settings.require_alpn = config.alpn_required.value_or(false);
  settings.peer_key = config.peer_key;
  if (const Problem* problem = std::get_if<Problem>(&policy)) {
    settings.problem = *problem;
    return;
  }
  Choices choices = MakeChoices(config, std::get<CryptoPolicy>(policy));
  settings.suites = std::move(choices.suites);
  settings.groups = std::move(choices.groups);
  settings.problem = std::move(choices.problem);
  if (const auto trouble =
          VolumeTrouble(config.expected_volume, settings.suites)) {
    LogEvent event{EventKind::kConfigProblem, LogLevel::kWarning, {}};
    log_.Write(event.Add("settings", profile.name)
                   .Add("key", "expected.volume")
                   .Add("reason", *trouble)
                   .Add("consequence",
                        "make connections anew before, or leave only "
                        "TLS_CHACHA20_POLY1305_SHA256 in ciphers"));
  }
  for (const std::string& group : choices.lacking) {
    LogEvent event{EventKind::kConfigProblem, LogLevel::kNotice, {}};
    log_.Write(
        event.Add("settings", profile.name)
            .Add("key", group)
            .Add("reason", "this libcrypto has no such group, ignoring"));
  }
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
  settings.trust =
      once(shared.trusts, Shared::TrustPart(config),
           [this](const SideConfig& part) { return LoadTrust(part); });
  const auto load = [this](const OwnCertificate& part) {
    return LoadCredential(part);
  };
  settings.credential =
      once(shared.credentials, OwnCertificate::Classic(config), load);
  settings.pq_credential =
      once(shared.credentials, OwnCertificate::PostQuantum(config), load);
}

void Resources::Fill(Shared& shared, const SideConfig& config,
                     Profile& profile) {
  Load(shared, config, profile.settings);
  Choose(config, profile, shared.policy);
}

Profile Resources::MakeProfile(Shared& shared, const Section& section) {
  const Side side = IsClient(section.consumer) ? Side::kClient : Side::kServer;
  Profile profile{section.name, side, section.consumer, section.match, {}};
  if (UsesPsks(section.consumer)) {
    SetNothing(profile.settings);
    Choose(section.config, profile, shared.policy);
  } else {
    Fill(shared, section.config, profile);
  }
  return profile;
}

Profile Resources::MakeProfile(Shared& shared, const NetnsConfig& netns,
                               Side side) {
  const auto& config = side == Side::kClient ? netns.client : netns.server;
  Profile profile;
  profile.name = netns.name + (side == Side::kClient ? ".client" : ".server");
  profile.side = side;
  if (config.has_value()) {
    Fill(shared, *config, profile);
  } else {
    SetNothing(profile.settings);  // and it refuses
  }
  profile.netns = netns.match;
  profile.netns_group = netns.name;
  return profile;
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
  std::vector<BorrowedFd> borrowed;
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
    borrowed.push_back(files.back().borrow());
  }
  agent::LoadTrust load;
  load.id = NewId(Kind::kTrust);
  load.rpc_certificates = config.rpc_certificates.value_or(false) ? 1 : 0;
  const std::vector<AllowedPeer> allowed =
      config.allowed.value_or(std::vector<AllowedPeer>());
  load.allowed = static_cast<uint16_t>(allowed.size());
  if (!verifier_.has_value() ||
      !verifier_->Send(load, Entries(allowed), borrowed).ok()) {
    return Problem{Code::kVerifierUnavailable, *store,
                   "the process that loads it does not answer"};
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
  for (Profile& profile : *next_) {
    for (Slot* waiting : {&profile.settings.trust, &profile.settings.credential,
                          &profile.settings.pq_credential}) {
      if (Awaits(*waiting, id)) {
        const std::string file = std::get<Loading>(*waiting).file;
        *waiting = slot;
        if (Problem* problem = std::get_if<Problem>(waiting)) {
          problem->file = file;
        }
      }
    }
  }
  SwapWhenSettled();
  RetireUnused();  // of a failure, too, the id is kept there
}

void Resources::SwapWhenSettled() {
  const auto settled = [](const Profile& profile) {
    return profile.settings.settled();
  };
  if (!next_.has_value() || !std::ranges::all_of(*next_, settled)) {
    return;
  }
  for (Profile& next : *next_) {
    const auto old = std::ranges::find_if(
        current_, [&](const Profile& p) { return p.SameScope(next); });
    const bool keep = old != current_.end() && old->settings.sound() &&
                      !next.settings.sound();
    LogProblems(next, keep);
    if (keep) {
      next.settings = old->settings;
    }
  }
  if (auto next = std::exchange(next_, std::nullopt)) {
    current_ = *std::move(next);
  }
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

std::vector<std::string> Resources::FilesOf(const Config& config) {
  std::vector<std::string> files;
  if (config.system_crypto_policy) {
    files.push_back(CryptoPolicyPath());
  }
  for (const auto& [name, side] : GroupSides(config)) {
    const std::optional<std::string> store =
        side->truststore.has_value() ? side->truststore : SystemTrustStore();
    for (const auto& file :
         {store, side->crl, side->certificate, side->private_key,
          side->pq_certificate, side->pq_private_key}) {
      if (file.has_value() && !file->empty() && !IsTokenUrl(*file)) {
        files.push_back(*file);
      }
    }
  }
  for (const std::string& file : TagFilesIn(kTagsDirectory)) {
    files.push_back(file);
  }
  std::ranges::sort(files);
  const auto repeated = std::ranges::unique(files);
  files.erase(repeated.begin(), repeated.end());
  return files;
}

void Resources::Hold(uint64_t id) {
  if (const auto use = uses_.find(id); use != uses_.end()) {
    ++use->second.jobs;
  }
}

void Resources::Release(uint64_t id) {
  if (const auto use = uses_.find(id); use != uses_.end()) {
    --use->second.jobs;
    ForgetIfUnused(id);
  }
}

// What neither serves nor is going to is forgotten after its last job.
void Resources::RetireUnused() {
  std::set<uint64_t> wanted;
  for (const std::vector<Profile>* profiles :
       {&current_, next_.has_value() ? &*next_ : &current_}) {
    for (const Profile& profile : *profiles) {
      wanted.insert(IdOf(profile.settings.trust));
      wanted.insert(IdOf(profile.settings.credential));
      wanted.insert(IdOf(profile.settings.pq_credential));
    }
  }
  std::vector<uint64_t> retired;
  for (auto& [id, use] : uses_) {
    if (!use.retired && !wanted.contains(id)) {
      use.retired = true;
      retired.push_back(id);
    }
  }
  for (const uint64_t id : retired) {
    ForgetIfUnused(id);
  }
}

void Resources::ForgetIfUnused(uint64_t id) {
  const Use use = uses_.at(id);
  if (!use.retired || use.jobs > 0) {
    return;
  }
  uses_.erase(id);
  Forget forget;
  forget.id = id;
  std::optional<Link>& link = use.kind == Kind::kTrust ? verifier_ : keeper_;
  if (link.has_value()) {
    static_cast<void>(link->Send(forget));
  }
  if (use.kind == Kind::kCredential) {
    forgotten_.push_back(id);
  }
}

std::vector<CredentialId> Resources::TakeForgotten() {
  return std::exchange(forgotten_, {});
}

}  // namespace ktlsd::agent
