#include "agent/check/rehearsal.h"

#include <optional>
#include <utility>
#include <variant>

#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/monitor/socket_facts.h"
#include "agent/upcall/consumer.h"
#include "base/owned_fd.h"

namespace ktlsd::agent {
namespace {

// Has `resources` hear all that `role` answers.
template <typename FromRole, typename Answer>
Status Hear(Link& role, Resources& resources) {
  for (;;) {
    ASSIGN_OR_RETURN(const auto received, role.Receive<FromRole>());
    if (!received.has_value()) {
      return Ok{};
    }
    if (const Answer* answer = std::get_if<Answer>(&received->message)) {
      resources.Handle(*answer);
    }
  }
}

}  // namespace

struct Rehearsal::Links {
  std::pair<OwnedFd, OwnedFd> keeper;
  std::pair<OwnedFd, OwnedFd> verifier;
};

Rehearsal::Rehearsal(Links links, const Clock& clock)
    : keeper_(Link(std::move(links.keeper.second))),
      verifier_(Link(std::move(links.verifier.second)), clock) {
  resources_.SetKeeper(Link(std::move(links.keeper.first)));
  resources_.SetVerifier(Link(std::move(links.verifier.first)));
}

Result<std::unique_ptr<Rehearsal>> Rehearsal::Load(const Config& config,
                                                   const Clock& clock) {
  ASSIGN_OR_RETURN(auto keeper, MakeLinkPair());
  ASSIGN_OR_RETURN(auto verifier, MakeLinkPair());
  std::unique_ptr<Rehearsal> rehearsal(
      new Rehearsal({std::move(keeper), std::move(verifier)}, clock));
  rehearsal->resources_.Reload(config);
  RETURN_IF_ERROR(rehearsal->LoadAll());
  return rehearsal;
}

Status Rehearsal::LoadAll() {
  RETURN_IF_ERROR(keeper_.Turn(0));
  RETURN_IF_ERROR(verifier_.Turn(0));
  RETURN_IF_ERROR(
      (Hear<FromKeeper, CredentialLoaded>(*resources_.keeper(), resources_)));
  return Hear<FromVerifier, TrustLoaded>(*resources_.verifier(), resources_);
}

Planning Rehearsal::Plan(const Request& request) const {
  SocketFacts facts;
  facts.is_tcp = true;
  return MakePlan(request, InferConsumer(request), facts, side(Side::kClient),
                  side(Side::kServer));
}

}  // namespace ktlsd::agent
