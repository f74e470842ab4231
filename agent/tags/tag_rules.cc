#include "agent/tags/tag_rules.h"

#include <algorithm>

#include "agent/tags/wildcard.h"
#include "base/overload.h"

namespace ktlsd::agent {
namespace {

bool MatchesText(const TextFilter& filter, const CertificateFacts& facts) {
  const auto matches = [&](const std::string& text) {
    return MatchesWildcard(filter.pattern, text);
  };
  switch (filter.field) {
    case TextField::kSignatureAlgorithm:
      return matches(facts.signature_algorithm) ||
             matches(facts.signature_algorithm_oid);
    case TextField::kSerial:
      return matches(facts.serial);
    case TextField::kIssuer:
      return matches(facts.issuer);
    case TextField::kSubject:
      return matches(facts.subject);
    case TextField::kFingerprint:
      return matches(facts.sha1) || matches(facts.sha256);
  }
  return false;
}

}  // namespace

bool Matches(const TagFilter& filter, const CertificateFacts& facts) {
  return std::visit(
      Overload{[&](const TextFilter& text) { return MatchesText(text, facts); },
               [&](const VersionFilter& wanted) {
                 return facts.version == wanted.version;
               },
               [&](const NotBeforeFilter& wanted) {
                 return facts.not_before >= wanted.earliest;
               },
               [&](const NotAfterFilter& wanted) {
                 return facts.not_after <= wanted.latest;
               },
               [&](const KeyUsageFilter& wanted) {
                 return (facts.key_usage & wanted.bits) == wanted.bits;
               },
               [&](const SelfSignedFilter&) { return facts.self_signed; }},
      filter);
}

std::string TagsOf(const TagRules& rules, const CertificateFacts& facts) {
  std::vector<bool> matched;
  matched.reserve(rules.filters.size());
  for (const TagFilter& filter : rules.filters) {
    matched.push_back(Matches(filter, facts));
  }
  const auto holds = [&](std::size_t filter) { return matched.at(filter); };
  std::string names;
  for (const TagRule& tag : rules.tags) {
    if (std::ranges::all_of(tag.filters, holds) &&
        std::ranges::none_of(tag.excluded, holds)) {
      names += (names.empty() ? "" : ",") + tag.name;
    }
  }
  return names;
}

}  // namespace ktlsd::agent
