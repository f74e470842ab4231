// What `ktlsctl sessions` shows.
//
// Layer:     tools/ktlsctl.
// Threads:   pure functions.
#pragma once

#include <cstddef>
#include <string>

#include "agent/control/json.h"

namespace ktlsd::ktlsctl {

struct SessionFilter {
  bool failed = false;   // only those that did not succeed
  std::string peer;      // an address, with or without the port, or a name
  std::size_t last = 0;  // only so many of the newest; 0: all
};

// `sessions` is the list of the daemon's answer, oldest first; so is what is
// returned.
agent::Json Select(const agent::Json& sessions, const SessionFilter& filter);

std::string SessionsText(const agent::Json& sessions);
// `live`: the list of sessions that are watched.
std::string LiveText(const agent::Json& live);

}  // namespace ktlsd::ktlsctl
