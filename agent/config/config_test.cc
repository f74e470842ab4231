#include "agent/config/config.h"

#include <gtest/gtest.h>

#include <fstream>

namespace ktlsd::agent {
namespace {

constexpr std::string_view kEverything = R"([debug]
loglevel=1
tls=2
nl=3

[authenticate]
keyrings= .blue;.green;red

[authenticate.client]
x509.truststore= /etc/tlshd/ca.pem
x509.crl= /etc/tlshd/crl.pem
x509.certificate= /etc/tlshd/client.pem
x509.private_key= /etc/tlshd/client.key
x509.pq.certificate= /etc/tlshd/client-pq.pem
x509.pq.private_key= /etc/tlshd/client-pq.key

[authenticate.server]
x509.truststore= /etc/tlshd/clients.pem
x509.private_key= pkcs11:token=a
)";

Config Parsed(std::string_view text) {
  auto parsed = ParseConfig(text);
  EXPECT_TRUE(std::holds_alternative<Config>(parsed)) << text;
  const Config* config = std::get_if<Config>(&parsed);
  return config == nullptr ? Config() : *config;
}

TEST(ParseConfig, ReadsEveryKeyOfTlshd) {
  const Config config = Parsed(kEverything);
  EXPECT_EQ(config.log_level, 1);
  EXPECT_EQ(config.tls_level, 2);
  EXPECT_EQ(config.netlink_level, 3);
  EXPECT_EQ(config.keyrings,
            (std::vector<std::string>{".blue", ".green", "red"}));
  EXPECT_EQ(config.client.truststore, "/etc/tlshd/ca.pem");
  EXPECT_EQ(config.client.crl, "/etc/tlshd/crl.pem");
  EXPECT_EQ(config.client.certificate, "/etc/tlshd/client.pem");
  EXPECT_EQ(config.client.private_key, "/etc/tlshd/client.key");
  EXPECT_EQ(config.server.truststore, "/etc/tlshd/clients.pem");
  EXPECT_EQ(config.server.private_key, "pkcs11:token=a");
  EXPECT_FALSE(config.server.crl.has_value());
}

TEST(ParseConfig, NamesKeysOfTlshdThatHaveNoEffectHere) {
  EXPECT_EQ(
      Parsed(kEverything).ignored,
      (std::vector<std::string>{"[authenticate.client] x509.pq.certificate",
                                "[authenticate.client] x509.pq.private_key"}));
}

TEST(ParseConfig, TakesAnEmptyTextForDefaults) {
  EXPECT_EQ(Parsed(""), Config());
  EXPECT_EQ(Parsed("# nothing\n"), Config());
}

TEST(ParseConfig, KeepsAnEmptyNameApartFromNone) {
  const Config config = Parsed("[authenticate.client]\nx509.truststore=\n");
  ASSERT_TRUE(config.client.truststore.has_value());
  EXPECT_EQ(*config.client.truststore, "");
}

TEST(ParseConfig, KeepsTrailingBlanks) {
  EXPECT_EQ(Parsed("[authenticate.client]\nx509.crl= /a \n").client.crl, "/a ");
}

TEST(ParseConfig, NamesWhatItIgnores) {
  const Config config =
      Parsed("[debug]\nloglevle=1\n[authenticate.client]\nx509.cert=/a\n");
  EXPECT_EQ(config.ignored,
            (std::vector<std::string>{"[debug] loglevle",
                                      "[authenticate.client] x509.cert"}));
}

TEST(ParseConfig, ReadsTheHashOfPsks) {
  EXPECT_EQ(Parsed("").psk_hash, HashAlgorithm::kSha256);
  const Config config = Parsed("[authenticate]\npsk.hash=sha384\n");
  EXPECT_EQ(config.psk_hash, HashAlgorithm::kSha384);
  EXPECT_TRUE(config.ignored.empty());
  EXPECT_EQ(Parsed("[authenticate]\npsk.hash=sha256\n").psk_hash,
            HashAlgorithm::kSha256);
}

TEST(ParseConfig, RefusesWhatIsNoKeyFile) {
  for (const std::string_view text :
       {"x509.truststore=/a\n", "[debug\nloglevel=1\n", "[debug]\nloglevel\n",
        "[debug]\nloglevel=much\n", "[debug]\nloglevel=99999999999999\n",
        "[authenticate.client]\nx509.crl=\\q\n",
        "[authenticate]\npsk.hash=md5\n", "[authenticate]\npsk.hash=\n"}) {
    auto parsed = ParseConfig(text);
    const Problem* problem = std::get_if<Problem>(&parsed);
    ASSERT_NE(problem, nullptr) << text;
    EXPECT_EQ(problem->code, Code::kConfigUnusable);
    EXPECT_FALSE(problem->reason.empty());
  }
}

TEST(LoadConfig, NamesTheFileThatIsWrong) {
  const std::string path = ::testing::TempDir() + "/config";
  std::ofstream(path) << "nonsense";
  for (const std::string& wrong : {path, path + ".absent"}) {
    auto loaded = LoadConfig(wrong);
    const Problem* problem = std::get_if<Problem>(&loaded);
    ASSERT_NE(problem, nullptr);
    EXPECT_EQ(problem->file, wrong);
  }
}

TEST(LoadConfig, ReadsAFile) {
  const std::string path = ::testing::TempDir() + "/config";
  std::ofstream(path) << kEverything;
  auto loaded = LoadConfig(path);
  ASSERT_TRUE(std::holds_alternative<Config>(loaded));
  EXPECT_EQ(std::get<Config>(loaded), Parsed(kEverything));
}

}  // namespace
}  // namespace ktlsd::agent
