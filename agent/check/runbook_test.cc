#include "agent/check/runbook.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>

#include "agent/upcall/status.h"
#include "base/alert.h"

namespace ktlsd::agent {
namespace {

std::string ErrorName(uint32_t os_error) {
  const char* const name = ::strerrorname_np(static_cast<int>(os_error));
  return name == nullptr ? std::to_string(os_error) : name;
}

// What an alert is to the engine when there is none to send.
std::string AlertCell(Alert alert) {
  return alert == Alert::kCloseNotify
             ? "–"
             : std::string(AlertName(static_cast<uint8_t>(alert)));
}

TEST(Runbook, HasExactlyOneRowForEachCode) {
  std::map<std::string, int> rows;
  for (const RunbookRow& row : ParseRunbook(RunbookPage())) {
    ++rows[row.code];
  }
  for (uint16_t number = 0; number < kCodeCount; ++number) {
    const std::string label(Describe(static_cast<Code>(number)).label);
    EXPECT_EQ(rows[label], 1) << label;
    rows.erase(label);
  }
  for (const auto& [label, count] : rows) {
    ADD_FAILURE() << "there is no code " << label;
  }
}

class RunbookOfCode : public ::testing::TestWithParam<uint16_t> {
 protected:
  RunbookOfCode()
      : info_(Describe(static_cast<Code>(GetParam()))),
        row_(FindInRunbook(info_.code).value_or(RunbookRow())) {}
  const CodeInfo& info_;
  const RunbookRow row_;
};

TEST_P(RunbookOfCode, SaysWhoseFaultItIs) {
  EXPECT_EQ(row_.fault, FaultName(info_.fault)) << info_.label;
}

TEST_P(RunbookOfCode, SaysWhatEachConsumerIsTold) {
  for (std::size_t i = 0; i < kRunbookConsumers.size(); ++i) {
    const Consumer consumer = kRunbookConsumers[i];
    EXPECT_EQ(row_.errors[i],
              ErrorName(StatusFor(consumer, info_.disposition).os_error))
        << info_.label << " to " << ConsumerName(consumer);
  }
}

TEST_P(RunbookOfCode, SaysWhatThePeerIsTold) {
  EXPECT_EQ(row_.alert, AlertCell(info_.alert)) << info_.label;
}

TEST_P(RunbookOfCode, SaysWhyAndWhatToDo) {
  EXPECT_FALSE(row_.reason.empty()) << info_.label;
  EXPECT_FALSE(row_.why.empty()) << info_.label;
  EXPECT_FALSE(row_.action.empty()) << info_.label;
}

INSTANTIATE_TEST_SUITE_P(All, RunbookOfCode,
                         ::testing::Range(uint16_t{0}, kCodeCount));

TEST(Runbook, GivesAnUnknownConsumerWhatNfsdGets) {
  for (uint16_t number = 0; number < kCodeCount; ++number) {
    const Disposition disposition =
        Describe(static_cast<Code>(number)).disposition;
    EXPECT_EQ(StatusFor(Consumer::kUnknown, disposition).os_error,
              StatusFor(Consumer::kNfsd, disposition).os_error);
  }
}

TEST(ParseRunbook, TakesRowsAndLeavesMarks) {
  const auto rows = ParseRunbook(
      "# Title\n\n"
      "| `code` | fault | a | b | c | d | e | f | g | h |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n"
      "| `x_y` | peer | E1 | E2 | E3 | E4 | – | *say* | `why` | see [a](b.md) "
      "now |\n"
      "Text with `code`.\n");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].code, "x_y");
  EXPECT_EQ(rows[0].fault, "peer");
  EXPECT_EQ(rows[0].errors[0], "E1");
  EXPECT_EQ(rows[0].errors[3], "E4");
  EXPECT_EQ(rows[0].alert, "–");
  EXPECT_EQ(rows[0].reason, "say");
  EXPECT_EQ(rows[0].why, "why");
  EXPECT_EQ(rows[0].action, "see a now");
}

TEST(ParseRunbook, LeavesTheActionOfABrokenRowEmpty) {
  for (const std::string_view row :
       {"| `x` | peer | why |\n", "| `x` |1|2|3|4|5|6|7|8|9",
        "| `x` | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 |\n"}) {
    const auto rows = ParseRunbook(row);
    ASSERT_EQ(rows.size(), 1U) << row;
    EXPECT_EQ(rows[0].action, "") << row;
  }
}

}  // namespace
}  // namespace ktlsd::agent
