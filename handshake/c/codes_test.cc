#include "handshake/c/codes.h"

#include <set>
#include <string>

#include "base/error_codes.h"
#include "gtest/gtest.h"
#include "handshake/c/ktlsd.h"

namespace ktlsd::handshake {
namespace {

TEST(CodeNumbers, LeadBackToTheirCode) {
  for (uint16_t i = 0; i < kCodeCount; ++i) {
    const Code code = CodeFromWire(i);
    if (NumberOf(code) != KTLSD_INTERNAL) {
      EXPECT_EQ(CodeOfNumber(NumberOf(code)), code) << i;
    }
  }
  EXPECT_EQ(CodeOfNumber(KTLSD_INTERNAL), Code::kInternal);
}

TEST(CodeNumbers, HaveOneNameEach) {
  std::set<std::string> names;
  int numbers = 0;
  for (int number = 0; number < 1000; ++number) {
    const std::string name = ktlsd_code_name(number);
    if (name != "unknown") {
      ++numbers;
      names.insert(name);
    }
  }
  EXPECT_EQ(names.size(), numbers);
  EXPECT_GT(numbers, 40);
  EXPECT_STREQ(ktlsd_code_name(KTLSD_CERTIFICATE_EXPIRED),
               "certificate_expired");
  EXPECT_STREQ(ktlsd_code_name(-1), "unknown");
}

TEST(CodeNumbers, SayWhoseFault) {
  EXPECT_EQ(ktlsd_code_fault(KTLSD_OK), KTLSD_FAULT_NONE);
  EXPECT_EQ(ktlsd_code_fault(KTLSD_BAD_FINISHED), KTLSD_FAULT_PEER);
  EXPECT_EQ(ktlsd_code_fault(KTLSD_PRIVATE_KEY_UNUSABLE), KTLSD_FAULT_CONFIG);
  EXPECT_EQ(ktlsd_code_fault(KTLSD_KERNEL_LACKS_TLS), KTLSD_FAULT_KERNEL);
  EXPECT_EQ(ktlsd_code_fault(KTLSD_NO_MEMORY), KTLSD_FAULT_RESOURCE);
  EXPECT_EQ(ktlsd_code_fault(KTLSD_API_MISUSE), KTLSD_FAULT_BUG);
  EXPECT_EQ(ktlsd_code_fault(12345), KTLSD_FAULT_BUG);
}

}  // namespace
}  // namespace ktlsd::handshake
