#include "agent/config/tls_choices.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "agent/config/config.h"

namespace ktlsd::agent {
namespace {

using enum CipherSuite;
using handshake::NamedGroup;

Config Parsed(const std::string& text) {
  auto parsed = ParseConfig(text);
  const Problem* problem = std::get_if<Problem>(&parsed);
  EXPECT_EQ(problem, nullptr) << text << problem->reason;
  return problem == nullptr ? std::get<Config>(parsed) : Config();
}

TEST(TlsChoices, HaveTheNamesOfIana) {
  for (const CipherSuite suite : AllSuites()) {
    EXPECT_EQ(SuiteNamed(CipherSuiteName(suite)), suite);
  }
  for (const NamedGroup group : AllGroups()) {
    EXPECT_EQ(GroupNamed(handshake::GroupName(group)), group);
  }
  EXPECT_EQ(AllSuites().size(), 4U);
  EXPECT_EQ(AllGroups().size(), 7U);
  EXPECT_EQ(SuiteNamed("tls_aes_128_gcm_sha256"), kAes128GcmSha256);
  EXPECT_EQ(GroupNamed("X25519"), NamedGroup::kX25519);
  EXPECT_EQ(SuiteNamed("TLS_AES_128_CCM_8_SHA256"), std::nullopt);
  EXPECT_EQ(SuiteNamed("unknown"), std::nullopt);
  EXPECT_EQ(GroupNamed("ffdhe2048"), std::nullopt);
  EXPECT_EQ(GroupNamed("unknown"), std::nullopt);
}

TEST(TlsChoices, AreReadInTheirOrder) {
  const Config config = Parsed(
      "[consumer.nvme-host]\n"
      "ciphers=TLS_CHACHA20_POLY1305_SHA256;TLS_AES_128_GCM_SHA256\n"
      "groups=secp384r1;x25519\n");
  EXPECT_EQ(config.sections[0].config.suites,
            (std::vector{kChaCha20Poly1305Sha256, kAes128GcmSha256}));
  EXPECT_EQ(config.sections[0].config.groups,
            (std::vector{NamedGroup::kSecp384r1, NamedGroup::kX25519}));
}

TEST(TlsChoices, AreInheritedFromTheGroupTls) {
  const Config config = Parsed(
      "[tls]\nciphers=TLS_AES_256_GCM_SHA384\ngroups=x25519\n"
      "[authenticate.server]\ngroups=secp256r1\nalpn.required=true\n"
      "[consumer.nfsd]\nalpn.required=false\n"
      "[consumer.nfs-client]\nciphers=TLS_AES_128_GCM_SHA256\n");
  EXPECT_EQ(config.client.suites, std::vector{kAes256GcmSha384});
  EXPECT_EQ(config.client.groups, std::vector{NamedGroup::kX25519});
  EXPECT_EQ(config.client.alpn_required, std::nullopt);
  EXPECT_EQ(config.server.groups, std::vector{NamedGroup::kSecp256r1});
  EXPECT_EQ(config.server.alpn_required, true);
  const SideConfig& nfsd = config.sections[0].config;
  EXPECT_EQ(nfsd.suites, std::vector{kAes256GcmSha384});
  EXPECT_EQ(nfsd.groups, std::vector{NamedGroup::kSecp256r1});
  EXPECT_EQ(nfsd.alpn_required, false);
  EXPECT_EQ(config.sections[1].config.suites, std::vector{kAes128GcmSha256});
  EXPECT_TRUE(config.ignored.empty());
}

TEST(TlsChoices, NameWhatIsNone) {
  const std::pair<std::string, std::string> wrong[] = {
      {"[tls]\nciphers=\n", "[tls] ciphers (line 2): an empty list"},
      {"[tls]\ngroups=x25519;P-256\n", "[tls] groups (line 2): P-256 is not"},
      {"[tls]\ngroups=x25519;X25519\n",
       "[tls] groups (line 2): X25519 is there twice"},
      {"[tls]\ncipher=a\n", "[tls] cipher (line 2): there is no such key"},
      {"[tls]\ngroups=x25519\ngroups=x25519\n",
       "[tls] groups (line 3): the key is there twice"},
      {"[tls]\ncrypto_policy=fips\n",
       "[tls] crypto_policy (line 2): neither none nor system"},
      {"[authenticate.client]\nalpn.required=yes\n",
       "[authenticate.client] alpn.required (line 2): neither true nor false"},
      {"[consumer.nfsd]\neku=tls\n",
       "[consumer.nfsd] eku (line 2): neither any nor rpc"},
      {"[consumer.nvme-host]\nalpn.required=true\n",
       "[consumer.nvme-host] alpn.required (line 2): NVMe/TCP"},
  };
  for (const auto& [text, reason] : wrong) {
    auto parsed = ParseConfig(text);
    const Problem* problem = std::get_if<Problem>(&parsed);
    ASSERT_NE(problem, nullptr) << text;
    EXPECT_TRUE(problem->reason.starts_with(reason)) << problem->reason;
  }
}

}  // namespace
}  // namespace ktlsd::agent
