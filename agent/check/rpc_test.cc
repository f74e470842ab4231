#include "agent/check/rpc.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace ktlsd::agent {
namespace {

// A reply to the call 7: in `state` (0: accepted), with a verifier of `flavor`,
// and a status.
Bytes ReplyWith(uint8_t state, uint8_t flavor, std::string_view verifier,
                uint8_t status) {
  Bytes bytes = {0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, state, 0, 0, 0, flavor};
  bytes.insert(bytes.end(), {0, 0, 0, static_cast<uint8_t>(verifier.size())});
  bytes.insert(bytes.end(), verifier.begin(), verifier.end());
  bytes.resize((bytes.size() + 3) / 4 * 4);
  bytes.insert(bytes.end(), {0, 0, 0, status});
  return bytes;
}

std::string Refusal(const Bytes& reply) {
  return RefusesTls(reply, 7).value_or("");
}

TEST(NullCall, IsOneRecordWithTheFlavor) {
  const Bytes wanted = {0x80, 0, 0, 40,                    // one record
                        1,    2, 3, 4,  0, 0, 0,    0,     // xid, CALL
                        0,    0, 0, 2,  0, 1, 0x86, 0xa3,  // RPC 2, NFS
                        0,    0, 0, 4,  0, 0, 0,    0,     // version 4, NULL
                        0,    0, 0, 7,  0, 0, 0,    0,     // AUTH_TLS, empty
                        0,    0, 0, 0,  0, 0, 0,    0};    // AUTH_NONE, empty
  EXPECT_EQ(NullCall(0x01020304, RpcFlavor::kTls), wanted);
}

TEST(RefusesTls, TakesStartTlsForConsent) {
  EXPECT_EQ(RefusesTls(ReplyWith(0, 0, "STARTTLS", 0), 7), std::nullopt);
}

TEST(RefusesTls, SaysWhyNot) {
  EXPECT_NE(Refusal(ReplyWith(0, 0, "", 0)).find("no STARTTLS"),
            std::string::npos);
  EXPECT_NE(Refusal(ReplyWith(0, 0, "STARTTLZ", 0)).find("no STARTTLS"),
            std::string::npos);
  EXPECT_NE(Refusal(ReplyWith(0, 7, "STARTTLS", 0)).find("no STARTTLS"),
            std::string::npos);
  EXPECT_NE(Refusal(ReplyWith(0, 0, "STARTTLS", 1)).find("not NFS version 4"),
            std::string::npos);
  EXPECT_NE(Refusal(ReplyWith(1, 1, "", 5)).find("refuses to talk about TLS"),
            std::string::npos);
}

TEST(RefusesTls, TakesNothingElseForAReply) {
  constexpr std::string_view kWords = "no reply of RPC to our call";
  const Bytes good = ReplyWith(0, 0, "STARTTLS", 0);
  EXPECT_NE(RefusesTls(good, 8).value_or("").find(kWords), std::string::npos);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(
        Refusal(Bytes(good.begin(), good.begin() + static_cast<long>(size))),
        "")
        << size;
  }
  Bytes long_verifier = good;
  long_verifier[16] = 0xff;
  EXPECT_NE(Refusal(long_verifier).find(kWords), std::string::npos);
}

TEST(RefusesCall, TakesSuccessForAnAnswer) {
  EXPECT_EQ(RefusesCall(ReplyWith(0, 0, "", 0), 7), std::nullopt);
  // RFC 5531 section 9: whatever the verifier is.
  EXPECT_EQ(RefusesCall(ReplyWith(0, 1, "five5", 0), 7), std::nullopt);
}

TEST(RefusesCall, SaysWhyNot) {
  EXPECT_EQ(RefusesCall(ReplyWith(0, 0, "", 2), 7),
            "the server does not do the call (RPC: status 2)");
  const Bytes denied = {0, 0, 0, 7, 0, 0, 0, 1, 0, 0,
                        0, 1, 0, 0, 0, 1, 0, 0, 0, 5};
  EXPECT_EQ(RefusesCall(denied, 7),
            "the server denies the call (RPC: kind 1, reason 5)");
}

TEST(RefusesCall, TakesNothingElseForAReply) {
  constexpr std::string_view kWords = "no reply of RPC to our call";
  const auto refusal = [](const Bytes& reply, uint32_t xid) {
    return RefusesCall(reply, xid).value_or("");
  };
  const Bytes good = ReplyWith(0, 0, "", 0);
  EXPECT_NE(refusal(good, 8).find(kWords), std::string::npos);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(refusal(Bytes(good.begin(),
                            good.begin() + static_cast<std::ptrdiff_t>(size)),
                      7)
                  .find(kWords),
              std::string::npos)
        << size;
  }
  Bytes call = good;
  call[7] = 0;
  EXPECT_NE(refusal(call, 7).find(kWords), std::string::npos);
  EXPECT_NE(refusal(ReplyWith(2, 0, "", 0), 7).find(kWords), std::string::npos);
  Bytes longer = good;
  longer.resize(longer.size() + 4);
  EXPECT_NE(refusal(longer, 7).find(kWords), std::string::npos);
}

TEST(RecordSize, TakesOneSmallRecordInOnePiece) {
  EXPECT_EQ(RecordSize(Bytes{0x80, 0, 0, 32}), 32U);
  EXPECT_EQ(RecordSize(Bytes{0, 0, 0, 32}), std::nullopt);
  EXPECT_EQ(RecordSize(Bytes{0x80, 0, 0x10, 0}), std::nullopt);
  EXPECT_EQ(RecordSize(Bytes{0x80, 0, 0}), std::nullopt);
}

}  // namespace
}  // namespace ktlsd::agent
