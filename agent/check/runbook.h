// The rows of docs/runbook.md, for programs that explain a code.
//
// Scope:     the page itself is built in: what a program says is what the page
//            says.
// Layer:     agent/check.
// Threads:   pure functions.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/upcall/consumer.h"
#include "base/error_codes.h"

namespace ktlsd::agent {

// The consumers that have a column, in the columns' order.
inline constexpr std::array kRunbookConsumers = {
    Consumer::kNfsClient, Consumer::kNfsd, Consumer::kNvmeHost,
    Consumer::kNvmeTarget};

// One row, as text for a terminal: without Markdown's marks.
struct RunbookRow {
  std::string code;  // its label
  std::string fault;
  std::array<std::string, kRunbookConsumers.size()> errors;  // "EACCES"
  std::string alert;
  std::string reason;  // words that the log has
  std::string why;
  std::string action;
};

// All rows of `page`, in its order: lines of a table that begin with a code
// between backticks. A row of another number of cells has an empty `action`.
std::vector<RunbookRow> ParseRunbook(std::string_view page);

// docs/runbook.md.
std::string_view RunbookPage();

// Nothing when the page has no row for `code`, which its test does not allow.
std::optional<RunbookRow> FindInRunbook(Code code);

}  // namespace ktlsd::agent
