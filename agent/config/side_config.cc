#include "agent/config/side_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>

#include "agent/config/tls_choices.h"

namespace ktlsd::agent {
namespace {

constexpr char kTrustStore[] = "x509.truststore";
constexpr char kCrl[] = "x509.crl";
constexpr char kCertificate[] = "x509.certificate";
constexpr char kPrivateKey[] = "x509.private_key";
constexpr char kPqCertificate[] = "x509.pq.certificate";
constexpr char kPqPrivateKey[] = "x509.pq.private_key";

constexpr char kEku[] = "eku";
constexpr char kAlpnRequired[] = "alpn.required";
constexpr char kPeerKey[] = "peer_key.timeout";
constexpr char kExpectedVolume[] = "expected.volume";

// Who wants one for longer than that has forgotten that it is there.
constexpr int kLongestPeerKey = 7 * 24 * 60 * 60;  // seconds

constexpr std::array<std::string_view, 12> kKeys = {
    kTrustStore,    kCrl,          kCertificate, kPrivateKey,
    kPqCertificate, kPqPrivateKey, kEku,         kAlpnRequired,
    "ciphers",      "groups",      kPeerKey,     kExpectedVolume};

template <typename T>
void InheritOne(std::optional<T>& own, const std::optional<T>& base) {
  if (!own.has_value()) {
    own = base;
  }
}

// "rpc", or "any": that of TLS or that of RPC.
std::optional<bool> ReadEku(KeyFile& file, const std::string& group) {
  const std::optional<std::string> eku = file.Text(group, kEku);
  if (eku.has_value() && *eku != "any" && *eku != "rpc") {
    file.Complain(group, kEku, "neither any nor rpc");
  }
  return eku.has_value() ? std::optional(*eku == "rpc") : std::nullopt;
}

std::optional<bool> ReadFlag(KeyFile& file, const std::string& group,
                             const std::string& key) {
  const std::optional<std::string> flag = file.Text(group, key);
  if (flag.has_value() && *flag != "true" && *flag != "false") {
    file.Complain(group, key, "neither true nor false");
  }
  return flag.has_value() ? std::optional(*flag == "true") : std::nullopt;
}

// Servers report no key: nfsd asks no more than whether there is one.
std::optional<std::chrono::seconds> ReadPeerKey(KeyFile& file,
                                                const std::string& group,
                                                Part part) {
  const std::optional<int> seconds = file.Number(group, kPeerKey);
  if (!seconds.has_value()) {
    return std::nullopt;
  }
  if (part != Part::kClient) {
    file.Complain(group, kPeerKey, "it is for clients");
  } else if (*seconds < 1 || *seconds > kLongestPeerKey) {
    file.Complain(group, kPeerKey, "not from 1 to 604800 seconds");
  }
  return std::chrono::seconds(*seconds);
}

// "388G": powers of a thousand.
std::optional<uint64_t> ParseVolume(std::string_view text) {
  constexpr std::string_view kUnits = "KMGTP";
  uint64_t volume = 0;
  const auto [rest, error] =
      std::from_chars(text.data(), text.data() + text.size(), volume);
  const std::string_view unit =
      text.substr(static_cast<std::size_t>(rest - text.data()));
  if (error != std::errc() || volume == 0 || unit.size() > 1) {
    return std::nullopt;
  }
  if (unit.empty()) {
    return volume;
  }
  const std::size_t power = kUnits.find(unit);
  if (power == std::string_view::npos) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i <= power; ++i) {
    if (volume > UINT64_MAX / 1000) {
      return std::nullopt;
    }
    volume *= 1000;
  }
  return volume;
}

bool NamesCertificates(const SideConfig& side) {
  return side.certificate.has_value() || side.private_key.has_value() ||
         side.pq_certificate.has_value() || side.pq_private_key.has_value();
}

// Its clients' certificates are what a server lets in, or not.
void RefuseAllowKeys(KeyFile& file, const std::string& group) {
  for (const std::string& key : file.Keys(group)) {
    if (IsAllowKey(key)) {
      file.Complain(group, key, "it is for servers");
    }
  }
}

}  // namespace

std::optional<uint64_t> ReadVolume(KeyFile& file, const std::string& group) {
  const std::optional<std::string> text = file.Text(group, kExpectedVolume);
  if (!text.has_value()) {
    return std::nullopt;
  }
  const std::optional<uint64_t> volume = ParseVolume(*text);
  if (!volume.has_value()) {
    file.Complain(group, kExpectedVolume,
                  "no number of bytes, such as 500G or 2T");
  }
  return volume;
}

SideConfig ReadSide(KeyFile& file, const std::string& group, Part part) {
  SideConfig side;
  side.truststore = file.Text(group, kTrustStore);
  side.crl = file.Text(group, kCrl);
  side.certificate = file.Text(group, kCertificate);
  side.private_key = file.Text(group, kPrivateKey);
  side.pq_certificate = file.Text(group, kPqCertificate);
  side.pq_private_key = file.Text(group, kPqPrivateKey);
  side.rpc_certificates = ReadEku(file, group);
  side.alpn_required = ReadFlag(file, group, kAlpnRequired);
  side.peer_key = ReadPeerKey(file, group, part);
  side.expected_volume = ReadVolume(file, group);
  side.suites = ReadSuites(file, group);
  side.groups = ReadGroups(file, group);
  if (part == Part::kClient) {
    RefuseAllowKeys(file, group);
  } else {
    side.allowed = ReadAllowedPeers(file, group);
  }
  return side;
}

bool IsSideKey(std::string_view key) {
  return IsAllowKey(key) || std::ranges::find(kKeys, key) != kKeys.end();
}

void CheckPairs(KeyFile& file, const std::string& group,
                const SideConfig& side) {
  if (side.certificate.has_value() != side.private_key.has_value()) {
    file.Complain(group, "x509.certificate and x509.private_key go together");
  }
  if (side.pq_certificate.has_value() != side.pq_private_key.has_value()) {
    file.Complain(group,
                  "x509.pq.certificate and x509.pq.private_key go together");
  }
}

SideConfig Inherit(SideConfig own, const SideConfig& base) {
  InheritOne(own.truststore, base.truststore);
  InheritOne(own.crl, base.crl);
  InheritOne(own.allowed, base.allowed);
  InheritOne(own.rpc_certificates, base.rpc_certificates);
  InheritOne(own.alpn_required, base.alpn_required);
  InheritOne(own.peer_key, base.peer_key);
  InheritOne(own.expected_volume, base.expected_volume);
  InheritOne(own.suites, base.suites);
  InheritOne(own.groups, base.groups);
  if (!NamesCertificates(own)) {
    own.certificate = base.certificate;
    own.private_key = base.private_key;
    own.pq_certificate = base.pq_certificate;
    own.pq_private_key = base.pq_private_key;
  }
  return own;
}

}  // namespace ktlsd::agent
