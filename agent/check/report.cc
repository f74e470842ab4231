#include "agent/check/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "agent/log/log_event.h"
#include "base/error_codes.h"

namespace ktlsd::agent {
namespace {

std::string_view Word(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "error";
}

// As a log has it, but for the characters that only a log's quotes need
// escaped.
std::string Visible(std::string_view text) {
  std::string visible;
  for (const char c : text) {
    visible += c == '"' || c == '\\' ? std::string(1, c) : Escaped({&c, 1});
  }
  return visible;
}

std::string Counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

void Report::Ok(std::string_view about, std::string_view text) {
  Add({Severity::kOk, std::string(about), std::string(text)});
}

void Report::Warn(std::string_view about, std::string_view text) {
  Add({Severity::kWarning, std::string(about), std::string(text)});
}

void Report::Fail(std::string_view about, std::string_view text) {
  Add({Severity::kError, std::string(about), std::string(text)});
}

void Report::Add(Finding finding) {
  if (std::ranges::count(findings_, finding) == 0) {
    findings_.push_back(std::move(finding));
  }
}

void Report::Fail(std::string_view about, const Problem& problem) {
  Fail(problem.file.empty() ? about : std::string_view(problem.file),
       fmt::format("{} ({})", problem.reason, Describe(problem.code).label));
}

std::size_t Report::Count(Severity severity) const {
  return static_cast<std::size_t>(
      std::ranges::count(findings_, severity, &Finding::severity));
}

std::string Line(const Finding& finding) {
  return fmt::format("{:8} {}: {}", Word(finding.severity),
                     Visible(finding.about), Visible(finding.text));
}

std::string Summary(const Report& report) {
  return Counted(report.Count(Severity::kError), "error") + ", " +
         Counted(report.Count(Severity::kWarning), "warning");
}

std::string DateText(CalendarTime time) {
  const std::chrono::year_month_day date(
      std::chrono::floor<std::chrono::days>(time));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

}  // namespace ktlsd::agent
