#include "agent/netlink/request.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace ktlsd::agent {
namespace {

using enum AcceptAttribute;

class Attributes {
 public:
  Attributes& Put(uint16_t type, const std::string& payload) {
    const auto length = static_cast<uint16_t>(payload.size() + 4);
    bytes_.append(reinterpret_cast<const char*>(&length), 2);
    bytes_.append(reinterpret_cast<const char*>(&type), 2);
    bytes_ += payload;
    bytes_.append((4 - payload.size() % 4) % 4, '\0');
    return *this;
  }
  Attributes& Put(AcceptAttribute type, const std::string& payload) {
    return Put(static_cast<uint16_t>(type), payload);
  }
  Attributes& Put(AcceptAttribute type, uint32_t value) {
    return Put(type, std::string(reinterpret_cast<const char*>(&value), 4));
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

std::optional<Request> Parse(const std::string& bytes) {
  return ParseRequest(
      ByteView(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

// Starts with a descriptor that the request may close.
Attributes WithSocket() {
  return Attributes().Put(
      kSocket, static_cast<uint32_t>(::open("/dev/null", O_CLOEXEC)));
}

Attributes NfsClient() {
  return WithSocket()
      .Put(kMessageType, 1)
      .Put(kAuthMode, 3)
      .Put(kPeerName, std::string("server.example\0", 15));
}

TEST(ParseRequest, ReadsAnNfsClientsRequest) {
  const auto request = Parse(NfsClient().bytes());
  ASSERT_TRUE(request.has_value());
  EXPECT_TRUE(request->well_formed);
  EXPECT_EQ(request->kind, HandshakeKind::kClientHello);
  EXPECT_EQ(request->auth_mode, AuthMode::kX509);
  EXPECT_EQ(request->peer_name, "server.example");
  EXPECT_FALSE(request->timeout.has_value());
  EXPECT_FALSE(request->certificate.has_value());
}

TEST(ParseRequest, ReadsATargetsRequest) {
  const auto request = Parse(WithSocket()
                                 .Put(kMessageType, 2)
                                 .Put(kTimeout, 10'000)
                                 .Put(kAuthMode, 2)
                                 .Put(kPeerIdentity, 0U)
                                 .Put(kKeyring, 77)
                                 .bytes());
  ASSERT_TRUE(request.has_value());
  EXPECT_TRUE(request->well_formed);
  EXPECT_EQ(request->timeout, std::chrono::seconds(10));
  EXPECT_TRUE(request->peer_identities.empty());
  EXPECT_EQ(request->keyring, 77);
}

TEST(ParseRequest, ReadsSerialsOfACertificate) {
  Attributes nest;
  nest.Put(1, std::string("\x05\0\0\0", 4))
      .Put(2, std::string("\x06\0\0\0", 4));
  // With NLA_F_NESTED, as the kernel sends it.
  const auto request = Parse(NfsClient().Put(0x8007, nest.bytes()).bytes());
  ASSERT_TRUE(request.has_value());
  EXPECT_TRUE(request->well_formed);
  EXPECT_EQ(request->certificate->certificate, 5);
  EXPECT_EQ(request->certificate->private_key, 6);
}

TEST(ParseRequest, SkipsAttributesOfLaterKernels) {
  const auto request = Parse(NfsClient().Put(99, "anything").bytes());
  ASSERT_TRUE(request.has_value());
  EXPECT_TRUE(request->well_formed);
}

TEST(ParseRequest, HasNothingWithoutASocket) {
  EXPECT_FALSE(Parse("").has_value());
  EXPECT_FALSE(Parse(Attributes().Put(kMessageType, 1).bytes()).has_value());
  EXPECT_FALSE(
      Parse(Attributes().Put(kSocket, 0xffffffffU).bytes()).has_value());
}

TEST(ParseRequest, SaysWhatIsMalformed) {
  const std::string wrong[] = {
      WithSocket().bytes(),
      WithSocket().Put(kMessageType, 1).bytes(),
      WithSocket().Put(kAuthMode, 1).bytes(),
      NfsClient().Put(kMessageType, 2).bytes(),
      NfsClient().Put(kTimeout, "12").bytes(),
      NfsClient().Put(kKeyring, "12345").bytes(),
      NfsClient().Put(kCertificate, "x").bytes(),
      NfsClient().bytes() + "xyz",
      WithSocket()
          .Put(kMessageType, 1)
          .Put(kAuthMode, 1)
          .Put(kPeerName, "no end")
          .bytes(),
      WithSocket()
          .Put(kMessageType, 1)
          .Put(kAuthMode, 1)
          .Put(kPeerName, std::string("a\0b\0", 4))
          .bytes(),
      WithSocket()
          .Put(kMessageType, 1)
          .Put(kAuthMode, 1)
          .Put(kPeerName, std::string(256, 'a') + '\0')
          .bytes(),
  };
  for (const std::string& bytes : wrong) {
    const auto request = Parse(bytes);
    ASSERT_TRUE(request.has_value());
    EXPECT_FALSE(request->well_formed) << bytes;
  }
}

TEST(ParseRequest, TakesNoMoreIdentitiesThanTheKernelHas) {
  Attributes attributes = NfsClient();
  for (uint32_t i = 1; i <= 6; ++i) {
    attributes.Put(kPeerIdentity, i);
  }
  const auto request = Parse(attributes.bytes());
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->peer_identities.size(), kMaxPeerIdentities);
  EXPECT_FALSE(request->well_formed);
}

}  // namespace
}  // namespace ktlsd::agent
