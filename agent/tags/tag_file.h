// Tag rules from the YAML files of /etc/tlshd/tags.d.
//
// Scope:     text in, rules out; all files together, or the first reason why
//            not. The text is the administrator's; nothing in it can make the
//            reader do more than read.
// Layer:     agent/tags; yaml-cpp.
// Threads:   value types.
// Design:    docs/session-tags.md
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "agent/tags/tag_rules.h"

namespace ktlsd::agent {

inline constexpr std::size_t kMaxTagFile = 1U << 16;  // bytes

// Why the rules cannot be used: words for the log, in ASCII.
struct TagProblem {
  std::string text;
};

class TagFileReader {
 public:
  // Reads one more file; in one that is refused nothing counts.
  std::variant<std::monostate, TagProblem> Read(const std::string& text);

  // All that was read. A filter may stand in another file than its tags.
  std::variant<TagRules, TagProblem> Finish() &&;

 private:
  friend class TagDocument;
  struct NamedTag {
    std::string name;
    std::vector<std::string> filters;
    std::vector<std::string> excluded;
  };

  std::map<std::string, std::size_t> filter_places_;
  std::set<std::string> tag_names_;
  std::vector<TagFilter> filters_;
  std::vector<NamedTag> tags_;
};

}  // namespace ktlsd::agent
