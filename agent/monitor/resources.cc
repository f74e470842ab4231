#include "agent/monitor/resources.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <set>
#include <span>
#include <utility>

#include "agent/config/crypto_policy.h"
#include "agent/ipc/identities.h"
#include "agent/keeper/token_url.h"
#include "agent/monitor/token_urls.h"
#include "base/bytes.h"

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

// Of a network namespace whose settings went while its request waited. It
// serves none.
const Profile& Nobodys() {
  static const Profile kNobodys{"none", {}, {}, {}, {}};
  return kNobodys;
}

Problem FromLoader(Outcome outcome, std::string_view text) {
  return {outcome.code(), "", std::string(text)};
}

std::vector<std::string> OnceEach(std::vector<std::string> names) {
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
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

// An address that cannot be read is that of a peer that has gone.
const Profile& Resources::Choose(const Request& request, Consumer consumer,
                                 const SocketFacts& facts,
                                 const std::string& netns) const {
  const Side side = request.kind == HandshakeKind::kServerHello ? Side::kServer
                                                                : Side::kClient;
  const bool by_name = side == Side::kClient && !request.peer_name.empty();
  const Occasion occasion = {
      netns, side, consumer,
      by_name ? NamedPeer(request.peer_name) : PeerAtAddress(facts.peer)};
  // A namespace may be named by what is being loaded only.
  for (const auto* profiles : {&current_, &outline_.profiles}) {
    if (const Profile* chosen = ChooseProfile(*profiles, occasion)) {
      return *chosen;
    }
  }
  return Nobodys();
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
  keeper_loads_.Clear();
  ended_at_keeper_.Clear();
  keeper_ = std::move(link);
  OpenTokens();
  BeginIfReady();
}

void Resources::SetVerifier(Link link) {
  verifier_loads_.Clear();
  ended_at_verifier_.Clear();
  verifier_ = std::move(link);
  BeginIfReady();
}

void Resources::LoseKeeper() {
  keeper_.reset();
  keeper_loads_.Clear();
  ended_at_keeper_.Clear();
  Lose(Kind::kCredential,
       {&SideSettings::credential, &SideSettings::pq_credential});
}

void Resources::LoseVerifier() {
  verifier_.reset();
  verifier_loads_.Clear();
  ended_at_verifier_.Clear();
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
  outline_ = ReadOutline(config, log_);
  if (!settled_) {
    current_ = outline_.profiles;
  }
  BeginIfReady();
}

// A verifier without tags need not be told that there are none.
void Resources::LoadTags() {
  std::vector<std::string> files = TagFilesIn(tags_directory_);
  if (verifier_.has_value() && (!files.empty() || !tag_files_.empty())) {
    tag_files_ = std::move(files);
    NoteTags(SendTags(tag_files_, *verifier_, verifier_loads_));
  }
}

void Resources::NoteTags(std::optional<Problem> problem) {
  if (problem.has_value()) {
    LogProblem(*problem, log_);
  }
  tags_problem_ = std::move(problem);
}

void Resources::Handle(const TagsLoaded& loaded) {
  NoteTags(ProblemOf(tag_files_, loaded));
}

bool Resources::SendMore() {
  if (keeper_.has_value()) {
    keeper_loads_.SendMore(*keeper_);
  }
  if (verifier_.has_value()) {
    verifier_loads_.SendMore(*verifier_);
  }
  return !keeper_loads_.empty() || !verifier_loads_.empty();
}

void Resources::BeginIfReady() {
  if (!config_.has_value() || !keeper_.has_value() || !verifier_.has_value() ||
      keeper_outdated()) {
    return;
  }
  LoadTags();
  DropNext();
  Shared shared;
  std::vector<Profile> next = outline_.profiles;
  for (std::size_t i = 0; i < next.size(); ++i) {
    const std::optional<SideConfig>& files = outline_.files[i];
    if (files.has_value()) {
      Load(shared, *files, next[i].settings);
    }
  }
  next_ = std::move(next);
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
    settled_ = true;
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

std::vector<std::string> Resources::FilesOf(const Config& config) const {
  std::vector<std::string> files = TagFilesIn(tags_directory_);
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
  return OnceEach(std::move(files));
}

std::vector<std::string> Resources::PlacesOf(const Config& config) const {
  std::vector<std::string> places = FilesOf(config);
  for (const auto& [name, side] : GroupSides(config)) {
    if (!side->truststore.has_value()) {
      std::ranges::copy(SystemTrustStorePlaces(), std::back_inserter(places));
    }
  }
  // Once as an entry of the directory above it, once for its own entries.
  places.push_back(tags_directory_);
  places.push_back(tags_directory_ + '/');
  return OnceEach(std::move(places));
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
  // Not before what it may have been told to load.
  std::optional<Link>& link = use.kind == Kind::kTrust ? verifier_ : keeper_;
  if (link.has_value()) {
    LoadQueue& loads =
        use.kind == Kind::kTrust ? verifier_loads_ : keeper_loads_;
    static_cast<void>(loads.Send(*link, forget));
  }
  if (use.kind == Kind::kCredential) {
    forgotten_.push_back(id);
  }
}

std::vector<CredentialId> Resources::TakeForgotten() {
  return std::exchange(forgotten_, {});
}

}  // namespace ktlsd::agent
