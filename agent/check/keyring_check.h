// The kernel's keyrings and the pre-shared keys in them.
//
// Layer:     agent/check.
// Threads:   as Keyrings.
// Privilege: uid 0, to see more than that a keyring is not there.
#pragma once

#include <string>
#include <vector>

#include "agent/check/report.h"
#include "agent/keyring/keyrings.h"
#include "agent/keyring/psk_lookup.h"
#include "base/hkdf.h"

namespace ktlsd::agent {

// `wanted`: names of keyrings, of which `missing` were not found; the kernel
// makes its own (".nvme" and the like) when a module of it is loaded.
void CheckKeyrings(const std::vector<std::string>& wanted,
                   const std::vector<std::string>& missing, Report& report);

// The keys in `keyrings` that can be used, as the daemon resolves them;
// `hash` is for those whose identity does not say it.
std::vector<NamedPsk> CheckPsks(Keyrings& keyrings, HashAlgorithm hash,
                                Report& report);

}  // namespace ktlsd::agent
