#include "agent/config/tls_choices.h"

#include <algorithm>
#include <array>
#include <span>

namespace ktlsd::agent {
namespace {

using handshake::NamedGroup;

constexpr std::array kSuites = {
    CipherSuite::kAes128GcmSha256, CipherSuite::kAes256GcmSha384,
    CipherSuite::kChaCha20Poly1305Sha256, CipherSuite::kAes128CcmSha256};
constexpr std::array kGroups = {
    NamedGroup::kX25519MlKem768,     NamedGroup::kSecP256r1MlKem768,
    NamedGroup::kSecP384r1MlKem1024, NamedGroup::kX25519,
    NamedGroup::kSecp256r1,          NamedGroup::kSecp384r1,
    NamedGroup::kSecp521r1};

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool SameName(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

template <typename T>
std::optional<T> Named(std::span<const T> all, std::string_view name,
                       std::string_view (*name_of)(T)) {
  const auto found = std::ranges::find_if(
      all, [&](T one) { return SameName(name_of(one), name); });
  return found == all.end() ? std::nullopt : std::optional(*found);
}

template <typename T>
std::optional<std::vector<T>> ReadList(
    KeyFile& file, const std::string& group, const std::string& key,
    std::optional<T> (*named)(std::string_view)) {
  const auto names = file.List(group, key);
  if (!names.has_value()) {
    return std::nullopt;
  }
  if (names->empty()) {
    file.Complain(group, key, "an empty list would let nothing be agreed on");
  }
  std::vector<T> list;
  for (const std::string& name : *names) {
    const std::optional<T> one = named(name);
    if (!one.has_value()) {
      file.Complain(group, key, name + " is not known");
    } else if (std::ranges::find(list, *one) != list.end()) {
      file.Complain(group, key, name + " is there twice");
    } else {
      list.push_back(*one);
    }
  }
  return list;
}

}  // namespace

std::optional<CipherSuite> SuiteNamed(std::string_view name) {
  return Named<CipherSuite>(kSuites, name, CipherSuiteName);
}

std::optional<NamedGroup> GroupNamed(std::string_view name) {
  return Named<NamedGroup>(kGroups, name, handshake::GroupName);
}

std::vector<CipherSuite> AllSuites() {
  return {kSuites.begin(), kSuites.end()};
}

std::vector<NamedGroup> AllGroups() { return {kGroups.begin(), kGroups.end()}; }

std::optional<std::vector<CipherSuite>> ReadSuites(KeyFile& file,
                                                   const std::string& group) {
  return ReadList(file, group, "ciphers", SuiteNamed);
}

std::optional<std::vector<NamedGroup>> ReadGroups(KeyFile& file,
                                                  const std::string& group) {
  return ReadList(file, group, "groups", GroupNamed);
}

}  // namespace ktlsd::agent
