#include "agent/monitor/resources.h"

#include <array>
#include <utility>

namespace ktlsd::agent {
namespace {

// What a link's error means to what was to be loaded over it.
Problem Unloadable(Code code, const std::string& file) {
  return {code, file, "the process that loads it does not answer"};
}

bool IsUrl(const std::string& key) {
  return key.starts_with("pkcs11:") || key.starts_with("tpmkey:");
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

Problem FromLoader(Outcome outcome, std::string_view text) {
  return {outcome.code(), "", std::string(text)};
}

}  // namespace

const Resources::SideState& Resources::Of(Side side) const {
  return side == Side::kClient ? client_ : server_;
}

Resources::SideState& Resources::Of(Side side) {
  return side == Side::kClient ? client_ : server_;
}

void Resources::SetKeeper(Link link) {
  keeper_ = std::move(link);
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
  DropUses(Kind::kCredential);
  for (SideState* state : {&client_, &server_}) {
    DropNext(*state);
    if (std::holds_alternative<Loaded>(state->current.credential)) {
      state->current.credential = Loading();
    }
  }
}

void Resources::LoseVerifier() {
  verifier_.reset();
  DropUses(Kind::kTrust);
  for (SideState* state : {&client_, &server_}) {
    DropNext(*state);
    if (std::holds_alternative<Loaded>(state->current.trust)) {
      state->current.trust = Loading();
    }
  }
}

// What the process that is left has loaded of it is of no use.
void Resources::DropNext(SideState& state) {
  if (state.next.has_value()) {
    Retire(*state.next);
    state.next.reset();
  }
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
  if (keeper_.has_value() && verifier_.has_value()) {
    Begin(Side::kClient, config.client);
    Begin(Side::kServer, config.server);
  }
}

void Resources::Begin(Side side, const SideConfig& config) {
  SideState& state = Of(side);
  DropNext(state);
  state.next = SideSettings{LoadTrust(config), LoadCredential(config)};
  SwapWhenSettled(side);
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
  if (!verifier_.has_value() || !verifier_->Send(load, {}, borrowed).ok()) {
    return Unloadable(Code::kVerifierUnavailable, *store);
  }
  return Loading{load.id, *store};
}

Slot Resources::LoadCredential(const SideConfig& config) {
  if (!config.certificate.has_value() && !config.private_key.has_value()) {
    return Absent();
  }
  if (!config.certificate.has_value() || !config.private_key.has_value()) {
    return Problem{Code::kConfigUnusable, "",
                   "x509.certificate and x509.private_key go together"};
  }
  if (IsUrl(*config.private_key)) {
    return Problem{Code::kPrivateKeyUnusable, *config.private_key,
                   "keys in tokens are not supported yet"};
  }
  std::variant<OwnedFd, Problem> chain =
      OpenFile(*config.certificate, Code::kCertificateUnusable);
  if (Problem* problem = std::get_if<Problem>(&chain)) {
    return std::move(*problem);
  }
  std::variant<OwnedFd, Problem> key =
      OpenPrivateKey(*config.private_key, key_owner_);
  if (Problem* problem = std::get_if<Problem>(&key)) {
    return std::move(*problem);
  }
  const std::array<BorrowedFd, 2> files = {std::get<OwnedFd>(chain).borrow(),
                                           std::get<OwnedFd>(key).borrow()};
  agent::LoadCredential load;
  load.id = NewId(Kind::kCredential);
  if (!keeper_.has_value() || !keeper_->Send(load, {}, files).ok()) {
    return Unloadable(Code::kKeeperUnavailable, *config.certificate);
  }
  return Loading{load.id, *config.certificate};
}

Result<CredentialId> Resources::LoadForJob(const Keyrings::Pair& keys) {
  if (!keeper_.has_value()) {
    return Error{Code::kKeeperUnavailable, "the keeper is gone"};
  }
  agent::LoadCredential load;
  load.id = NewId(Kind::kCredential);
  load.certificate_size = static_cast<uint32_t>(keys.certificate_size);
  uses_[load.id].retired = true;  // its only job holds it
  if (!keeper_->Send(load, keys.bytes.view()).ok()) {
    uses_.erase(load.id);
    return Error{Code::kKeeperUnavailable, "the keeper does not answer"};
  }
  return load.id;
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

void Resources::Settle(uint64_t id, Slot slot) {
  for (const Side side : {Side::kClient, Side::kServer}) {
    SideState& state = Of(side);
    if (!state.next.has_value()) {
      continue;
    }
    for (Slot* waiting : {&state.next->trust, &state.next->credential}) {
      if (Awaits(*waiting, id)) {
        if (Problem* problem = std::get_if<Problem>(&slot)) {
          problem->file = std::get<Loading>(*waiting).file;
          Retire(*waiting);  // the failure is kept under the id there
        }
        *waiting = std::move(slot);
        return SwapWhenSettled(side);
      }
    }
  }
}

void Resources::SwapWhenSettled(Side side) {
  SideState& state = Of(side);
  if (!state.next.has_value() || !state.next->settled()) {
    return;
  }
  SideSettings next = std::move(*state.next);
  state.next.reset();
  const bool keep = state.current.sound() && !next.sound();
  LogProblems(side, next, keep);
  if (keep) {
    return Retire(next);
  }
  Retire(std::exchange(state.current, std::move(next)));
}

void Resources::LogProblems(Side side, const SideSettings& settings,
                            bool kept) {
  for (const Slot* slot : {&settings.trust, &settings.credential}) {
    const Problem* problem = std::get_if<Problem>(slot);
    if (problem == nullptr) {
      continue;
    }
    LogEvent event{EventKind::kConfigProblem, LogLevel::kError, {}};
    log_.Write(
        event.Add("side", SideName(side))
            .Add("code", Describe(problem->code).label)
            .Add("file", problem->file)
            .Add("reason", problem->reason)
            .Add("consequence", kept ? "the old settings stay in use"
                                     : "handshakes that need it are refused"));
  }
}

std::vector<std::string> Resources::FilesOf(const Config& config) {
  std::vector<std::string> files;
  for (const SideConfig* side : {&config.client, &config.server}) {
    const std::optional<std::string> store =
        side->truststore.has_value() ? side->truststore : SystemTrustStore();
    for (const auto& file :
         {store, side->crl, side->certificate, side->private_key}) {
      if (file.has_value() && !file->empty() && !IsUrl(*file)) {
        files.push_back(*file);
      }
    }
  }
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

void Resources::Retire(const SideSettings& settings) {
  Retire(settings.trust);
  Retire(settings.credential);
}

void Resources::Retire(const Slot& slot) {
  if (const auto use = uses_.find(IdOf(slot)); use != uses_.end()) {
    use->second.retired = true;
    ForgetIfUnused(use->first);
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
