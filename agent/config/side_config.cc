#include "agent/config/side_config.h"

#include <algorithm>
#include <array>

namespace ktlsd::agent {
namespace {

constexpr char kTrustStore[] = "x509.truststore";
constexpr char kCrl[] = "x509.crl";
constexpr char kCertificate[] = "x509.certificate";
constexpr char kPrivateKey[] = "x509.private_key";

constexpr std::array<std::string_view, 4> kKeys = {kTrustStore, kCrl,
                                                   kCertificate, kPrivateKey};

template <typename T>
void InheritOne(std::optional<T>& own, const std::optional<T>& base) {
  if (!own.has_value()) {
    own = base;
  }
}

}  // namespace

SideConfig ReadSide(KeyFile& file, const std::string& group) {
  SideConfig side;
  side.truststore = file.Text(group, kTrustStore);
  side.crl = file.Text(group, kCrl);
  side.certificate = file.Text(group, kCertificate);
  side.private_key = file.Text(group, kPrivateKey);
  return side;
}

bool IsSideKey(std::string_view key) {
  return std::ranges::find(kKeys, key) != kKeys.end();
}

SideConfig Inherit(SideConfig own, const SideConfig& base) {
  InheritOne(own.truststore, base.truststore);
  InheritOne(own.crl, base.crl);
  if (!own.certificate.has_value() && !own.private_key.has_value()) {
    own.certificate = base.certificate;
    own.private_key = base.private_key;
  }
  return own;
}

}  // namespace ktlsd::agent
