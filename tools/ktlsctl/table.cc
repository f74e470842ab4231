#include "tools/ktlsctl/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace ktlsd::ktlsctl {

std::string Printable(std::string_view text) {
  std::string printable;
  for (const char c : text) {
    if (c >= ' ' && c < 0x7f) {
      printable += c;
    } else {
      fmt::format_to(std::back_inserter(printable), "\\x{:02x}",
                     static_cast<unsigned char>(c));
    }
  }
  return printable;
}

Table::Table(std::vector<std::string> heads) {
  rows_.push_back(std::move(heads));
}

void Table::Add(const std::vector<std::string>& cells) {
  std::vector<std::string> row;
  row.reserve(cells.size());
  for (const std::string& cell : cells) {
    row.push_back(cell.empty() ? "-" : Printable(cell));
  }
  rows_.push_back(std::move(row));
}

std::string Table::Text() const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      text += fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    text += row.back() + '\n';
  }
  return text;
}

}  // namespace ktlsd::ktlsctl
