#include "agent/config/sections.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "agent/config/config.h"

namespace ktlsd::agent {
namespace {

constexpr std::string_view kGeneral = R"([authenticate.client]
x509.truststore=/general/ca
x509.crl=/general/crl
x509.certificate=/general/cert
x509.private_key=/general/key
[authenticate.server]
x509.truststore=/server/ca
)";

Config Parsed(const std::string& text) {
  auto parsed = ParseConfig(text);
  const Problem* problem = std::get_if<Problem>(&parsed);
  EXPECT_EQ(problem, nullptr) << text << problem->reason;
  return problem == nullptr ? std::get<Config>(parsed) : Config();
}

Section Find(const Config& config, std::string_view name) {
  const auto found = std::ranges::find(config.sections, name, &Section::name);
  EXPECT_NE(found, config.sections.end()) << name;
  return found == config.sections.end() ? Section() : *found;
}

std::string ReasonOf(const std::string& text) {
  auto parsed = ParseConfig(text);
  const Problem* problem = std::get_if<Problem>(&parsed);
  return problem == nullptr ? "" : problem->reason;
}

TEST(Sections, InheritFromTheirConsumerAndItsSide) {
  const Config config = Parsed(std::string(kGeneral) + R"([peer.backup]
consumer=nfs-client
match=backup.example.org;10.0.0.0/8
x509.truststore=/backup/ca
[consumer.nfs-client]
x509.certificate=/nfs/cert
x509.private_key=/nfs/key
[consumer.nfsd]
x509.crl=/nfsd/crl
)");
  const Section nfs = Find(config, "consumer.nfs-client");
  EXPECT_EQ(nfs.consumer, Consumer::kNfsClient);
  EXPECT_TRUE(nfs.match.empty());
  EXPECT_EQ(nfs.config.truststore, "/general/ca");
  EXPECT_EQ(nfs.config.certificate, "/nfs/cert");
  EXPECT_EQ(nfs.config.private_key, "/nfs/key");
  // Written before the section it inherits from.
  const Section backup = Find(config, "peer.backup");
  EXPECT_EQ(backup.consumer, Consumer::kNfsClient);
  EXPECT_EQ(backup.match.size(), 2U);
  EXPECT_EQ(backup.config.truststore, "/backup/ca");
  EXPECT_EQ(backup.config.crl, "/general/crl");
  EXPECT_EQ(backup.config.certificate, "/nfs/cert");
  const Section nfsd = Find(config, "consumer.nfsd");
  EXPECT_EQ(nfsd.config.truststore, "/server/ca");
  EXPECT_EQ(nfsd.config.crl, "/nfsd/crl");
  EXPECT_FALSE(nfsd.config.certificate.has_value());
  EXPECT_TRUE(config.ignored.empty());
}

// What was to be narrowed must not stay wide for a slip of the pen.
TEST(Sections, NameEverythingThatIsWrong) {
  const std::string peer = "[peer.a]\nconsumer=nfs-client\n";
  const std::pair<std::string, std::string_view> wrong[] = {
      {"[consumer.nfsdd]\n", "[consumer.nfsdd] (line 1): none of "},
      {"[consumer.]\n", "[consumer.] (line 1): none of "},
      {"[consumers.nfsd]\n", "[consumers.nfsd] (line 1): neither "},
      {"\n[peer]\n", "[peer] (line 2): neither "},
      {"[peer.]\nconsumer=nfsd\n", "[peer.] (line 1): neither "},
      {"[consumer.nfsd]\nx509.trust=/a\n",
       "[consumer.nfsd] x509.trust (line 2): there is no such key"},
      {"[consumer.nfsd]\nmatch=10.0.0.1\n",
       "[consumer.nfsd] match (line 2): there is no such key"},
      {"[consumer.nfsd]\n[debug]\n[consumer.nfsd]\n",
       "[consumer.nfsd] (line 1): the group is there twice"},
      {"[consumer.nfsd]\nx509.crl=/a\nx509.crl=/a\n",
       "[consumer.nfsd] x509.crl (line 3): the key is there twice"},
      {"[consumer.nfsd]\nx509.certificate=/a\n",
       "[consumer.nfsd] (line 1): x509.certificate and x509.private_key"},
      {"[consumer.nfsd]\nx509.pq.certificate=/a\n",
       "[consumer.nfsd] (line 1): x509.pq.certificate and x509.pq.private_key"},
      {"[consumer.nfs-client]\npeer_key.timeout=0\n",
       "[consumer.nfs-client] peer_key.timeout (line 2): not from 1 to 604800"},
      {"[consumer.nfs-client]\npeer_key.timeout=604801\n",
       "[consumer.nfs-client] peer_key.timeout (line 2): not from 1 to 604800"},
      {"[consumer.nfsd]\nexpected.volume=0\n",
       "[consumer.nfsd] expected.volume (line 2): no number of bytes"},
      {"[consumer.nfsd]\nexpected.volume=5GB\n",
       "[consumer.nfsd] expected.volume (line 2): no number of bytes"},
      {"[consumer.nfsd]\nexpected.volume=5X\n",
       "[consumer.nfsd] expected.volume (line 2): no number of bytes"},
      {"[consumer.nfsd]\npeer_key.timeout=60\n",
       "[consumer.nfsd] peer_key.timeout (line 2): it is for clients"},
      {"[consumer.nvme-host]\nx509.truststore=/a\n",
       "[consumer.nvme-host] x509.truststore (line 2): NVMe/TCP"},
      {"[peer.a]\nmatch=a\n", "[peer.a] (line 1): consumer is missing"},
      {"[peer.a]\nconsumer=nfs\nmatch=a\n",
       "[peer.a] consumer (line 2): none of "},
      {peer, "[peer.a] (line 1): match is missing"},
      {peer + "match=\n", "[peer.a] (line 1): match is missing"},
      {peer + "match=a;b/8\n", "[peer.a] match (line 3): b/8 is neither"},
      {"[peer.a]\nconsumer=nfsd\nmatch=host.example.org\n",
       "[peer.a] match (line 3): host.example.org is a name, and"},
      {"[peer.a]\nconsumer=nvme-host\nmatch=*.example.org\n",
       "[peer.a] match (line 3): *.example.org is a name, and"},
  };
  for (const auto& [text, reason] : wrong) {
    EXPECT_TRUE(ReasonOf(text).starts_with(reason)) << text << ReasonOf(text);
  }
}

TEST(Sections, RefuseTwoThatMatchTheSamePeers) {
  const std::string client = "\nconsumer=nfs-client\n";
  EXPECT_EQ(ReasonOf("[peer.a]" + client + "match=10.0.0.1;nas\n[peer.b]" +
                     client + "match=NAS\n"),
            "[peer.b] match (line 6): nas is in [peer.a] too");
  EXPECT_EQ(ReasonOf("[peer.a]" + client + "match=10.0.0.1;10.0.0.1/32\n"),
            "[peer.a] match (line 3): 10.0.0.1/32 is in [peer.a] too");
  // One of them is more specific, or they are of different consumers.
  EXPECT_EQ(ReasonOf("[peer.a]" + client + "match=10.0.0.0/8\n[peer.b]" +
                     client + "match=10.0.0.0/16;*.org\n[peer.c]" + client +
                     "match=a.org\n[peer.d]\nconsumer=nfsd\n"
                     "match=10.0.0.0/8\n"),
            "");
}

TEST(Sections, AreBounded) {
  std::string text;
  const auto section = [](std::size_t i) {
    return "[peer." + std::to_string(i) + "]\nconsumer=nfs-client\nmatch=host" +
           std::to_string(i) + "\n";
  };
  for (std::size_t i = 0; i < kMaxSections; ++i) {
    text += section(i);
  }
  EXPECT_EQ(Parsed(text).sections.size(), kMaxSections);
  EXPECT_EQ(ReasonOf(text + section(kMaxSections)),
            "[peer.64] (line 193): too many groups of this kind");
  std::string many = "[peer.a]\nconsumer=nfs-client\nmatch=";
  for (std::size_t i = 0; i <= kMaxPatterns; ++i) {
    many += "host" + std::to_string(i) + ";";
  }
  EXPECT_EQ(ReasonOf(many), "[peer.a] match (line 3): too many patterns");
}

TEST(Sections, ReadExpectedVolumes) {
  const auto parsed = ParseConfig(
      "[tls]\nexpected.volume=1500\n"
      "[authenticate.client]\nexpected.volume=2T\n"
      "[consumer.nvme-host]\nexpected.volume=18446744P\n"
      "[consumer.nvme-target]\nexpected.volume=18446P\n");
  EXPECT_TRUE(std::holds_alternative<Problem>(parsed));  // beyond 64 bits
  const auto good = ParseConfig(
      "[tls]\nexpected.volume=1500\n"
      "[authenticate.client]\nexpected.volume=2T\n"
      "[consumer.nvme-host]\nexpected.volume=18446P\n"
      "[consumer.nfs-client]\nexpected.volume=7K\n");
  const Config* config = std::get_if<Config>(&good);
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->server.expected_volume, 1500U);
  EXPECT_EQ(config->client.expected_volume, 2'000'000'000'000U);
  EXPECT_EQ(config->sections.at(0).config.expected_volume,
            18'446'000'000'000'000'000U);
  EXPECT_EQ(config->sections.at(1).config.expected_volume, 7000U);
}

