#include "agent/config/allowed_peers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "agent/config/config.h"

namespace ktlsd::agent {
namespace {

using enum handshake::AllowedBy;

// What `lines` below [consumer.nfsd] make, or why they are refused.
std::variant<Config, Problem> Parse(const std::string& lines) {
  return ParseConfig("[consumer.nfsd]\n" + lines);
}

std::vector<AllowedPeer> Allowed(const std::string& lines) {
  auto parsed = Parse(lines);
  const Problem* problem = std::get_if<Problem>(&parsed);
  EXPECT_EQ(problem, nullptr) << problem->reason;
  return problem == nullptr
             ? std::get<Config>(parsed).sections[0].config.allowed.value()
             : std::vector<AllowedPeer>();
}

std::string ReasonOf(const std::variant<Config, Problem>& parsed) {
  const Problem* problem = std::get_if<Problem>(&parsed);
  return problem == nullptr ? "" : problem->reason;
}

TEST(AllowedPeers, ReadsNames) {
  EXPECT_EQ(
      Allowed("allow.san=DNS:Nas.Example.org.;IP:192.0.2.1;"
              "IP:2001:db8::1;URI:spiffe://a/b:c;email:a@b.org\n"),
      (std::vector<AllowedPeer>{
          {kDns, "nas.example.org"},
          {kIp, std::string("\xc0\x00\x02\x01", 4)},
          {kIp, std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16)},
          {kUri, "spiffe://a/b:c"},
          {kEmail, "a@b.org"}}));
}

// GKeyFile's list: ';' and '\' are escaped, ',' is not.
TEST(AllowedPeers, ReadsSubjects) {
  EXPECT_EQ(Allowed("allow.subject=CN=a,O=b\\\\, c;CN=d\\;e\n"),
            (std::vector<AllowedPeer>{{kSubject, "CN=a,O=b\\, c"},
                                      {kSubject, "CN=d;e"}}));
}

TEST(AllowedPeers, ReadsFingerprints) {
  std::string colons = "AB";
  std::string plain = "ab";
  for (int i = 1; i < 32; ++i) {
    colons += ":Ab";
    plain += "aB";
  }
  const AllowedPeer both{kFingerprint, std::string(32, '\xab')};
  EXPECT_EQ(Allowed("allow.fingerprint=" + colons + ";" + plain + "\n"),
            (std::vector<AllowedPeer>{both, both}));
  for (const std::string& wrong :
       {plain + "ab", plain.substr(2), colons.substr(1) + "0",
        "g" + plain.substr(1), plain.substr(0, 62) + ":a", std::string("ab")}) {
    EXPECT_NE(ReasonOf(Parse("allow.fingerprint=" + wrong + "\n")), "")
        << wrong;
  }
  std::string dashes = colons;
  std::ranges::replace(dashes, ':', '-');
  EXPECT_NE(ReasonOf(Parse("allow.fingerprint=" + dashes + "\n")), "");
}

TEST(AllowedPeers, NamesWhatIsNone) {
  for (const std::string wrong :
       {"DNS:", "DNS:10.0.0.1", "DNS:*.example.org", "IP:nas", "IP:", "nas",
        "dns:nas", "RID:1.2", "URI:", "email:", ":nas", "DNS"}) {
    EXPECT_EQ(ReasonOf(Parse("allow.san=" + wrong + "\n")),
              "[consumer.nfsd] allow.san (line 2): " + wrong +
                  " is none of DNS:name, URI:uri, IP:address and "
                  "email:address");
  }
  EXPECT_NE(ReasonOf(Parse("allow.subject=" + std::string(255, 'a') + "\n")),
            "");
  EXPECT_EQ(ReasonOf(Parse("allow.san=\n")),
            "[consumer.nfsd] allow.san (line 2): an empty list would let "
            "nobody in");
}

TEST(AllowedPeers, AreBounded) {
  std::string many = "allow.san=";
  for (std::size_t i = 0; i < kMaxAllowedPeers; ++i) {
    many += "DNS:host" + std::to_string(i) + ";";
  }
  EXPECT_EQ(Allowed(many + "\n").size(), kMaxAllowedPeers);
  EXPECT_EQ(ReasonOf(Parse(many + "DNS:one.more\n")),
            "[consumer.nfsd] (line 1): too many allowed clients");
  std::string large = "allow.subject=";
  for (std::size_t i = 0; i * 254 < kMaxAllowedPeersBytes; ++i) {
    large += std::string(254, 'a') + ";";
  }
  EXPECT_EQ(ReasonOf(Parse(large + "\n")),
            "[consumer.nfsd] (line 1): too many allowed clients");
}

// The three keys are one list: a section that has one of them has no entry of
// a wider one.
TEST(AllowedPeers, AreInheritedAsAWhole) {
  const auto parsed = ParseConfig(
      "[authenticate.server]\nallow.san=DNS:a\nallow.subject=CN=a\n"
      "[consumer.nfsd]\nx509.crl=/a\n"
      "[peer.lab]\nconsumer=nfsd\nmatch=10.0.0.1\nallow.san=DNS:b\n");
  ASSERT_TRUE(std::holds_alternative<Config>(parsed));
  const Config& config = std::get<Config>(parsed);
  EXPECT_EQ(config.sections[0].config.allowed->size(), 2U);
  EXPECT_EQ(config.sections[1].config.allowed,
            (std::vector<AllowedPeer>{{kDns, "b"}}));
  EXPECT_TRUE(config.ignored.empty());
}

// A server's list only, and no slip of the pen makes it no list.
TEST(AllowedPeers, AreNowhereElse) {
  const std::pair<std::string, std::string_view> wrong[] = {
      {"[authenticate.client]\nallow.san=DNS:a\n",
       "[authenticate.client] allow.san (line 2): "},
      {"[consumer.nfs-client]\nallow.subject=CN=a\n",
       "[consumer.nfs-client] allow.subject (line 2): "},
      {"[consumer.nvme-target]\nallow.san=DNS:a\n",
       "[consumer.nvme-target] allow.san (line 2): "},
      {"[authenticate.server]\nallow.sam=DNS:a\n",
       "[authenticate.server] allow.sam (line 2): "},
      {"[authenticate.server]\nallow.san=DNS:a\nallow.san=DNS:b\n",
       "[authenticate.server] allow.san (line 3): the key is there twice"},
      {"[authenticate]\nallow.san=DNS:a\n",
       "[authenticate] allow.san (line 2): "},
  };
  for (const auto& [text, reason] : wrong) {
    EXPECT_TRUE(ReasonOf(ParseConfig(text)).starts_with(reason))
        << text << ReasonOf(ParseConfig(text));
  }
}

}  // namespace
}  // namespace ktlsd::agent
