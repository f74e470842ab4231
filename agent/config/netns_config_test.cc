#include "agent/config/netns_config.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "agent/config/config.h"

namespace ktlsd::agent {
namespace {

constexpr char kGood[] =
    "[authenticate.client]\n"
    "x509.truststore=/host/ca.pem\n"
    "x509.certificate=/host/cert.pem\n"
    "x509.private_key=/host/key.pem\n"
    "[netns.tenants]\n"
    "match=tenant-*;blue\n"
    "[netns.tenants.client]\n"
    "x509.truststore=/tenants/ca.pem\n"
    "[netns.tenants.server]\n"
    "x509.truststore=/tenants/ca.pem\n"
    "x509.certificate=/tenants/cert.pem\n"
    "x509.private_key=/tenants/key.pem\n";

// "" when the text is accepted.
std::string Reason(const std::string& text) {
  const auto parsed = ParseConfig(text);
  const auto* problem = std::get_if<Problem>(&parsed);
  return problem == nullptr ? "" : problem->reason;
}

void ExpectRefused(const std::string& text, const std::string& words) {
  EXPECT_NE(Reason(text).find(words), std::string::npos) << Reason(text) << "\n"
                                                         << text;
}

std::string Replaced(const std::string& from, const std::string& to) {
  std::string text = kGood;
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(ReadNetns, HasPatternsAndBothSidesAndInheritsNothing) {
  const auto parsed = ParseConfig(kGood);
  const auto* config = std::get_if<Config>(&parsed);
  ASSERT_NE(config, nullptr) << Reason(kGood);
  ASSERT_EQ(config->netns.size(), 1U);
  const NetnsConfig& tenants = config->netns.front();
  EXPECT_EQ(tenants.name, "netns.tenants");
  EXPECT_EQ(tenants.match, (std::vector<std::string>{"tenant-*", "blue"}));
  ASSERT_TRUE(tenants.client.has_value());
  EXPECT_EQ(tenants.client->truststore, "/tenants/ca.pem");
  EXPECT_EQ(tenants.client->certificate, std::nullopt);
  ASSERT_TRUE(tenants.server.has_value());
  EXPECT_EQ(tenants.server->private_key, "/tenants/key.pem");
  EXPECT_TRUE(config->ignored.empty());
}

TEST(ReadNetns, SaysWhichKeysServe) {
  const auto kept = [](const std::string& keys) {
    const auto parsed =
        ParseConfig(Replaced("match=tenant", keys + "match=tenant"));
    const auto* config = std::get_if<Config>(&parsed);
    return config == nullptr ? NetnsConfig() : config->netns.front();
  };
  EXPECT_FALSE(kept("").request_keys);
  EXPECT_FALSE(kept("request_keys=false\n").request_keys);
  EXPECT_TRUE(kept("request_keys=true\n").request_keys);
  EXPECT_EQ(kept("").keyrings, std::vector<std::string>{});
  EXPECT_EQ(kept("keyrings=a;b\n").keyrings,
            (std::vector<std::string>{"a", "b"}));
  for (const std::string wrong : {"request_keys=yes\n", "request_keys=\n",
                                  "request_keys=false\nrequest_keys=true\n"}) {
    ExpectRefused(Replaced("match=tenant", wrong + "match=tenant"),
                  "[netns.tenants] request_keys");
  }
}

TEST(ReadNetns, RefusesKeyringsOfTheHost) {
  for (const std::string name :
       {".nvme", ".nfs", ".nfsd", "ktlsd-peers", "storage"}) {
    ExpectRefused(
        "[authenticate]\nkeyrings=storage\n" +
            Replaced("match=tenant", "keyrings=a;" + name + "\nmatch=tenant"),
        "'" + name + "' is the host's");
  }
  ExpectRefused(Replaced("match=tenant", "keyrings=a;;b\nmatch=tenant"),
                "an empty name");
  ExpectRefused(
      Replaced("match=tenant", "keyrings=1;2;3;4;5;6;7;8;9\nmatch=tenant"),
      "too many keyrings");
}

TEST(ReadNetns, MayHaveOneSide) {
  const auto parsed = ParseConfig(
      "[netns.a]\nmatch=a\n[netns.a.client]\nx509.truststore=/ca.pem\n");
  const auto* config = std::get_if<Config>(&parsed);
  ASSERT_NE(config, nullptr);
  EXPECT_FALSE(config->netns.front().server.has_value());
}

TEST(ReadNetns, RefusesATrustThatIsNotItsOwn) {
  ExpectRefused(Replaced("[netns.tenants.client]\nx509.truststore=/tenants/"
                         "ca.pem\n",
                         "[netns.tenants.client]\n"),
                "[netns.tenants.client] (line 7): x509.truststore is missing");
}

TEST(ReadNetns, RefusesWhatIsIncomplete) {
  ExpectRefused(Replaced("match=tenant-*;blue\n", ""), "match is missing");
  ExpectRefused("[netns.a]\nmatch=a\n", "it could serve nobody");
  ExpectRefused("[netns.a.client]\nx509.truststore=/ca.pem\n",
                "there is no group [netns.a]");
  ExpectRefused(Replaced("x509.private_key=/tenants/key.pem\n", ""),
                "go together");
}

TEST(ReadNetns, RefusesWhatItDoesNotKnow) {
  ExpectRefused(Replaced("match=", "matches="), "there is no such key");
  ExpectRefused(Replaced("x509.truststore=/tenants", "x509.truststor=/tenants"),
                "there is no such key");
  ExpectRefused("[netns]\nmatch=a\n", "not of the form");
  ExpectRefused("[netns.]\nmatch=a\n", "not of the form");
  ExpectRefused(Replaced("blue", "a/b"), "no name of a network namespace");
  ExpectRefused(Replaced("tenant-*;blue", "a\nmatch=b"), "there twice");
}

TEST(ReadNetns, IsBounded) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxNetnsGroups; ++i) {
    const std::string name = "[netns." + std::to_string(i);
    many += name + "]\nmatch=a\n" + name + ".client]\nx509.truststore=/c\n";
  }
  ExpectRefused(many, "too many groups");
  std::string patterns = "a";
  for (std::size_t i = 0; i < kMaxNetnsPatterns; ++i) {
    patterns += ";a";
  }
  ExpectRefused(Replaced("tenant-*;blue", patterns), "too many patterns");
}

}  // namespace
}  // namespace ktlsd::agent
