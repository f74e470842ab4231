// A kernel with the family "handshake" at the other end of two sockets.
//
// Scope:     families, their policies, ACCEPT and DONE by their bytes, with the
//            kernel's errors. What it is about to say can be changed first.
// Layer:     agent/netlink, tests only.
#pragma once

#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/netlink/attributes.h"
#include "agent/netlink/handshake_uapi.h"
#include "agent/netlink/netlink_socket.h"
#include "base/bytes.h"
#include "base/owned_fd.h"
#include "base/result.h"

namespace ktlsd::agent {

// Attributes, to be put into a message or into another.
class AttributeBytes {
 public:
  AttributeBytes& Put(uint16_t type, const Bytes& payload) {
    const uint16_t header[] = {static_cast<uint16_t>(payload.size() + 4), type};
    Append(header, sizeof(header));
    Append(payload.data(), payload.size());
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
    return *this;
  }
  AttributeBytes& Put(uint16_t type, const AttributeBytes& nest) {
    return Put(static_cast<uint16_t>(type | NLA_F_NESTED), nest.bytes_);
  }
  AttributeBytes& U16(uint16_t type, uint16_t value) {
    return Put(type, Of(value));
  }
  AttributeBytes& U32(uint16_t type, uint32_t value) {
    return Put(type, Of(value));
  }
  AttributeBytes& Text(uint16_t type, const std::string& text) {
    Bytes bytes(text.begin(), text.end());
    bytes.push_back(0);
    return Put(type, bytes);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  template <typename T>
  static Bytes Of(T value) {
    Bytes bytes(sizeof(value));
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
  }
  void Append(const void* data, std::size_t size) {
    const auto* first = static_cast<const uint8_t*>(data);
    bytes_.insert(bytes_.end(), first, first + size);
  }
  Bytes bytes_;
};

class FakeNetlink {
 public:
  static constexpr uint32_t kPort = 4711;

  struct Packet {
    Bytes bytes;
    uint32_t sender = 0;
    int os_error = 0;  // Receive fails with it instead
  };
  using Packets = std::deque<Packet>;
  struct Answered {
    int socket = -1;
    uint32_t status = 0;
    std::optional<uint32_t> remote_auth;
    std::vector<std::string> tags;
  };

  // What there is; may be changed at any time.
  bool has_family = true;
  bool has_policy = true;
  // The type of DONE's fourth attribute, NL_ATTR_TYPE_*; 0: it has none.
  uint32_t fourth_of_done = 0;
  uint16_t family = 37;
  uint32_t group = 5;
  std::deque<Bytes> requests;  // the attributes of each reply to ACCEPT
  int done_error = 0;
  // Done once, to what the next message of the handshake family brings.
  std::function<void(Packets&)> distort;
  Packets ready;  // the second socket's

  unsigned accepts = 0;
  unsigned unread = 0;  // what lay in the first socket when more was asked
  std::vector<Answered> answers;
  std::vector<uint32_t> joined;

  std::unique_ptr<NetlinkSocket> Requests() {
    return std::make_unique<Socket>(*this, replies_);
  }
  std::unique_ptr<NetlinkSocket> Ready() {
    return std::make_unique<Socket>(*this, ready);
  }

  static Packet Make(uint16_t type, uint32_t sequence, const Bytes& body,
                     uint16_t flags = 0) {
    nlmsghdr header{};
    header.nlmsg_len = static_cast<uint32_t>(NLMSG_HDRLEN + body.size());
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    header.nlmsg_seq = sequence;
    header.nlmsg_pid = kPort;
    Packet packet;
    packet.bytes.resize(NLMSG_HDRLEN);
    std::memcpy(packet.bytes.data(), &header, sizeof(header));
    packet.bytes.insert(packet.bytes.end(), body.begin(), body.end());
    return packet;
  }
  static Packet Generic(uint16_t type, uint32_t sequence, uint8_t command,
                        const Bytes& attributes, uint16_t flags = 0) {
    Bytes body = {command, 1, 0, 0};
    body.insert(body.end(), attributes.begin(), attributes.end());
    return Make(type, sequence, body, flags);
  }

 private:
  class Socket final : public NetlinkSocket {
   public:
    Socket(FakeNetlink& kernel, Packets& packets)
        : kernel_(kernel), packets_(packets) {}

    BorrowedFd fd() const override { return fd_.borrow(); }
    uint32_t port() const override { return kPort; }
    Status Send(ByteView message) override {
      kernel_.unread = static_cast<unsigned>(packets_.size());
      kernel_.Take(message);
      return Ok{};
    }
    // One by one, and so always perhaps more.
    Result<bool> Discard() override {
      std::array<uint8_t, 1> unseen;
      ASSIGN_OR_RETURN(const auto taken, Receive(unseen));
      return taken.has_value();
    }
    Result<std::optional<Datagram>> Receive(
        std::span<uint8_t> buffer) override {
      if (packets_.empty()) {
        return std::optional<Datagram>();
      }
      const Packet packet = std::move(packets_.front());
      packets_.pop_front();
      if (packet.os_error != 0) {
        return Error{Code::kNetlinkFailed, "fake failure", packet.os_error};
      }
      const std::size_t size = std::min(packet.bytes.size(), buffer.size());
      std::copy_n(packet.bytes.begin(), size, buffer.begin());
      return std::optional(Datagram{ByteView(buffer).first(size), packet.sender,
                                    size < packet.bytes.size()});
    }
    Status Join(uint32_t number) override {
      kernel_.joined.push_back(number);
      return Ok{};
    }

