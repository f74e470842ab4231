// The files of a configuration, as the daemon would take them, and what will
// become of them.
//
// Scope:     whether a file can be used is the daemon's word (rehearsal.h);
//            this adds what can be seen before it hurts: what expires, what no
//            list covers, what a peer would refuse.
// Layer:     agent/check.
// Threads:   pure functions.
// Privilege: reads private keys.
#pragma once

#include <optional>
#include <string>

#include "agent/check/rehearsal.h"
#include "agent/check/report.h"
#include "agent/check/trust_files.h"
#include "agent/config/config.h"
#include "agent/config/side_config.h"
#include "agent/monitor/settings.h"
#include "base/clock.h"

namespace ktlsd::agent {

// Reads and checks the text of `path`. Nothing when it cannot be used.
std::optional<Config> CheckConfigFile(const std::string& path, Report& report);

// What the configuration has for the settings of `profile`.
const SideConfig& FilesOf(const Profile& profile, const Config& config);

// Its trust; nothing where there is none that can be loaded.
std::optional<TrustFiles> TrustFilesOf(const SideConfig& config,
                                       const SideSettings& settings);

// Checks all files that `config` names, which `rehearsal` has loaded.
void CheckFiles(const Config& config, const Rehearsal& rehearsal,
                CalendarTime now, Report& report);

}  // namespace ktlsd::agent
