#include "agent/config/side_config.h"

#include <algorithm>
#include <array>

namespace ktlsd::agent {
namespace {

constexpr char kTrustStore[] = "x509.truststore";
constexpr char kCrl[] = "x509.crl";
constexpr char kCertificate[] = "x509.certificate";
constexpr char kPrivateKey[] = "x509.private_key";

constexpr char kEku[] = "eku";

constexpr std::array<std::string_view, 5> kKeys = {
    kTrustStore, kCrl, kCertificate, kPrivateKey, kEku};

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

// Its clients' certificates are what a server lets in, or not.
void RefuseAllowKeys(KeyFile& file, const std::string& group) {
  for (const std::string& key : file.Keys(group)) {
    if (IsAllowKey(key)) {
      file.Complain(group, key, "it is for servers");
    }
  }
}

}  // namespace

SideConfig ReadSide(KeyFile& file, const std::string& group, Part part) {
  SideConfig side;
  side.truststore = file.Text(group, kTrustStore);
  side.crl = file.Text(group, kCrl);
  side.certificate = file.Text(group, kCertificate);
  side.private_key = file.Text(group, kPrivateKey);
  side.rpc_certificates = ReadEku(file, group);
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

SideConfig Inherit(SideConfig own, const SideConfig& base) {
  InheritOne(own.truststore, base.truststore);
  InheritOne(own.crl, base.crl);
  InheritOne(own.allowed, base.allowed);
  InheritOne(own.rpc_certificates, base.rpc_certificates);
  if (!own.certificate.has_value() && !own.private_key.has_value()) {
    own.certificate = base.certificate;
    own.private_key = base.private_key;
  }
  return own;
}

}  // namespace ktlsd::agent
