#include "agent/monitor/resources.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <set>
#include <utility>

#include "agent/config/crypto_policy.h"
#include "agent/keeper/token_url.h"
#include "agent/monitor/token_urls.h"

namespace ktlsd::agent {
namespace {

uint64_t IdOf(const Slot& slot) {
  if (const Loaded* loaded = std::get_if<Loaded>(&slot)) {
    return loaded->id;
  }
  const Loading* loading = std::get_if<Loading>(&slot);
  return loading == nullptr ? 0 : loading->id;
}

// Of a network namespace whose settings went while its request waited. It
// serves none.
const Profile& Nobodys() {
  static const Profile kNobodys{"none", {}, {}, {}, {}};
  return kNobodys;
}

std::vector<std::string> OnceEach(std::vector<std::string> names) {
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

}  // namespace

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
  for (const auto* profiles : {&current_.profiles, &outline_.profiles}) {
    if (const Profile* chosen = ChooseProfile(*profiles, occasion)) {
      return *chosen;
    }
  }
  return Nobodys();
}

TrustId Resources::TrustOf(std::string_view settings) const {
  const auto& profiles = current_.profiles;
  const auto profile = std::ranges::find(profiles, settings, &Profile::name);
  const Loaded* const loaded =
      profile == profiles.end() ? nullptr
                                : std::get_if<Loaded>(&profile->settings.trust);
  return loaded == nullptr ? 0 : loaded->id;
}

const SideSettings& Resources::side(Side side) const {
  return current_.profiles[side == Side::kClient ? 0 : 1].settings;
}

ProcessRole Resources::keeper_role() const {
  return TokenUrls().empty() ? ProcessRole::kKeeper : ProcessRole::kTokenKeeper;
}

bool Resources::keeper_outdated() const {
  const std::vector<std::string> wanted = TokenUrls();
  return keeper_.has_value() &&
         (opened_.empty() != wanted.empty() ||
          !std::ranges::all_of(wanted, [this](const std::string& url) {
            return std::ranges::count(opened_, url) != 0;
          }));
}

// Those that serve, too, until others take their place.
std::vector<std::string> Resources::TokenUrls() const {
  return TokenUrlsOf(outline_.files, current_.files);
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
  for (Profile& profile : current_.profiles) {
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
    current_ = outline_;
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
  const auto want = [&wanted](const Outline& outline) {
    for (const Profile& profile : outline.profiles) {
      wanted.insert(IdOf(profile.settings.trust));
      wanted.insert(IdOf(profile.settings.credential));
      wanted.insert(IdOf(profile.settings.pq_credential));
    }
  };
  want(current_);
  if (next_.has_value()) {
    want(next_->wanted);
    want(next_->before);
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
