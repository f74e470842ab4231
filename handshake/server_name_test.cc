#include "handshake/server_name.h"

#include <gtest/gtest.h>

#include <string>

namespace ktlsd::handshake {
namespace {

std::string Dns(std::string_view text) {
  const auto name = ServerName::Parse(text);
  return name.ok() && !name->is_ip() ? name->dns() : "(not a DNS name)";
}

Bytes Ip(std::string_view text) {
  const auto name = ServerName::Parse(text);
  return name.ok() && name->dns().empty()
             ? Bytes(name->ip().begin(), name->ip().end())
             : Bytes{};
}

bool Refused(std::string_view text) {
  const auto name = ServerName::Parse(text);
  return !name.ok() && name.error().code == Code::kNoPeerName;
}

const Bytes kIpv4 = {192, 0, 2, 1};
const Bytes kIpv6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0,
                     0,    0,    0,    0,    0, 0, 0, 1};

TEST(ServerName, TakesHostNames) {
  EXPECT_EQ(Dns("nfs.example"), "nfs.example");
  EXPECT_EQ(Dns("server"), "server");
  EXPECT_EQ(Dns("NFS.Example"), "nfs.example");
  EXPECT_EQ(Dns("nfs.example."), "nfs.example");
  EXPECT_EQ(Dns("a_b-c.9.xn--example-0"), "a_b-c.9.xn--example-0");
  EXPECT_EQ(Dns("1.2.3.4.example"), "1.2.3.4.example");
}

TEST(ServerName, TakesAddresses) {
  EXPECT_EQ(Ip("192.0.2.1"), kIpv4);
  EXPECT_EQ(Ip("2001:db8::1"), kIpv6);
  EXPECT_EQ(Ip("[2001:db8::1]"), kIpv6);
  EXPECT_EQ(Ip("2001:DB8:0:0::1"), kIpv6);
}

TEST(ServerName, CutsTheZoneOff) {
  EXPECT_EQ(Ip("2001:db8::1%eth0"), kIpv6);
  EXPECT_EQ(Ip("[2001:db8::1%eth0]"), kIpv6);
  EXPECT_TRUE(Refused("fe80::1%"));
  EXPECT_TRUE(Refused("192.0.2.1%eth0"));
  EXPECT_TRUE(Refused("nfs.example%eth0"));
}

TEST(ServerName, TakesAMappedAddressForTheIpv4Address) {
  EXPECT_EQ(Ip("::ffff:192.0.2.1"), kIpv4);
  EXPECT_EQ(Ip("[::ffff:c000:201]"), kIpv4);
}

TEST(ServerName, RefusesWhatIsNeither) {
  for (const std::string_view text :
       {"", ".", "..", ".example", "a..b", "[]", "[", "[::1", "::1]", "[nfs]",
        "[192.0.2.1]", "1:2", "nfs.example:2049", "*.example", "a b", "a/b",
        " nfs", "nfs.example..", "n\xc3\xa4s.example"}) {
    EXPECT_TRUE(Refused(text)) << text;
  }
  EXPECT_TRUE(Refused(std::string_view("nfs\0.example", 12)));
  EXPECT_TRUE(Refused(std::string_view("192.0.2.1\0", 10)));
}

// What getaddrinfo() would take for an address must not pass as a name.
TEST(ServerName, RefusesMisspeltAddresses) {
  for (const std::string_view text :
       {"127.1", "192.0.2.256", "192.0.2.01.", "192.0.2.1.", "1", "0x7f000001",
        "0x7f.0.0.0x1", "1.2.3.4.5", "192.0.2.08"}) {
    EXPECT_TRUE(Refused(text)) << text;
  }
}

TEST(ServerName, LimitsLengths) {
  const std::string label(63, 'a');
  const std::string name = label + "." + label + "." + label + ".";

  EXPECT_EQ(Dns(label), label);
  EXPECT_TRUE(Refused(label + "a"));
  EXPECT_EQ(Dns(name + std::string(61, 'a')).size(), 253U);
  EXPECT_TRUE(Refused(name + std::string(62, 'a')));

  // The longest text of an address, and one more digit.
  const std::string address = "0000:0000:0000:0000:0000:0000:255.255.255.255";
  EXPECT_EQ(Ip(address).size(), 16U);
  EXPECT_TRUE(Refused(address + "5"));
}

}  // namespace
}  // namespace ktlsd::handshake
