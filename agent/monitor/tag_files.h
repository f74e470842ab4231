// The files with rules for session tags, on their way to the verifier.
//
// Layer:     agent/monitor.
// Threads:   pure functions.
// Privilege: reads root's files; parses none.
// Design:    docs/session-tags.md
#pragma once

#include <string>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/log/log_event.h"

namespace ktlsd::agent {

inline constexpr char kTagsDirectory[] = "/etc/tlshd/tags.d";

// The files *.yml and *.yaml in `directory`, in order; none where there is no
// directory.
std::vector<std::string> TagFilesIn(const std::string& directory);

// Sends the texts of `files`, all or none. One that cannot be read is logged,
// and the rules stay as they are.
void SendTags(const std::vector<std::string>& files, Link& verifier,
              LogSink& log);

// Says what came of it.
void LogTags(const std::vector<std::string>& files, const TagsLoaded& loaded,
             LogSink& log);

}  // namespace ktlsd::agent
