#include "agent/monitor/choices.h"

#include <algorithm>

#include "handshake/config.h"
#include "handshake/crypto/key_share.h"

namespace ktlsd::agent {
namespace {

using handshake::NamedGroup;

template <typename T>
void KeepOnly(std::vector<T>& list, const std::optional<std::vector<T>>& of) {
  if (of.has_value()) {
    std::erase_if(list,
                  [&](T one) { return std::ranges::count(*of, one) == 0; });
  }
}

void Refuse(Choices& choices, std::string reason) {
  choices.problem = Problem{Code::kConfigUnusable, "", std::move(reason)};
}

}  // namespace

Choices MakeChoices(const SideConfig& config, const CryptoPolicy& policy) {
  Choices choices;
  if (config.suites.has_value() || policy.suites.has_value()) {
    choices.suites = config.suites.value_or(handshake::DefaultSuites());
    KeepOnly(*choices.suites, policy.suites);
    if (choices.suites->empty()) {
      Refuse(choices, "the crypto policy leaves no cipher");
    }
  }
  if (config.groups.has_value() || policy.groups.has_value()) {
    choices.groups = config.groups.value_or(handshake::DefaultGroups());
    std::erase_if(choices.groups, [&choices](NamedGroup group) {
      if (handshake::IsSupported(group)) {
        return false;
      }
      choices.lacking.emplace_back(handshake::GroupName(group));
      return true;
    });
    KeepOnly(choices.groups, policy.groups);
    if (choices.groups.empty()) {
      Refuse(choices, "the crypto policy and this libcrypto leave no group");
    }
  }
  return choices;
}

}  // namespace ktlsd::agent