   private:
    FakeNetlink& kernel_;
    Packets& packets_;
    const OwnedFd fd_{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  };

  // The header of a message of ours, and what stands behind it.
  struct Taken {
    nlmsghdr header{};
    uint8_t command = 0;
    ByteView attributes;
  };

  void Take(ByteView message) {
    Taken taken;
    std::memcpy(&taken.header, message.data(), sizeof(taken.header));
    taken.command = message[NLMSG_HDRLEN];
    taken.attributes = message.subspan(NLMSG_HDRLEN + GENL_HDRLEN);
    if (taken.header.nlmsg_type == GENL_ID_CTRL) {
      return TakeControl(taken);
    }
    Packets said;
    if (!has_family || taken.header.nlmsg_type != family) {
      said.push_back(Nack(taken, ENOENT));
    } else if (taken.command == 2) {
      said.push_back(Accept(taken));
    } else {
      said.push_back(Done(taken));
    }
    if (const auto change = std::exchange(distort, nullptr)) {
      change(said);
    }
    std::ranges::move(said, std::back_inserter(replies_));
  }

  static Packet Nack(const Taken& taken, int os_error) {
    Bytes body(sizeof(int) + sizeof(nlmsghdr));
    const int value = -os_error;
    std::memcpy(body.data(), &value, sizeof(value));
    std::memcpy(body.data() + sizeof(value), &taken.header,
                sizeof(taken.header));
    return Make(NLMSG_ERROR, taken.header.nlmsg_seq, body);
  }

  Packet Accept(const Taken& taken) {
    ++accepts;
    if (requests.empty()) {
      return Nack(taken, EAGAIN);
    }
    const Bytes attributes = std::move(requests.front());
    requests.pop_front();
    return Generic(family, taken.header.nlmsg_seq, 2, attributes);
  }

  Packet Done(const Taken& taken) {
    Answered answered;
    ByteView attributes = taken.attributes;
    while (const auto attribute = NextAttribute(attributes)) {
      const uint32_t value = U32Of(attribute->payload).value_or(0);
      if (attribute->type == 1) {
        answered.status = value;
      } else if (attribute->type == 2) {
        answered.socket = static_cast<int>(value);
      } else if (attribute->type == 4) {
        answered.tags.emplace_back(attribute->payload.begin(),
                                   attribute->payload.end());
      } else {
        answered.remote_auth = value;
      }
    }
    answers.push_back(answered);
    return Nack(taken, done_error);
  }

  void TakeControl(const Taken& taken) {
    if (!has_family) {
      replies_.push_back(Nack(taken, ENOENT));
    } else if (taken.command == CTRL_CMD_GETFAMILY) {
      replies_.push_back(
          Generic(GENL_ID_CTRL, taken.header.nlmsg_seq, CTRL_CMD_NEWFAMILY,
                  AttributeBytes()
                      .U16(CTRL_ATTR_FAMILY_ID, family)
                      .Text(CTRL_ATTR_FAMILY_NAME, kHandshakeFamily)
                      .Put(CTRL_ATTR_MCAST_GROUPS,
                           AttributeBytes()
                               .Put(1, Group(group + 7, "none"))
                               .Put(2, Group(group, kHandshakeGroup)))
                      .bytes()));
    } else if (has_policy) {
      DumpPolicy(taken.header.nlmsg_seq);
    } else {
      replies_.push_back(Nack(taken, EOPNOTSUPP));
    }
  }

  static AttributeBytes Group(uint32_t number, const std::string& name) {
    return AttributeBytes()
        .Text(CTRL_ATTR_MCAST_GRP_NAME, name)
        .U32(CTRL_ATTR_MCAST_GRP_ID, number);
  }

  // As the kernel dumps it: the operations, then attribute by attribute.
  void DumpPolicy(uint32_t sequence) {
    const auto say = [&](const AttributeBytes& attributes) {
      replies_.push_back(
          Generic(GENL_ID_CTRL, sequence, 10, attributes.bytes(), NLM_F_MULTI));
    };
    for (const uint16_t operation : {uint16_t{2}, uint16_t{3}}) {
      say(AttributeBytes()
              .U16(CTRL_ATTR_FAMILY_ID, family)
              .Put(9, AttributeBytes().Put(
                          operation, AttributeBytes().U32(1, operation - 2U))));
    }
    const std::pair<uint16_t, uint16_t> known[] = {
        {0, 2}, {1, 1}, {1, 2}, {1, 3}};
    const auto say_policy = [&](uint16_t policy, uint16_t attribute,
                                uint32_t type) {
      say(AttributeBytes()
              .U16(CTRL_ATTR_FAMILY_ID, family)
              .Put(8,
                   AttributeBytes().Put(
                       policy, AttributeBytes().Put(
                                   attribute, AttributeBytes().U32(1, type)))));
    };
    for (const auto& [policy, attribute] : known) {
      say_policy(policy, attribute, NL_ATTR_TYPE_U32);
    }
    if (fourth_of_done != 0) {
      say_policy(1, 4, fourth_of_done);
    }
    replies_.push_back(
        Make(NLMSG_DONE, sequence, Bytes(sizeof(int)), NLM_F_MULTI));
  }

  Packets replies_;
};

}  // namespace ktlsd::agent
