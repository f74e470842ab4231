#include "agent/netlink/attributes.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace ktlsd::agent {
namespace {

constexpr std::size_t kHeader = 4;      // bytes: u16 length, u16 type
constexpr uint16_t kTypeMask = 0x3fff;  // without the flags

constexpr std::size_t Aligned(std::size_t size) { return (size + 3) & ~3U; }

template <typename T>
std::optional<T> Exactly(ByteView payload) {
  T value{};
  if (payload.size() != sizeof(value)) {
    return std::nullopt;
  }
  std::memcpy(&value, payload.data(), sizeof(value));
  return value;
}

}  // namespace

std::optional<Attribute> NextAttribute(ByteView& rest) {
  if (rest.size() < kHeader) {
    return std::nullopt;
  }
  uint16_t length = 0;
  uint16_t type = 0;
  std::memcpy(&length, rest.data(), sizeof(length));
  std::memcpy(&type, rest.data() + sizeof(length), sizeof(type));
  if (length < kHeader || length > rest.size()) {
    return std::nullopt;
  }
  const Attribute attribute{static_cast<uint16_t>(type & kTypeMask),
                            rest.subspan(kHeader, length - kHeader)};
  rest = rest.subspan(std::min(Aligned(length), rest.size()));
  return attribute;
}

std::optional<uint16_t> U16Of(ByteView payload) {
  return Exactly<uint16_t>(payload);
}

std::optional<uint32_t> U32Of(ByteView payload) {
  return Exactly<uint32_t>(payload);
}

std::optional<int32_t> S32Of(ByteView payload) {
  return Exactly<int32_t>(payload);
}

}  // namespace ktlsd::agent
