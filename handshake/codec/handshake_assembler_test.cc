#include "handshake/codec/handshake_assembler.h"

#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

const Bytes kFinished = {20, 0, 0, 2, 0xaa, 0xbb};

Bytes Header(HandshakeType type, std::size_t size) {
  return {static_cast<uint8_t>(type), static_cast<uint8_t>(size >> 16),
          static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
}

Code ErrorOf(HandshakeType type, std::size_t size) {
  HandshakeAssembler assembler;
  const Status status = assembler.Add(Header(type, size));
  return status.ok() ? Code::kInternal : status.error().code;
}

TEST(HandshakeAssembler, ReturnsAWholeMessage) {
  HandshakeAssembler assembler;
  ASSERT_TRUE(assembler.Add(kFinished).ok());
  const auto message = assembler.Next();
  ASSERT_TRUE(message.ok() && message->has_value());
  EXPECT_EQ((*message)->type, HandshakeType::kFinished);
  EXPECT_TRUE(SameBytes((*message)->body, Bytes{0xaa, 0xbb}));
  EXPECT_TRUE(SameBytes((*message)->whole, kFinished));
  EXPECT_TRUE(assembler.empty());
}

TEST(HandshakeAssembler, JoinsAMessageCutAtEveryByte) {
  HandshakeAssembler assembler;
  for (const uint8_t byte : kFinished) {
    EXPECT_FALSE(assembler.Next()->has_value());
    ASSERT_TRUE(assembler.Add(Bytes{byte}).ok());
    EXPECT_FALSE(assembler.empty());
  }
  const auto message = assembler.Next();
  ASSERT_TRUE(message.ok() && message->has_value());
  EXPECT_TRUE(SameBytes((*message)->whole, kFinished));
}

TEST(HandshakeAssembler, SplitsARecordWithSeveralMessages) {
  HandshakeAssembler assembler;
  Bytes record = Header(HandshakeType::kEncryptedExtensions, 0);
  record.insert(record.end(), kFinished.begin(), kFinished.end());
  ASSERT_TRUE(assembler.Add(record).ok());
  EXPECT_EQ((*assembler.Next())->type, HandshakeType::kEncryptedExtensions);
  EXPECT_FALSE(assembler.empty());
  EXPECT_EQ((*assembler.Next())->type, HandshakeType::kFinished);
  EXPECT_TRUE(assembler.empty());
  EXPECT_FALSE(assembler.Next()->has_value());
}

TEST(HandshakeAssembler, KeepsTheRestWhenMoreComes) {
  HandshakeAssembler assembler;
  Bytes record = kFinished;
  record.push_back(20);  // the first byte of a next message
  ASSERT_TRUE(assembler.Add(record).ok());
  ASSERT_TRUE(assembler.Next()->has_value());
  ASSERT_TRUE(assembler.Add(Bytes{0, 0, 1, 0xcc}).ok());
  const auto message = assembler.Next();
  ASSERT_TRUE(message.ok() && message->has_value());
  EXPECT_TRUE(SameBytes((*message)->body, Bytes{0xcc}));
}

// RFC 8446 section 5.1: "Implementations MUST NOT send zero-length fragments
// of Handshake types".
TEST(HandshakeAssembler, RefusesAnEmptyFragment) {
  HandshakeAssembler assembler;
  EXPECT_EQ(assembler.Add({}).error().code, Code::kUnexpectedMessage);
}

TEST(HandshakeAssembler, RefusesAMessageOverTheLimitOfItsType) {
  EXPECT_EQ(ErrorOf(HandshakeType::kClientHello, kMaxClientHello + 1),
            Code::kMessageTooLarge);
  EXPECT_EQ(ErrorOf(HandshakeType::kCertificate, kMaxCertificateMessage + 1),
            Code::kMessageTooLarge);
  EXPECT_EQ(ErrorOf(HandshakeType::kFinished, kMaxOtherMessage + 1),
            Code::kMessageTooLarge);
  EXPECT_EQ(ErrorOf(HandshakeType{99}, kMaxOtherMessage + 1),
            Code::kMessageTooLarge);
}

TEST(HandshakeAssembler, TakesAMessageAtTheLimitOfItsType) {
  HandshakeAssembler assembler;
  EXPECT_TRUE(
      assembler.Add(Header(HandshakeType::kClientHello, kMaxClientHello)).ok());
}

// A server may name every authority of a large trust store.
TEST(HandshakeAssembler, TakesACertificateRequestAsLargeAsACertificate) {
  HandshakeAssembler assembler;
  EXPECT_TRUE(assembler
                  .Add(Header(HandshakeType::kCertificateRequest,
                              kMaxCertificateMessage))
                  .ok());
}

TEST(HandshakeAssembler, ChecksTheLimitOfASecondMessageToo) {
  HandshakeAssembler assembler;
  Bytes record = kFinished;
  const Bytes huge = Header(HandshakeType::kKeyUpdate, 0xffffff);
  record.insert(record.end(), huge.begin(), huge.end());
  ASSERT_TRUE(assembler.Add(record).ok());
  ASSERT_TRUE(assembler.Next().ok());
  EXPECT_EQ(assembler.Next().error().code, Code::kMessageTooLarge);
}

}  // namespace
}  // namespace ktlsd::handshake
