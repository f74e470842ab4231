#include "agent/netlink/message.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cstring>

namespace ktlsd::agent {

Message::Message(uint16_t family, uint8_t command, uint8_t version,
                 uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN;
  header.nlmsg_type = family;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  genlmsghdr generic{};
  generic.cmd = command;
  generic.version = version;
  std::memcpy(bytes_.data(), &header, sizeof(header));
  std::memcpy(bytes_.data() + NLMSG_HDRLEN, &generic, sizeof(generic));
  size_ = header.nlmsg_len;
}

Message& Message::U16(uint16_t type, uint16_t value) {
  Append(type, &value, sizeof(value));
  return *this;
}

Message& Message::U32(uint16_t type, uint32_t value) {
  Append(type, &value, sizeof(value));
  return *this;
}

Message& Message::Text(uint16_t type, std::string_view value) {
  std::array<char, 64> text{};
  value = value.substr(0, text.size() - 1);
  std::copy(value.begin(), value.end(), text.begin());
  Append(type, text.data(), value.size() + 1);
  return *this;
}

void Message::Append(uint16_t type, const void* value, std::size_t size) {
  if (bytes_.size() - size_ <
      static_cast<std::size_t>(NLA_ALIGN(NLA_HDRLEN + size))) {
    return;
  }
  nlattr attribute{};
  attribute.nla_len = static_cast<uint16_t>(NLA_HDRLEN + size);
  attribute.nla_type = type;
  std::memcpy(bytes_.data() + size_, &attribute, sizeof(attribute));
  std::memcpy(bytes_.data() + size_ + NLA_HDRLEN, value, size);
  size_ += static_cast<std::size_t>(NLA_ALIGN(attribute.nla_len));
  const auto total = static_cast<uint32_t>(size_);
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_len), &total,
              sizeof(total));
}

void Message::Stamp(uint32_t sequence, uint32_t port) {
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence,
              sizeof(sequence));
  std::memcpy(bytes_.data() + offsetof(nlmsghdr, nlmsg_pid), &port,
              sizeof(port));
}

uint16_t Message::family() const {
  uint16_t family = 0;
  std::memcpy(&family, bytes_.data() + offsetof(nlmsghdr, nlmsg_type),
              sizeof(family));
  return family;
}

}  // namespace ktlsd::agent
