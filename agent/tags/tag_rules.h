// Which tags a session gets, by its peer's certificate.
//
// Scope:     values, and their application to a certificate. A peer without a
//            certificate has no tags: there is nothing to apply them to.
// Layer:     agent/tags.
// Threads:   value types.
// Design:    docs/session-tags.md
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/tags/certificate_facts.h"

namespace ktlsd::agent {

inline constexpr std::size_t kMaxFilters = 256;
inline constexpr std::size_t kMaxTags = 64;
inline constexpr std::size_t kMaxTagFilters = 32;  // of one tag
inline constexpr std::size_t kMaxTagName = 63;
// Of all names, joined by commas: a list of the tags that matched always fits.
inline constexpr std::size_t kMaxTagList = 1023;

// A field as text, and a pattern (wildcard.h) for it.
enum class TextField : uint8_t {
  kSignatureAlgorithm,  // its name or its number
  kSerial,
  kIssuer,
  kSubject,
  kFingerprint,  // SHA-1 or SHA-256
};
struct TextFilter {
  TextField field;
  std::string pattern;
};
struct VersionFilter {
  int64_t version;
};
// Valid from this second on, or a later one.
struct NotBeforeFilter {
  std::chrono::sys_seconds earliest;
};
// Valid until this second, or an earlier one.
struct NotAfterFilter {
  std::chrono::sys_seconds latest;
};
// All of these bits are set.
struct KeyUsageFilter {
  uint32_t bits;
};
struct SelfSignedFilter {};
using TagFilter =
    std::variant<TextFilter, VersionFilter, NotBeforeFilter, NotAfterFilter,
                 KeyUsageFilter, SelfSignedFilter>;

// All of `filters` match, and none of `excluded`.
struct TagRule {
  std::string name;
  std::vector<std::size_t> filters;  // places in TagRules::filters
  std::vector<std::size_t> excluded;
};

struct TagRules {
  std::vector<TagFilter> filters;
  std::vector<TagRule> tags;
};

bool Matches(const TagFilter& filter, const CertificateFacts& facts);

// The names of the tags that match, joined by commas: at most kMaxTagList.
std::string TagsOf(const TagRules& rules, const CertificateFacts& facts);

}  // namespace ktlsd::agent
