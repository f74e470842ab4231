// Columns of text for a terminal.
//
// Layer:     tools/ktlsctl.
// Threads:   value types.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ktlsd::ktlsctl {

// A copy for a terminal: bytes that are not printable ASCII become \xNN.
std::string Printable(std::string_view text);

class Table {
 public:
  explicit Table(std::vector<std::string> heads);
  // As many cells as there are heads; an empty one is shown as "-".
  void Add(const std::vector<std::string>& cells);
  // As wide as it needs to be, two blanks between columns.
  std::string Text() const;
  bool empty() const { return rows_.size() == 1; }

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace ktlsd::ktlsctl
