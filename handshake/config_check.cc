#include "handshake/config_check.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "handshake/negotiation.h"

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kMaxProtocolName = UINT8_MAX;  // bytes; RFC 7301
// RFC 8446 section 4.2.11: an identity's length and age, its binder's length.
constexpr std::size_t kPskOverhead = 2 + 4 + 1;

Error Unusable(std::string_view what) {
  return Error{Code::kConfigUnusable, what};
}

template <typename T>
bool HasTwice(const std::vector<T>& list) {
  return std::ranges::any_of(list, [&list](const T& value) {
    return std::ranges::count(list, value) > 1;
  });
}

Status CheckSuites(const std::vector<CipherSuite>& suites) {
  if (suites.empty()) {
    return Unusable("no cipher suite");
  }
  for (const CipherSuite suite : suites) {
    if (!Contains(DefaultSuites(), suite)) {
      return Unusable("a cipher suite that is not known here");
    }
  }
  return Ok{};
}

Status CheckGroups(const std::vector<NamedGroup>& groups) {
  if (groups.empty()) {
    return Unusable("no group");
  }
  if (HasTwice(groups)) {
    return Unusable("a group that is listed twice");
  }
  if (!std::ranges::all_of(groups, IsSupported)) {
    return Unusable("a group that is not known here");
  }
  return Ok{};
}

// Section 4.2.8: shares are of groups on offer, each once and in their order.
Status CheckShares(const ClientConfig& config) {
  if (config.share_groups.empty()) {
    return Unusable("no key share to offer");
  }
  auto next = config.groups.begin();
  for (const NamedGroup group : config.share_groups) {
    next = std::find(next, config.groups.end(), group);
    if (next == config.groups.end()) {
      return Unusable(
          "a key share of a group that is not offered, or not in the order of "
          "the groups");
    }
    ++next;
  }
  return Ok{};
}

Status CheckProtocols(const std::vector<Bytes>& protocols, bool required) {
  if (required && protocols.empty()) {
    return Unusable("an application protocol is required, and none configured");
  }
  for (const Bytes& name : protocols) {
    if (name.empty() || name.size() > kMaxProtocolName) {
      return Unusable("an application protocol of not 1 to 255 bytes");
    }
  }
  return Ok{};
}

Status CheckCertificates(const LocalCertificates& certificates,
                         bool must_show) {
  if (must_show && certificates.empty()) {
    return Unusable("a certificate must be shown, and none is configured");
  }
  const bool all_there = std::ranges::all_of(
      certificates, [](const auto& one) { return !one->chain.empty(); });
  if (!all_there) {
    return Error{Code::kNoCertificateConfigured,
                 "a chain without a certificate"};
  }
  return Ok{};
}

Status CheckPsks(const ClientConfig& config) {
  if (config.psks.empty()) {
    return Ok{};
  }
  if (!config.certificates.empty()) {
    return Unusable("a certificate where PSKs are offered");
  }
  for (const PskName& psk : config.psks) {
    if (psk.identity.empty()) {
      return Unusable("a PSK identity that is empty");
    }
  }
  // Section 4.2.11: "the Hash associated with the PSK".
  const bool has_suite = std::ranges::any_of(config.suites, [&](auto suite) {
    return std::ranges::find(config.psks, HashOf(suite), &PskName::hash) !=
           config.psks.end();
  });
  if (!has_suite) {
    return Unusable("no cipher suite that fits the hash of a PSK");
  }
  return Ok{};
}

std::size_t SizeOfNames(const ClientConfig& config) {
  std::size_t size = 0;
  for (const PskName& psk : config.psks) {
    size += psk.identity.size() + kPskOverhead + HashSize(psk.hash);
  }
  for (const Bytes& name : config.alpn_protocols) {
    size += name.size() + 1;
  }
  return size;
}

}  // namespace

Status CheckConfig(const ClientConfig& config) {
  RETURN_IF_ERROR(CheckSuites(config.suites));
  RETURN_IF_ERROR(CheckGroups(config.groups));
  RETURN_IF_ERROR(CheckShares(config));
  RETURN_IF_ERROR(CheckProtocols(config.alpn_protocols, config.require_alpn));
  RETURN_IF_ERROR(
      CheckCertificates(config.certificates, config.must_show_certificate));
  RETURN_IF_ERROR(CheckPsks(config));
  if (SizeOfNames(config) > kMaxOfferedNames) {
    return Unusable(
        "PSK identities and application protocols of together more than one "
        "ClientHello has room for");
  }
  return Ok{};
}

Status CheckConfig(const ServerConfig& config) {
  RETURN_IF_ERROR(CheckSuites(config.suites));
  RETURN_IF_ERROR(CheckGroups(config.groups));
  RETURN_IF_ERROR(CheckProtocols(config.alpn_protocols, config.require_alpn));
  return CheckCertificates(config.certificates, false);
}

}  // namespace ktlsd::handshake
