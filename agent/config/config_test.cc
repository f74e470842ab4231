#include "agent/config/config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <utility>

namespace ktlsd::agent {
namespace {

constexpr char kShipped[] = "agent/config/testdata/tlshd_shipped.conf";
constexpr char kEveryOption[] = "agent/config/testdata/tlshd_every_option.conf";

Config FromFile(const std::string& path) {
  auto loaded = LoadConfig(path);
  const Problem* problem = std::get_if<Problem>(&loaded);
  EXPECT_EQ(problem, nullptr) << problem->file << ": " << problem->reason;
  return problem == nullptr ? std::get<Config>(loaded) : Config();
}

Config Parsed(std::string_view text) {
  auto parsed = ParseConfig(text);
  const Problem* problem = std::get_if<Problem>(&parsed);
  EXPECT_EQ(problem, nullptr) << text << problem->reason;
  const Config* config = std::get_if<Config>(&parsed);
  return config == nullptr ? Config() : *config;
}

// The reason why `text` is refused, or "".
std::string ReasonOf(std::string_view text) {
  auto parsed = ParseConfig(text);
  const Problem* problem = std::get_if<Problem>(&parsed);
  EXPECT_TRUE(problem == nullptr || problem->code == Code::kConfigUnusable);
  return problem == nullptr ? "" : problem->reason;
}

// tlshd's own files run as they are.
TEST(LoadConfig, ReadsEveryOptionOfTlshd) {
  const Config config = FromFile(kEveryOption);
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
  EXPECT_EQ(config.server.crl, "/etc/tlshd/clients-crl.pem");
  EXPECT_EQ(config.server.certificate, "/etc/tlshd/server.pem");
  EXPECT_EQ(config.server.private_key, "pkcs11:token=a;object=b");
  EXPECT_EQ(config.client.pq_certificate, "/etc/tlshd/client-pq.pem");
  EXPECT_EQ(config.client.pq_private_key, "/etc/tlshd/client-pq.key");
  EXPECT_EQ(config.server.pq_certificate, "/etc/tlshd/server-pq.pem");
  EXPECT_EQ(config.server.pq_private_key, "/etc/tlshd/server-pq.key");
  EXPECT_EQ(config.ignored, std::vector<std::string>());
}

TEST(LoadConfig, TakesTheFileThatTlshdIsShippedWith) {
  EXPECT_EQ(FromFile(kShipped), Config());
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

TEST(ParseConfig, RechecksSessionsOnRequestOnly) {
  EXPECT_FALSE(Parsed("").recheck_sessions);
  EXPECT_TRUE(
      Parsed("[authenticate]\nsessions.recheck=true\n").recheck_sessions);
  EXPECT_FALSE(
      Parsed("[authenticate]\nsessions.recheck=false\n").recheck_sessions);
  EXPECT_NE(ReasonOf("[authenticate]\nsessions.recheck=yes\n"), "");
}

TEST(ParseConfig, KeepsTrailingBlanks) {
  EXPECT_EQ(Parsed("[authenticate.client]\nx509.crl= /a \n").client.crl, "/a ");
}

TEST(ParseConfig, NamesWhatItIgnoresWithItsLine) {
  const Config config = Parsed(
      "# about\n[debug]\r\n loglevle = 1\n\n[authenticate.client]\n"
      "#cert=/a\ncert=/b\nx509.crl=/loglevle\n[other] \na b =1\n");
  EXPECT_EQ(config.ignored,
            (std::vector<std::string>{"[debug] loglevle (line 3)",
                                      "[authenticate.client] cert (line 7)",
                                      "[other] a b (line 10)"}));
}

// tlshd lets in whom these were to keep out.
TEST(ParseConfig, RefusesAMisspeltKeyThatMayOpenADoor) {
  for (const std::string place :
       {"[authenticate.client] x509.clr", "[authenticate.server] x509.trustore",
        "[authenticate.server] x509.pq.truststore", "[authenticate] x509.crl",
        "[authenticate.clients] x509.truststore",
        "[authenticate.clients] x509.pq.certificate", "[other] x509.crl"}) {
    const std::size_t blank = place.find(' ');
    const std::string text =
        place.substr(0, blank) + '\n' + place.substr(blank + 1) + "=/a\n";
    EXPECT_EQ(ReasonOf(text), place + " (line 2): there is no such key");
  }
}

// One name may stand in several groups, and more than once: the last counts.
TEST(ParseConfig, LooksForTheLineWithinTheGroup) {
  EXPECT_EQ(Parsed("[a]\nx=1\n[b]\nx=1\n[a]\nx=2\n").ignored,
            (std::vector<std::string>{"[a] x (line 6)", "[b] x (line 4)"}));
}

TEST(ParseConfig, ReadsTheHashOfPsks) {
  EXPECT_EQ(Parsed("").psk_hash, HashAlgorithm::kSha256);
  const Config config = Parsed("[authenticate]\npsk.hash=sha384\n");
  EXPECT_EQ(config.psk_hash, HashAlgorithm::kSha384);
  EXPECT_TRUE(config.ignored.empty());
  EXPECT_EQ(Parsed("[authenticate]\npsk.hash=sha256\n").psk_hash,
            HashAlgorithm::kSha256);
}

TEST(ParseConfig, NamesTheLineOfWhatIsNoKeyFile) {
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {"x509.truststore=/a\n", "(line 1)"},
      {"[debug\nloglevel=1\n", "(line 1)"},
      {"\n[debug]\nloglevel\nnl=1\n", "(line 3)"},
      {"[debug]\nloglevel=1\n\n# a\n=2", "(line 5)"},
  };
  for (const auto& [text, line] : wrong) {
    EXPECT_NE(ReasonOf(text).find(line), std::string::npos)
        << text << ReasonOf(text);
  }
}

TEST(ParseConfig, NamesTheLineOfAMalformedValue) {
  const std::pair<std::string_view, std::string_view> wrong[] = {
      {"[debug]\ntls=1\nloglevel=much\n", "[debug] loglevel (line 3): "},
      {"[debug]\nnl=99999999999999\n", "[debug] nl (line 2): "},
      {"[authenticate.client]\n\nx509.crl=\\q\n",
       "[authenticate.client] x509.crl (line 3): "},
      {"[authenticate]\nkeyrings=a;\xff\n",
       "[authenticate] keyrings (line 2): "},
      {"[authenticate]\npsk.hash=md5\n", "[authenticate] psk.hash (line 2): "},
      {"[authenticate]\npsk.hash=\n", "[authenticate] psk.hash (line 2): "},
  };
  for (const auto& [text, place] : wrong) {
    const std::string reason = ReasonOf(text);
    EXPECT_TRUE(reason.starts_with(place)) << text << reason;
    EXPECT_GT(reason.size(), place.size());
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

}  // namespace
}  // namespace ktlsd::agent
