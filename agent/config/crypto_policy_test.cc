#include "agent/config/crypto_policy.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <string>

namespace ktlsd::agent {
namespace {

using enum CipherSuite;
using enum handshake::NamedGroup;

std::variant<CryptoPolicy, Problem> LoadText(const std::string& text) {
  const std::string path = ::testing::TempDir() + "/openssl.cnf";
  std::ofstream(path) << text;
  return LoadCryptoPolicy(path);
}

// A policy of these commands, where a system has it.
std::variant<CryptoPolicy, Problem> Load(const std::string& commands) {
  return LoadText(
      "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\n"
      "system_default = policy\n[policy]\n" +
      commands);
}

CryptoPolicy Policy(const std::variant<CryptoPolicy, Problem>& loaded) {
  const Problem* problem = std::get_if<Problem>(&loaded);
  EXPECT_EQ(problem, nullptr) << problem->reason;
  return problem == nullptr ? std::get<CryptoPolicy>(loaded) : CryptoPolicy();
}

std::string ReasonOf(const std::variant<CryptoPolicy, Problem>& loaded) {
  const Problem* problem = std::get_if<Problem>(&loaded);
  EXPECT_TRUE(problem == nullptr || problem->code == Code::kConfigUnusable);
  return problem == nullptr ? "" : problem->reason;
}

TEST(LoadCryptoPolicy, ReadsWhatTls13IsAbout) {
  const CryptoPolicy policy =
      Policy(Load("TLS.MinProtocol = TLSv1.2\nDTLS.MaxProtocol = DTLSv1.2\n"
                  "Ciphersuites = TLS_AES_256_GCM_SHA384:TLS_SHINY_NEW:"
                  "TLS_CHACHA20_POLY1305_SHA256\n"
                  "Groups = X25519:P-256:prime256v1:secp384r1:ffdhe2048\n"
                  "CipherString = @SECLEVEL=2:kEECDH\n"));
  EXPECT_EQ(policy.suites,
            (std::vector{kAes256GcmSha384, kChaCha20Poly1305Sha256}));
  EXPECT_EQ(policy.groups, (std::vector{kX25519, kSecp256r1, kSecp384r1}));
  EXPECT_EQ(policy.ignored, (std::vector<std::string>{
                                "TLS_SHINY_NEW", "ffdhe2048", "CipherString"}));
}

TEST(LoadCryptoPolicy, ReadsTheSignsOfNewerOpenssl) {
  EXPECT_EQ(Policy(Load("Groups = ?*X25519MLKEM768 / ?*X25519:P-521\n"))
                .groups->size(),
            3U);
  EXPECT_EQ(Policy(Load("Groups = *X25519/*P-256\n")).groups,
            (std::vector{kX25519, kSecp256r1}));
  const auto all_but_one = *Policy(Load("Curves = DEFAULT:-X25519\n")).groups;
  EXPECT_EQ(all_but_one.size(), 6U);
  EXPECT_EQ(std::ranges::count(all_but_one, kX25519), 0);
}

// A system without a policy narrows nothing.
TEST(LoadCryptoPolicy, SaysSoWhereThereIsNone) {
  for (const auto& [text, missing] :
       {std::pair{"", "no openssl_conf"},
        std::pair{"openssl_conf = a\n[a]\nproviders = b\n", "no ssl_conf"},
        std::pair{"openssl_conf = a\n[a]\nssl_conf = b\n[b]\nserver = c\n",
                  "no system_default"}}) {
    const CryptoPolicy policy = Policy(LoadText(text));
    EXPECT_FALSE(policy.suites.has_value());
    EXPECT_FALSE(policy.groups.has_value());
    EXPECT_EQ(policy.ignored, std::vector<std::string>{missing});
  }
}

TEST(LoadCryptoPolicy, RefusesWhatIsBroken) {
  EXPECT_NE(ReasonOf(LoadCryptoPolicy("/no/such/file")), "");
  EXPECT_EQ(ReasonOf(LoadText("a = b\n[broken\n")),
            "it does not parse (line 2)");
  EXPECT_EQ(ReasonOf(LoadText("openssl_conf = a\n")),
            "the section a is missing");
  EXPECT_EQ(ReasonOf(LoadText("openssl_conf = a\n[a]\nssl_conf = b\n")),
            "the section b is missing");
  EXPECT_EQ(ReasonOf(LoadText("openssl_conf = a\n[a]\nssl_conf = b\n[b]\n"
                              "system_default = c\n")),
            "the section c is missing");
}

TEST(LoadCryptoPolicy, RefusesOneThatForbidsTls13) {
  EXPECT_EQ(ReasonOf(Load("MaxProtocol = TLSv1.2\n")),
            "MaxProtocol = TLSv1.2 forbids TLS 1.3");
  EXPECT_NE(ReasonOf(Load("MaxProtocol = nonsense\n")), "");
  EXPECT_NE(ReasonOf(Load("Protocol = ALL, -TLSv1.3\n")), "");
  EXPECT_EQ(ReasonOf(Load("MaxProtocol = TLSv1.3\nMinProtocol = TLSv1.3\n"
                          "Protocol = ALL, -SSLv3\n")),
            "");
}

// Nothing of ours in it is not nothing said.
TEST(LoadCryptoPolicy, KeepsAnEmptyListApartFromNone) {
  EXPECT_EQ(Policy(Load("Ciphersuites = TLS_SHINY_NEW\n")).suites,
            std::vector<CipherSuite>());
}

TEST(CryptoPolicyPath, IsThatOfOpenssl) {
  ASSERT_EQ(::setenv("OPENSSL_CONF", "/somewhere/openssl.cnf", 1), 0);
  EXPECT_EQ(CryptoPolicyPath(), "/somewhere/openssl.cnf");
  ::unsetenv("OPENSSL_CONF");
  EXPECT_TRUE(CryptoPolicyPath().ends_with("/openssl.cnf"));
}

}  // namespace
}  // namespace ktlsd::agent
