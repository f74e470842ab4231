#include "base/bytes.h"

#include <algorithm>

namespace ktlsd {

std::optional<uint32_t> ByteReader::Integer(std::size_t width) {
  const std::optional<ByteView> bytes = Take(width);
  if (!bytes) {
    return std::nullopt;
  }
  uint32_t value = 0;
  for (const uint8_t byte : *bytes) {
    value = value << 8 | byte;
  }
  return value;
}

std::optional<uint8_t> ByteReader::U8() {
  const std::optional<uint32_t> value = Integer(1);
  if (!value) {
    return std::nullopt;
  }
  return static_cast<uint8_t>(*value);
}

std::optional<uint16_t> ByteReader::U16() {
  const std::optional<uint32_t> value = Integer(2);
  if (!value) {
    return std::nullopt;
  }
  return static_cast<uint16_t>(*value);
}

std::optional<uint32_t> ByteReader::U24() { return Integer(3); }

std::optional<ByteView> ByteReader::Take(std::size_t count) {
  if (count > rest_.size()) {
    return std::nullopt;
  }
  const ByteView taken = rest_.first(count);
  rest_ = rest_.subspan(count);
  return taken;
}

std::optional<ByteView> ByteReader::Prefixed(std::size_t width) {
  ByteReader ahead = *this;
  const std::optional<uint32_t> length = ahead.Integer(width);
  if (!length) {
    return std::nullopt;
  }
  const std::optional<ByteView> body = ahead.Take(*length);
  if (body) {
    *this = ahead;
  }
  return body;
}

std::optional<ByteView> ByteReader::Prefixed8() { return Prefixed(1); }
std::optional<ByteView> ByteReader::Prefixed16() { return Prefixed(2); }
std::optional<ByteView> ByteReader::Prefixed24() { return Prefixed(3); }

void MakeRoom(Bytes& bytes, std::size_t size) {
  if (bytes.capacity() == 0) {
    bytes.reserve(size);
  }
}

namespace {

constexpr std::size_t kRoom = 1024;  // bytes; as much as most messages need

}  // namespace

void ByteWriter::U8(uint8_t value) {
  MakeRoom(bytes_, kRoom);
  bytes_.push_back(value);
}

void ByteWriter::U16(uint16_t value) {
  U8(static_cast<uint8_t>(value >> 8));
  U8(static_cast<uint8_t>(value));
}

void ByteWriter::U24(uint32_t value) {
  ok_ = ok_ && value < (1U << 24);
  U8(static_cast<uint8_t>(value >> 16));
  U16(static_cast<uint16_t>(value));
}

void ByteWriter::Append(ByteView bytes) {
  MakeRoom(bytes_, kRoom);
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::size_t ByteWriter::Reserve(std::size_t width) {
  MakeRoom(bytes_, kRoom);
  const std::size_t start = bytes_.size();
  bytes_.resize(start + width);
  return start;
}

void ByteWriter::PatchLength(std::size_t start, std::size_t width) {
  std::size_t length = bytes_.size() - start - width;
  for (std::size_t i = width; i-- > 0;) {
    bytes_[start + i] = static_cast<uint8_t>(length);
    length >>= 8;
  }
  ok_ = ok_ && length == 0;
}

bool SameBytes(ByteView a, ByteView b) { return std::ranges::equal(a, b); }

}  // namespace ktlsd
