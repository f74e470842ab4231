#include "kernel-tests/load/rpc.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string_view>
#include <vector>

namespace ktlsd::load {
namespace {

// A reply to the call 7: accepted, with a verifier and a status.
std::vector<uint8_t> ReplyWith(std::string_view verifier, uint8_t status) {
  const std::size_t length = 24 + verifier.size();
  std::vector<uint8_t> bytes(4 + length);
  bytes[0] = 0x80;
  bytes[3] = static_cast<uint8_t>(length);
  bytes[7] = 7;
  bytes[11] = 1;  // REPLY
  bytes[23] = static_cast<uint8_t>(verifier.size());
  for (std::size_t i = 0; i < verifier.size(); ++i) {
    bytes.at(24 + i) = static_cast<uint8_t>(verifier[i]);
  }
  bytes.back() = status;
  return bytes;
}

TEST(ReadReply, TellsAgreementFromPlainSuccess) {
  EXPECT_EQ(ReadReply(ReplyWith("STARTTLS", 0), 7), Reply::kStartTls);
  EXPECT_EQ(ReadReply(ReplyWith("", 0), 7), Reply::kSuccess);
  EXPECT_EQ(ReadReply(ReplyWith("STARTTLZ", 0), 7), Reply::kSuccess);
}

TEST(ReadReply, WaitsForEveryByteOfIt) {
  const std::vector<uint8_t> whole = ReplyWith("STARTTLS", 0);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(ReadReply(std::span(whole).first(length), 7), Reply::kIncomplete)
        << length;
  }
}

TEST(ReadReply, TakesNothingElseForSuccess) {
  EXPECT_EQ(ReadReply(ReplyWith("", 1), 7), Reply::kOther);  // PROG_UNAVAIL
  EXPECT_EQ(ReadReply(ReplyWith("", 0), 8), Reply::kOther);  // another xid
  std::vector<uint8_t> denied = ReplyWith("", 0);
  denied[15] = 1;  // MSG_DENIED
  EXPECT_EQ(ReadReply(denied, 7), Reply::kOther);
  std::vector<uint8_t> call = ReplyWith("", 0);
  call[11] = 0;  // CALL
  EXPECT_EQ(ReadReply(call, 7), Reply::kOther);
}

TEST(ReadReply, RefusesLengthsThatDoNotAgree) {
  std::vector<uint8_t> longer = ReplyWith("STARTTLS", 0);
  longer[23] = 12;  // bytes of the verifier
  EXPECT_EQ(ReadReply(longer, 7), Reply::kOther);
  longer[20] = 0xff;
  EXPECT_EQ(ReadReply(longer, 7), Reply::kOther);
  std::vector<uint8_t> first = ReplyWith("", 0);
  first[0] = 0;  // not the last fragment
  EXPECT_EQ(ReadReply(first, 7), Reply::kOther);
  const std::vector<uint8_t> alert = {0x15, 3, 3, 0, 2, 2, 40};
  EXPECT_EQ(ReadReply(alert, 7), Reply::kOther);
}

}  // namespace
}  // namespace ktlsd::load
