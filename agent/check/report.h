// What an inspection found, as lines for whoever asked.
//
// Layer:     agent/check.
// Threads:   value types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "base/clock.h"

namespace ktlsd::agent {

enum class Severity : uint8_t { kOk, kWarning, kError };

struct Finding {
  Severity severity{};
  std::string about;  // a file, or a part of the kernel
  std::string text;

  bool operator==(const Finding&) const = default;
};

// Each finding once: several settings may name one file.
class Report {
 public:
  void Ok(std::string_view about, std::string_view text);
  void Warn(std::string_view about, std::string_view text);
  void Fail(std::string_view about, std::string_view text);
  // "reason (code)", of the file that `problem` names, or of `about`.
  void Fail(std::string_view about, const Problem& problem);

  const std::vector<Finding>& findings() const { return findings_; }
  std::size_t Count(Severity severity) const;

 private:
  void Add(Finding finding);

  std::vector<Finding> findings_;
};

// "warning  ABOUT: TEXT", without an end of line. Bytes that a terminal would
// obey are escaped.
std::string Line(const Finding& finding);
// "2 errors, 1 warning".
std::string Summary(const Report& report);

// "2026-06-01", in UTC.
std::string DateText(CalendarTime time);

}  // namespace ktlsd::agent
