#include "agent/check/trust_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>
#include <vector>

#include "agent/check/expiry.h"
#include "agent/check/pem_file.h"
#include "agent/config/config.h"
#include "handshake/x509/facts.h"

namespace ktlsd::agent {
namespace {

using handshake::CertificateFacts;
using handshake::CrlFacts;

void CheckAuthority(const std::string& path, const CertificateFacts& authority,
                    CalendarTime now, Report& report) {
  const std::string what = "the authority " + authority.subject;
  switch (ExpiryOf(authority.not_after, now, kExpiresSoon)) {
    case Expiry::kNotSoon:
      return;
    case Expiry::kSoon:
      return report.Warn(path, fmt::format("{} expires on {}", what,
                                           DateText(authority.not_after)));
    case Expiry::kOver:
      return report.Warn(
          path, fmt::format("{} expired on {}: its peers are refused", what,
                            DateText(authority.not_after)));
  }
}

void CheckAuthorities(std::string_view side, const TrustFiles& files,
                      const std::vector<CertificateFacts>& authorities,
                      CalendarTime now, Report& report) {
  report.Ok(files.store,
            fmt::format("{}: {} authorit{}{}", side, authorities.size(),
                        authorities.size() == 1 ? "y" : "ies",
                        files.is_systems ? ", the system's" : ""));
  if (std::ranges::all_of(authorities, [&](const CertificateFacts& one) {
        return one.not_after < now;
      })) {
    return report.Fail(files.store, "every authority has expired");
  }
  if (!files.is_systems) {
    for (const CertificateFacts& authority : authorities) {
      CheckAuthority(files.store, authority, now, report);
    }
  }
}

void CheckList(const std::string& path, const CrlFacts& list, CalendarTime now,
               Report& report) {
  const std::string what = "the list of " + list.issuer;
  if (list.this_update > now) {
    return report.Fail(
        path, fmt::format("{} is not valid before {}: its peers are refused",
                          what, DateText(list.this_update)));
  }
  const CalendarTime end = list.next_update.value_or(CalendarTime::max());
  switch (ExpiryOf(end, now, kListEndsSoon)) {
    case Expiry::kNotSoon:
      return;
    case Expiry::kSoon:
      return report.Warn(
          path, fmt::format("{} is to be renewed by {}", what, DateText(end)));
    case Expiry::kOver:
      return report.Fail(
          path, fmt::format("{} was to be renewed by {}: its peers are refused",
                            what, DateText(end)));
  }
}

void CheckLists(std::string_view side, const std::string& path,
                const std::vector<CrlFacts>& lists,
                const std::vector<CertificateFacts>& authorities,
                CalendarTime now, Report& report) {
  report.Ok(path, fmt::format("{}: {} revocation list{}", side, lists.size(),
                              lists.size() == 1 ? "" : "s"));
  for (const CrlFacts& list : lists) {
    CheckList(path, list, now, report);
  }
  for (const CertificateFacts& authority : authorities) {
    if (!std::ranges::count(lists, authority.subject_der,
                            &CrlFacts::issuer_der)) {
      report.Warn(path, fmt::format("no list of the authority {}: its peers "
                                    "are refused",
                                    authority.subject));
    }
  }
}

}  // namespace

void CheckTrust(std::string_view side, const TrustFiles& files,
                CalendarTime now, Report& report) {
  const auto authorities = ReadCertificates(files.store);
  if (const Problem* problem = std::get_if<Problem>(&authorities)) {
    return report.Fail(side, *problem);
  }
  const auto& known = std::get<std::vector<CertificateFacts>>(authorities);
  CheckAuthorities(side, files, known, now, report);
  if (!files.crl.has_value()) {
    return;
  }
  const auto lists = ReadLists(*files.crl);
  if (const Problem* problem = std::get_if<Problem>(&lists)) {
    return report.Fail(side, *problem);
  }
  CheckLists(side, *files.crl, std::get<std::vector<CrlFacts>>(lists), known,
             now, report);
}

}  // namespace ktlsd::agent
