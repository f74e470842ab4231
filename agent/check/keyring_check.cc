#include "agent/check/keyring_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/result.h"

namespace ktlsd::agent {
namespace {

constexpr std::string_view kPsk = "psk";

std::string KeyringCalled(std::string_view name) {
  return fmt::format("keyring {}", name);
}

void CheckPsk(KeySerial serial, PskLookup& lookup, std::vector<NamedPsk>& psks,
              Report& report) {
  const std::string about = fmt::format("key {}", serial);
  const Result<NamedPsk> psk = lookup.Resolve(serial);
  if (!psk.ok()) {
    return report.Fail(about, fmt::format("{} ({})", psk.error().what,
                                          Describe(psk.error().code).label));
  }
  report.Ok(about,
            fmt::format("a pre-shared key for {}: {}", HashName(psk->hash),
                        std::string_view(
                            reinterpret_cast<const char*>(psk->identity.data()),
                            psk->identity.size())));
  psks.push_back(*psk);
}

}  // namespace

void CheckKeyrings(const std::vector<std::string>& wanted,
                   const std::vector<std::string>& missing, Report& report) {
  for (const std::string& name : wanted) {
    if (std::ranges::count(missing, name) == 0) {
      report.Ok(KeyringCalled(name), "it is there");
    } else if (name.starts_with('.')) {
      report.Ok(KeyringCalled(name), "not there (yet): its module makes it");
    } else {
      report.Warn(KeyringCalled(name),
                  "there is none of root's with this name (yet)");
    }
  }
}

std::vector<NamedPsk> CheckPsks(Keyrings& keyrings, HashAlgorithm hash,
                                Report& report) {
  PskLookup lookup(keyrings);
  lookup.SetDefaultHash(hash);
  std::vector<NamedPsk> psks;
  for (const KeySerial keyring : keyrings.PskKeyrings()) {
    const Result<std::vector<KeySerial>> keys = keyrings.List(keyring);
    if (!keys.ok()) {
      report.Warn(fmt::format("keyring {}", keyring), keys.error().what);
      continue;
    }
    for (const KeySerial key : *keys) {
      const Result<KeyFacts> facts = keyrings.Describe(key);
      if (facts.ok() && facts->type == kPsk) {
        CheckPsk(key, lookup, psks, report);
      }
    }
  }
  return psks;
}

}  // namespace ktlsd::agent
