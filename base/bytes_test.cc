#include "base/bytes.h"

#include "gtest/gtest.h"

namespace ktlsd {
namespace {

TEST(ByteReader, ReadsBigEndianIntegers) {
  const Bytes bytes = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.U8(), 0x01);
  EXPECT_EQ(reader.U16(), 0x0203);
  EXPECT_EQ(reader.U24(), 0x040506U);
  EXPECT_TRUE(reader.done());
}

TEST(ByteReader, FailedReadLeavesTheReaderAsItWas) {
  const Bytes bytes = {0x00, 0x03, 0x01};
  ByteReader reader(bytes);
  EXPECT_FALSE(reader.Prefixed16());
  EXPECT_FALSE(reader.Take(4));
  EXPECT_EQ(reader.rest().size(), 3U);
}

TEST(ByteReader, ReadsPrefixedVectors) {
  const Bytes bytes = {0x01, 0xaa, 0x00, 0x01, 0xbb, 0x00, 0x00, 0x00};
  ByteReader reader(bytes);
  EXPECT_EQ((*reader.Prefixed8())[0], 0xaa);
  EXPECT_EQ((*reader.Prefixed16())[0], 0xbb);
  EXPECT_TRUE(reader.Prefixed24()->empty());
  EXPECT_TRUE(reader.done());
}

TEST(ByteWriter, FillsInLengths) {
  ByteWriter writer;
  writer.Prefixed(2, [&writer] {
    writer.U8(7);
    writer.Prefixed(1, [&writer] { writer.U16(0x0102); });
  });
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(std::move(writer).Finish(),
            (Bytes{0x00, 0x04, 0x07, 0x02, 0x01, 0x02}));
}

TEST(ByteWriter, FailsWhenALengthDoesNotFit) {
  ByteWriter writer;
  writer.Prefixed(1, [&writer] { writer.Append(Bytes(256)); });
  EXPECT_FALSE(writer.ok());
}

TEST(SameBytes, ComparesLengthToo) {
  EXPECT_TRUE(SameBytes(Bytes{1, 2}, Bytes{1, 2}));
  EXPECT_FALSE(SameBytes(Bytes{1, 2}, Bytes{1, 2, 0}));
}

}  // namespace
}  // namespace ktlsd
