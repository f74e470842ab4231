#include "agent/check/runbook.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr std::string_view kPage =
#include "agent/check/runbook_page.inc"
    ;

constexpr std::string_view kRowStart = "| `";
constexpr std::string_view kSeparator = " | ";
constexpr std::size_t kCells = 6 + kRunbookConsumers.size();

// `[text](target)` becomes `text`; the marks of code and emphasis go.
std::string PlainText(std::string_view markdown) {
  std::string text;
  for (std::size_t i = 0; i < markdown.size(); ++i) {
    const char c = markdown[i];
    if (c == ']' && markdown.substr(i + 1, 1) == "(") {
      i = std::min(markdown.find(')', i), markdown.size());
    } else if (c != '`' && c != '*' && c != '[') {
      text += c;
    }
  }
  return text;
}

std::vector<std::string> Cells(std::string_view line) {
  line.remove_prefix(2);
  if (line.ends_with(" |")) {
    line.remove_suffix(2);
  }
  std::vector<std::string> cells;
  for (;;) {
    const std::size_t end = line.find(kSeparator);
    cells.push_back(PlainText(line.substr(0, end)));
    if (end == std::string_view::npos) {
      return cells;
    }
    line.remove_prefix(end + kSeparator.size());
  }
}

RunbookRow RowOf(std::vector<std::string> cells) {
  const bool whole = cells.size() == kCells;
  cells.resize(kCells);
  auto next = cells.begin();
  RunbookRow row;
  row.code = std::move(*next++);
  row.fault = std::move(*next++);
  for (std::string& error : row.errors) {
    error = std::move(*next++);
  }
  row.alert = std::move(*next++);
  row.reason = std::move(*next++);
  row.why = std::move(*next++);
  if (whole) {
    row.action = std::move(*next);
  }
  return row;
}

}  // namespace

std::vector<RunbookRow> ParseRunbook(std::string_view page) {
  std::vector<RunbookRow> rows;
  while (!page.empty()) {
    const std::string_view line = page.substr(0, page.find('\n'));
    page.remove_prefix(std::min(line.size() + 1, page.size()));
    // The head of a table names the column `code` in the same way.
    if (line.starts_with(kRowStart) && !line.starts_with("| `code` |")) {
      rows.push_back(RowOf(Cells(line)));
    }
  }
  return rows;
}

std::string_view RunbookPage() { return kPage; }

std::optional<RunbookRow> FindInRunbook(Code code) {
  for (RunbookRow& row : ParseRunbook(kPage)) {
    if (row.code == Describe(code).label) {
      return std::move(row);
    }
  }
  return std::nullopt;
}

}  // namespace ktlsd::agent
