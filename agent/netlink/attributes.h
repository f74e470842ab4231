// Netlink attributes, as the kernel writes them.
//
// Scope:     takes them off a byte string; looks into none.
// Layer:     agent/netlink.
// Threads:   pure functions.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace ktlsd::agent {

struct Attribute {
  uint16_t type = 0;  // without NLA_F_NESTED and the like
  ByteView payload;
};

// Takes the next attribute off `rest`. Nothing at the end, or when what is
// left, which stays there, is no attribute.
std::optional<Attribute> NextAttribute(ByteView& rest);

// The value of an attribute that has exactly its size.
std::optional<uint16_t> U16Of(ByteView payload);
std::optional<uint32_t> U32Of(ByteView payload);
std::optional<int32_t> S32Of(ByteView payload);

}  // namespace ktlsd::agent
