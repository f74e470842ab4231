// The tags of sessions: rules from the monitor's files, applied to peers.
//
// Scope:     takes the files one by one and swaps all rules at once, when the
//            last one is there and sound; else the old ones stay.
// Layer:     agent/verifier.
// Threads:   one.
// Design:    docs/session-tags.md
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/ipc/verifier_messages.h"
#include "agent/tags/tag_file.h"
#include "agent/tags/tag_rules.h"
#include "base/bytes.h"

namespace ktlsd::agent {

class SessionTags {
 public:
  // Takes one file's text. Returns what the monitor is to be told: once for
  // each set of files, at its end or at its first problem.
  std::optional<TagsLoaded> Take(const LoadTags& load, ByteView text);

  // Of a peer whose certificate was verified. Empty when there are none, or
  // the certificate cannot be read.
  std::string Of(ByteView certificate) const;

 private:
  TagsLoaded Fail(uint32_t file, const std::string& why);
  TagsLoaded Swap(uint32_t files);

  TagRules rules_;
  std::optional<TagFileReader> reader_;
  uint32_t next_file_ = 0;
};

}  // namespace ktlsd::agent
