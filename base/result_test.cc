#include "base/result.h"

#include <memory>
#include <set>
#include <string_view>

#include "base/alert.h"
#include "base/error_codes.h"
#include "gtest/gtest.h"

namespace ktlsd {
namespace {

Result<int> Half(int value) {
  if (value % 2 != 0) {
    return Error{Code::kIllegalParameter, "odd"};
  }
  return value / 2;
}

Result<int> Quarter(int value) {
  ASSIGN_OR_RETURN(const int half, Half(value));
  ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

TEST(Result, CarriesValueOrError) {
  EXPECT_EQ(*Quarter(8), 2);
  const Result<int> odd = Quarter(6);
  ASSERT_FALSE(odd.ok());
  EXPECT_EQ(odd.error().code, Code::kIllegalParameter);
  EXPECT_EQ(odd.error().what, "odd");
}

TEST(Result, MovesOutMoveOnlyValues) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(7));
  std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 7);
}

TEST(ErrorTable, EveryRowHasAWordOfItsOwn) {
  std::set<std::string_view> labels;
  for (uint16_t i = 0; i < kCodeCount; ++i) {
    const CodeInfo& row = Describe(static_cast<Code>(i));
    EXPECT_EQ(static_cast<uint16_t>(row.code), i);
    EXPECT_FALSE(row.label.empty());
    EXPECT_TRUE(labels.insert(row.label).second) << row.label;
    EXPECT_EQ(row.label.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"),
              std::string_view::npos);
    EXPECT_NE(AlertName(static_cast<uint8_t>(row.alert)), "unassigned");
  }
}

TEST(ErrorTable, UnknownNumberIsOurBug) {
  EXPECT_EQ(CodeFromWire(0xffff), Code::kInternal);
  EXPECT_EQ(Describe(static_cast<Code>(0xffff)).code, Code::kInternal);
}

TEST(Alert, NamesFollowTheRfc) {
  EXPECT_EQ(AlertName(48), "unknown_ca");
  EXPECT_EQ(AlertName(200), "unassigned");
}

}  // namespace
}  // namespace ktlsd
