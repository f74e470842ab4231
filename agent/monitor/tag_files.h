// The files with rules for session tags, on their way to the verifier.
//
// Layer:     agent/monitor.
// Threads:   pure functions.
// Privilege: reads root's files; parses none.
// Design:    docs/session-tags.md
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/config/problem.h"
#include "agent/ipc/link.h"
#include "agent/log/log_event.h"
#include "agent/monitor/load_queue.h"

namespace ktlsd::agent {

inline constexpr char kTagsDirectory[] = "/etc/tlshd/tags.d";

// The files *.yml and *.yaml in `directory`, in order; none where there is no
// directory.
std::vector<std::string> TagFilesIn(const std::string& directory);

// Sends the texts of `files`, all or none. Returns why they were not: then the
// rules stay as they are.
std::optional<Problem> SendTags(const std::vector<std::string>& files,
                                Link& verifier, LoadQueue& queue);

// What the verifier found wrong.
std::optional<Problem> ProblemOf(const std::vector<std::string>& files,
                                 const TagsLoaded& loaded);

void LogProblem(const Problem& problem, LogSink& log);

}  // namespace ktlsd::agent
