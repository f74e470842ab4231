#include "agent/check/explain.h"

#include <fmt/format.h>

#include <optional>

#include "agent/check/report.h"
#include "agent/check/runbook.h"

namespace ktlsd::agent {

std::string Explain(std::string_view outcome, Code code,
                    std::string_view reason) {
  const CodeInfo& info = Describe(code);
  std::string text =
      fmt::format("{}: {} ({}, fault: {})\n", outcome, Visible(reason),
                  info.label, FaultName(info.fault));
  if (const std::optional<RunbookRow> row = FindInRunbook(code)) {
    text += fmt::format("  why:  {}\n  do:   {}\n", row->why, row->action);
  }
  return text;
}

}  // namespace ktlsd::agent
