#include "agent/monitor/choices.h"

#include <algorithm>
#include <string>

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

// Bytes that one key should protect, in the largest records there are: AES-GCM
// 2^24.5 of them (RFC 8446 section 5.5), AES-CCM 2^23 (RFC 9147 section 4.5.3).
// ChaCha20-Poly1305 has none that a connection reaches.
std::optional<uint64_t> LimitOf(CipherSuite suite) {
  constexpr uint64_t kRecord = 1U << 14;
  switch (suite) {
    case CipherSuite::kAes256GcmSha384:
    case CipherSuite::kAes128GcmSha256:
      return 23'726'566 * kRecord;
    case CipherSuite::kAes128CcmSha256:
      return 8'388'608 * kRecord;
    case CipherSuite::kChaCha20Poly1305Sha256:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> VolumeTrouble(
    std::optional<uint64_t> expected,
    const std::optional<std::vector<CipherSuite>>& suites) {
  std::string passed;
  for (const CipherSuite suite : suites.value_or(handshake::DefaultSuites())) {
    const std::optional<uint64_t> limit = LimitOf(suite);
    if (expected.has_value() && limit.has_value() && *expected > *limit) {
      passed += (passed.empty() ? "" : ", ") +
                std::string(CipherSuiteName(suite)) + " for " +
                std::to_string(*limit / 1'000'000'000) + "G";
    }
  }
  if (passed.empty()) {
    return std::nullopt;
  }
  return "a key is good at most for: " + passed +
         "; and no connection in the kernel changes its keys";
}

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