TEST(Sections, HaveATimeoutForTheKeysOfServers) {
  const auto parsed = ParseConfig(
      "[authenticate.client]\npeer_key.timeout=600\n"
      "[peer.a]\nconsumer=nfs-client\nmatch=a\n"
      "[peer.b]\nconsumer=nfs-client\nmatch=b\npeer_key.timeout=60\n");
  const Config* config = std::get_if<Config>(&parsed);
  ASSERT_NE(config, nullptr);
  EXPECT_EQ(config->sections.at(0).config.peer_key, std::chrono::seconds(600));
  EXPECT_EQ(config->sections.at(1).config.peer_key, std::chrono::seconds(60));
  EXPECT_FALSE(config->server.peer_key.has_value());
}

// Certificates are one identity: a section with one of its own must not show
// the post-quantum one of somebody else.
TEST(Sections, InheritCertificatesTogetherOrNotAtAll) {
  const auto parsed = ParseConfig(
      "[authenticate.server]\n"
      "x509.certificate=/c\nx509.private_key=/k\n"
      "x509.pq.certificate=/pq/c\nx509.pq.private_key=/pq/k\n"
      "[peer.same]\nconsumer=nfsd\nmatch=192.0.2.1\n"
      "[peer.own]\nconsumer=nfsd\nmatch=192.0.2.2\n"
      "x509.certificate=/own/c\nx509.private_key=/own/k\n"
      "[peer.pq]\nconsumer=nfsd\nmatch=192.0.2.3\n"
      "x509.pq.certificate=/own/pq/c\nx509.pq.private_key=/own/pq/k\n");
  const Config* config = std::get_if<Config>(&parsed);
  ASSERT_NE(config, nullptr);
  const SideConfig& same = config->sections.at(0).config;
  EXPECT_EQ(same.certificate, "/c");
  EXPECT_EQ(same.pq_certificate, "/pq/c");
  EXPECT_EQ(same.pq_private_key, "/pq/k");
  const SideConfig& own = config->sections.at(1).config;
  EXPECT_EQ(own.certificate, "/own/c");
  EXPECT_FALSE(own.pq_certificate.has_value());
  EXPECT_FALSE(own.pq_private_key.has_value());
  const SideConfig& pq = config->sections.at(2).config;
  EXPECT_EQ(pq.pq_certificate, "/own/pq/c");
  EXPECT_FALSE(pq.certificate.has_value());
}

}  // namespace
}  // namespace ktlsd::agent
