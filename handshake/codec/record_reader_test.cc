#include "handshake/codec/record_reader.h"

#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

Bytes Header(uint8_t type, std::size_t size) {
  return {type, 3, 3, static_cast<uint8_t>(size >> 8),
          static_cast<uint8_t>(size)};
}

// A reader that has returned one whole record.
RecordReader AfterOneRecord() {
  RecordReader reader;
  EXPECT_TRUE(reader.Add(Header(22, 1)).ok());
  EXPECT_TRUE(reader.Add(Bytes{0}).ok());
  return reader;
}

TEST(RecordReader, AsksForExactlyTheRecordUnderWay) {
  RecordReader reader;
  EXPECT_TRUE(reader.at_boundary());
  EXPECT_EQ(reader.bytes_wanted(), 5U);
  ASSERT_TRUE(reader.Add(Bytes{22, 3}).ok());
  EXPECT_FALSE(reader.at_boundary());
  EXPECT_EQ(reader.bytes_wanted(), 3U);
  ASSERT_TRUE(reader.Add(Bytes{1, 0, 4}).ok());
  EXPECT_EQ(reader.bytes_wanted(), 4U);
  ASSERT_TRUE(reader.Add(Bytes{1, 2, 3}).ok());
  EXPECT_EQ(reader.bytes_wanted(), 1U);
}

TEST(RecordReader, ReturnsTheRecordAsItWasOnTheWire) {
  RecordReader reader;
  ASSERT_TRUE(reader.Add(Header(23, 2)).ok());
  const auto record = reader.Add(Bytes{7, 8});
  ASSERT_TRUE(record.ok());
  ASSERT_TRUE(record->has_value());
  EXPECT_EQ((*record)->type, ContentType::kApplicationData);
  EXPECT_TRUE(SameBytes((*record)->header, Bytes{23, 3, 3, 0, 2}));
  EXPECT_TRUE(SameBytes((*record)->body, Bytes{7, 8}));
  EXPECT_TRUE(reader.at_boundary());
  EXPECT_EQ(reader.bytes_wanted(), 5U);
}

TEST(RecordReader, ReadsOneRecordAfterTheOther) {
  RecordReader reader = AfterOneRecord();
  ASSERT_TRUE(reader.Add(Header(21, 2)).ok());
  const auto record = reader.Add(Bytes{2, 40});
  ASSERT_TRUE(record.ok() && record->has_value());
  EXPECT_EQ((*record)->type, ContentType::kAlert);
  EXPECT_TRUE(SameBytes((*record)->body, Bytes{2, 40}));
}

TEST(RecordReader, RefusesOtherProtocolsAtTheFirstFiveBytes) {
  RecordReader http;
  ASSERT_TRUE(http.Add(Bytes{'G', 'E', 'T', ' '}).ok());
  EXPECT_EQ(http.Add(Bytes{'/'}).error().code, Code::kNotTls);
  RecordReader version;
  EXPECT_EQ(version.Add(Bytes{22, 2, 0, 0, 1}).error().code, Code::kNotTls);
}

TEST(RecordReader, IgnoresTheMinorVersion) {
  RecordReader reader;
  EXPECT_TRUE(reader.Add(Bytes{22, 3, 0xff, 0, 1}).ok());
}

TEST(RecordReader, RefusesALaterUnknownTypeAsUnexpected) {
  RecordReader reader = AfterOneRecord();
  EXPECT_EQ(reader.Add(Header(24, 1)).error().code, Code::kUnexpectedMessage);
}

TEST(RecordReader, RefusesAnEmptyBody) {
  RecordReader reader;
  EXPECT_EQ(reader.Add(Header(22, 0)).error().code, Code::kDecodeError);
}

TEST(RecordReader, HoldsEachTypeToItsLimit) {
  EXPECT_TRUE(RecordReader().Add(Header(22, 0x4000)).ok());
  EXPECT_TRUE(RecordReader().Add(Header(23, 0x4100)).ok());
  EXPECT_EQ(RecordReader().Add(Header(22, 0x4001)).error().code,
            Code::kRecordOverflow);
  EXPECT_EQ(RecordReader().Add(Header(23, 0x4101)).error().code,
            Code::kRecordOverflow);
}

TEST(RecordReader, RefusesMoreThanItWantedAndNothing) {
  RecordReader reader;
  EXPECT_EQ(reader.Add(Bytes(6)).error().code, Code::kApiMisuse);
  EXPECT_EQ(reader.Add(Bytes()).error().code, Code::kApiMisuse);
  EXPECT_EQ(reader.bytes_wanted(), 5U);
}

}  // namespace
}  // namespace ktlsd::handshake
