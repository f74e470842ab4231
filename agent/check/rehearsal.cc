#include "agent/check/rehearsal.h"

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/keeper/token_opening.h"
#include "agent/monitor/socket_facts.h"
#include "agent/sandbox/process_role.h"
#include "agent/upcall/consumer.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

// Has `resources` hear all `Answers` of `role`.
template <typename FromRole, typename... Answers>
Status Hear(Link& role, Resources& resources) {
  for (;;) {
    ASSIGN_OR_RETURN(const auto received, role.Receive<FromRole>());
    if (!received.has_value()) {
      return Ok{};
    }
    std::visit(
        [&resources]<typename M>(const M& message) {
          if constexpr ((... || std::is_same_v<M, Answers>)) {
            resources.Handle(message);
          }
        },
        received->message);
  }
}

}  // namespace

struct Rehearsal::Links {
  std::pair<OwnedFd, OwnedFd> keeper;
  std::pair<OwnedFd, OwnedFd> verifier;
};

Rehearsal::Rehearsal(Link verifier, uid_t key_owner, const Clock& clock)
    : verifier_(std::move(verifier), clock), resources_(log_, key_owner) {}

// A keeper is told first which tokens to open, if any.
Status Rehearsal::Start(const Config& config, Links links) {
  resources_.Reload(config);
  resources_.SetKeeper(Link(std::move(links.keeper.first)));
  Link keeper(std::move(links.keeper.second));
  if (resources_.keeper_role() == ProcessRole::kTokenKeeper) {
    RETURN_IF_ERROR(ReceiveTokens(keeper, tokens_));
  }
  Service<Keeper>& served = keeper_.emplace(std::move(keeper), tokens_);
  resources_.SetVerifier(Link(std::move(links.verifier.first)));
  return LoadAll(served);
}

Result<std::unique_ptr<Rehearsal>> Rehearsal::Load(
    const Config& config, uid_t key_owner, const Clock& clock,
    const std::string& tags_directory) {
  ASSIGN_OR_RETURN(auto keeper, MakeLinkPair());
  ASSIGN_OR_RETURN(auto verifier, MakeLinkPair());
  std::unique_ptr<Rehearsal> rehearsal(
      new Rehearsal(Link(std::move(verifier.second)), key_owner, clock));
  rehearsal->resources_.set_tags_directory(tags_directory);
  RETURN_IF_ERROR(
      rehearsal->Start(config, {std::move(keeper), std::move(verifier)}));
  return rehearsal;
}

Status Rehearsal::LoadAll(Service<Keeper>& keeper) {
  for (bool more = true; more;) {
    more = resources_.SendMore();
    RETURN_IF_ERROR(keeper.Turn(0));
    RETURN_IF_ERROR(verifier_.Turn(0));
    RETURN_IF_ERROR(
        (Hear<FromKeeper, CredentialLoaded>(*resources_.keeper(), resources_)));
    RETURN_IF_ERROR((Hear<FromVerifier, TrustLoaded, TagsLoaded>(
        *resources_.verifier(), resources_)));
  }
  return Ok{};
}

Rehearsal::Answer Rehearsal::Plan(const Request& request,
                                  const std::string& address,
                                  const std::vector<CipherSuite>& suites,
                                  const std::string& netns) const {
  SocketFacts facts;
  facts.is_tcp = true;
  // As a socket shows it.
  facts.peer =
      (address.find(':') == std::string::npos ? address : "[" + address + "]") +
      ":0";
  const Consumer consumer = InferConsumer(request);
  const Profile& profile = resources_.Choose(request, consumer, facts, netns);
  return {profile, MakePlan(request, consumer, facts, netns, profile, suites)};
}

}  // namespace ktlsd::agent
