#include "agent/check/check.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "agent/keyring/testing/fake_keyrings.h"
#include "base/error_codes.h"
#include "base/session_keys.h"
#include "handshake/config.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

using handshake::CertificateSpec;
using handshake::kTestNotAfter;
using handshake::kTestNow;
using handshake::TestCertificate;
using handshake::TestPki;
using std::chrono::days;

class SetClock final : public Clock {
 public:
  MonotonicTime Now() const override { return {}; }
  CalendarTime Today() const override { return today; }
  CalendarTime today = kTestNow;
};

KernelFacts SoundKernel() {
  ktls::Capabilities tls;
  tls.tls = true;
  tls.suites = handshake::DefaultSuites();
  tls.payload_limit = true;
  return {true, tls, true};
}

class CheckTest : public ::testing::Test {
 protected:
  CheckTest() {
    Write("ca", pki_.root.pem());
    for (const char* end : {"client", "server"}) {
      const TestCertificate& own =
          end == std::string("client") ? pki_.client : pki_.server;
      Write(std::string(end) + ".pem", pki_.ChainPemOf(own));
      Write(std::string(end) + ".key", own.key_pem());
    }
  }

  std::string Path(const std::string& name) {
    return ::testing::TempDir() + "/check_" + name;
  }
  void Write(const std::string& name, const std::string& text,
             mode_t mode = 0600) {
    std::ofstream(Path(name)) << text;
    ::chmod(Path(name).c_str(), mode);
  }
  std::string SideText(const std::string& side) {
    return "[authenticate." + side + "]\nx509.truststore=" + Path("ca") +
           "\nx509.certificate=" + Path(side + ".pem") +
           "\nx509.private_key=" + Path(side + ".key") + "\n";
  }
  // The sound configuration, with `more` behind it: of the server's side.
  std::string Sound(const std::string& more = "") {
    return SideText("client") + SideText("server") + more;
  }
  // A server of this kind, and nothing else.
  std::string ServerOf(const CertificateSpec& spec) {
    const TestCertificate own = pki_.intermediate.Issue(spec);
    Write("server.pem", pki_.ChainPemOf(own));
    Write("server.key", own.key_pem());
    return SideText("server");
  }

  void Check(const std::string& text,
             const std::optional<Question>& question = std::nullopt) {
    Write("config", text);
    const auto link = [this](const std::vector<std::string>&) {
      return missing_;
    };
    report_ = CheckAll(Path("config"), question,
                       {kernel_, 0, keyrings_, link, clock_, tags_directory_});
  }
  void Ask(const std::string& text, Consumer consumer,
           const std::string& peer = "", const std::string& netns = "") {
    Check(text, Question{consumer, peer, netns});
  }
  std::string Lines() const {
    std::string lines;
    for (const Finding& finding : report_.findings()) {
      lines += Line(finding) + "\n";
    }
    return lines;
  }
  // Is there a line that begins with `severity` and has all of `words`?
  template <typename... Words>
  ::testing::AssertionResult Says(Severity severity, const Words&... words) {
    for (const Finding& finding : report_.findings()) {
      const std::string line = Line(finding);
      if (finding.severity == severity &&
          (... && (line.find(words) != std::string::npos))) {
        return ::testing::AssertionSuccess() << line;
      }
    }
    return ::testing::AssertionFailure() << "of:\n" << Lines();
  }
  template <typename... Words>
  ::testing::AssertionResult Fails(const Words&... words) {
    return Says(Severity::kError, words...);
  }
  template <typename... Words>
  ::testing::AssertionResult Warns(const Words&... words) {
    return Says(Severity::kWarning, words...);
  }

  const TestPki pki_ = handshake::MakeTestPki();
  KernelFacts kernel_ = SoundKernel();
  FakeKeyrings keyrings_;
  SetClock clock_;
  std::string tags_directory_ = "/no/such/tags.d";
  std::vector<std::string> missing_;
  Report report_;
};

TEST_F(CheckTest, FindsNothingWrongWithASoundHost) {
  keyrings_.AddPsk(7, "NVMe1R01 host subsystem", 32);
  Check(Sound());
  EXPECT_EQ(report_.Count(Severity::kError), 0U) << Lines();
  EXPECT_TRUE(
      Says(Severity::kOk, Path("ca"), "authenticate.client: 1 authority"));
  EXPECT_TRUE(Says(Severity::kOk, Path("server.pem"), "CN=Test Server",
                   "until 2045-01-01", "server.example"));
  EXPECT_TRUE(Says(Severity::kOk, Path("client.pem"), "takes it"));
  EXPECT_TRUE(Says(Severity::kOk, "keyring .nvme"));
  EXPECT_TRUE(Says(Severity::kOk, "key 7", "NVMe1R01 host subsystem"));
}

// --- Session tags ---

TEST_F(CheckTest, ReadsTheRulesOfSessionTags) {
  tags_directory_ = Path("tags.d");
  std::filesystem::create_directory(tags_directory_);
  Write("tags.d/a.yml",
        "filters:\n  ours:\n    type: \"x509.tbs.subject\"\n"
        "    pattern: \"CN=*\"\n"
        "tags:\n  client:\n    filter:\n      - \"ours\"\n");
  std::filesystem::remove(Path("tags.d/b.yml"));
  Check(Sound());
  EXPECT_TRUE(Says(Severity::kOk, "session tags", "1 file"));
  Write("tags.d/b.yml", "filters: nonsense [");
  Check(Sound());
  EXPECT_TRUE(Fails("b.yml", "no session is tagged"));
}

// --- Other network namespaces ---

TEST_F(CheckTest, ForeseesARequestOfAnotherNetworkNamespace) {
  const std::string config =
      Sound() + "[netns.lab]\nmatch=lab-*\n" +
      "[netns.lab.server]\nx509.truststore=" + Path("ca") +
      "\nx509.certificate=" + Path("server.pem") +
      "\nx509.private_key=" + Path("server.key") + "\n";
  Ask(config, Consumer::kNfsd, "", "lab-1");
  EXPECT_TRUE(Says(Severity::kOk, "nfsd in lab-1", "[netns.lab.server]"));
  Ask(config, Consumer::kNfsd, "", "office");
  EXPECT_TRUE(Fails("nfsd in office", "no [netns.*] group"));
  Ask(config, Consumer::kNfsd);
  EXPECT_TRUE(Says(Severity::kOk, "nfsd: ", "[authenticate.server]"));
}

// --- What the daemon refuses ---

TEST_F(CheckTest, NamesTheFileThatCannotBeUsed) {
  Check("[authenticate.server]\nx509.truststore=/no/such/file\n");
  EXPECT_TRUE(Fails("/no/such/file", "No such file", "trust_store_unusable"));
}

TEST_F(CheckTest, RefusesAKeyThatOthersMayRead) {
  Write("server.key", pki_.server.key_pem(), 0604);
  Check(Sound());
  EXPECT_TRUE(Fails("others may access", "private_key_unusable"));
}

TEST_F(CheckTest, RefusesTheKeyOfAnotherCertificate) {
  Write("server.key", pki_.client.key_pem());
  Check(Sound());
  EXPECT_TRUE(Fails(Path("server.pem"), "not the first certificate's"));
}

TEST_F(CheckTest, RefusesHalfACredential) {
  Check("[authenticate.client]\nx509.certificate=" + Path("client.pem") + "\n");
  EXPECT_TRUE(Fails("authenticate.client", "go together", "config_unusable"));
}

TEST_F(CheckTest, RefusesABrokenList) {
  Write("crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
  Check(Sound("x509.crl=" + Path("crl") + "\n"));
  EXPECT_TRUE(Fails("a revocation list does not parse", "crl_unusable"));
}

TEST_F(CheckTest, RefusesAConfigurationThatIsNone) {
  Check("x509.truststore=/a\n");
  EXPECT_TRUE(Fails(Path("config"), "config_unusable"));
  EXPECT_EQ(report_.Count(Severity::kError), 1U) << Lines();
}

TEST_F(CheckTest, WarnsOfAKeyWithoutAMeaning) {
  Check(Sound("trustsotre=/a\n"));
  EXPECT_TRUE(Warns(Path("config"), "trustsotre"));
}

TEST_F(CheckTest, RefusesAMisspeltTrustStore) {
  Check(Sound("x509.trustsotre=/a\n"));
  EXPECT_TRUE(Fails(Path("config"), "x509.trustsotre", "no such key"));
}

TEST_F(CheckTest, WarnsOfAFileThatEverybodyMayChange) {
  Write("ca", pki_.root.pem(), 0666);
  Check(Sound());
  EXPECT_TRUE(Warns(Path("ca"), "everybody may write"));
}

// --- What ends ---

TEST_F(CheckTest, WarnsOfWhatExpiresWithinThirtyDays) {
  clock_.today = kTestNotAfter - days(31);
  Check(Sound());
  EXPECT_FALSE(Warns("expires"));
  clock_.today = kTestNotAfter - days(29);
  Check(Sound());
  EXPECT_TRUE(Warns(Path("server.pem"), "expires on 2045-01-01"));
  EXPECT_TRUE(Warns(Path("ca"), "authority", "expires on 2045-01-01"));
  EXPECT_EQ(report_.Count(Severity::kError), 0U) << Lines();
}

TEST_F(CheckTest, SaysWhatHasExpired) {
  clock_.today = kTestNotAfter + days(1);
  Check(Sound());
  EXPECT_TRUE(Fails(Path("server.pem"), "CN=Test Server expired on"));
  EXPECT_TRUE(Fails(Path("ca"), "every authority has expired"));
  const auto longer = TestCertificate::SelfSigned(
      {.authority = true, .not_after = kTestNotAfter + days(365)});
  Write("ca", pki_.root.pem() + longer.pem());
  Check(Sound());
  EXPECT_FALSE(Fails(Path("ca"), "every authority has expired"));
  EXPECT_TRUE(Warns(Path("ca"), "CN=Test Root expired on 2045-01-01"));
}

TEST_F(CheckTest, SaysWhatIsNotValidYet) {
  clock_.today = handshake::kTestNotBefore - days(1);
  Check(Sound());
  EXPECT_TRUE(Fails(Path("client.pem"), "not valid before 2020-01-01"));
}

TEST_F(CheckTest, LooksAfterRevocationLists) {
  handshake::CrlSpec spec;
  spec.next_update = kTestNow + days(2);
  const std::string config = Sound("x509.crl=" + Path("crl") + "\n");
  Write("crl", pki_.root.CrlPem(spec) + pki_.intermediate.CrlPem(spec));
  Check(config);
  EXPECT_EQ(report_.Count(Severity::kError), 0U) << Lines();
  EXPECT_TRUE(Says(Severity::kOk, Path("crl"), "2 revocation lists"));
  EXPECT_FALSE(Warns("to be renewed"));
  clock_.today = kTestNow + days(1) + std::chrono::hours(1);
  Check(config);
  EXPECT_TRUE(Warns(Path("crl"), "to be renewed by 2026-06-03"));
  clock_.today = kTestNow + days(3);
  Check(config);
  EXPECT_TRUE(Fails(Path("crl"), "was to be renewed by 2026-06-03"));
  clock_.today = handshake::kTestNotBefore - days(1);
  Check(config);
  EXPECT_TRUE(Fails(Path("crl"), "not valid before 2020-01-01"));
}

TEST_F(CheckTest, SaysWhichAuthorityNoListCovers) {
  Write("crl", pki_.intermediate.CrlPem({}));
  Check(Sound("x509.crl=" + Path("crl") + "\n"));
  EXPECT_TRUE(Warns(Path("crl"), "no list of the authority CN=Test Root"));
}

TEST_F(CheckTest, SaysThatOurOwnCertificateIsRevoked) {
  Write("crl", pki_.root.CrlPem({}) +
                   pki_.intermediate.CrlPem({.revoked = {&pki_.server}}));
  Check(Sound("x509.crl=" + Path("crl") + "\n"));
  EXPECT_TRUE(Fails(Path("server.pem"), "certificate_revoked"));
}

// --- What peers would refuse ---

TEST_F(CheckTest, SaysThatTheRoleIsNotAllowed) {
  Check(ServerOf({.dns = {"a.example"}, .extended_key_usage = "clientAuth"}));
  EXPECT_TRUE(Fails("a peer would refuse it", "certificate_wrong_purpose"));
}

TEST_F(CheckTest, WarnsOfACertificateThatIsNotForRpcAsThisSideAsks) {
  Check(Sound("eku=rpc\n"));
  EXPECT_TRUE(Says(Severity::kOk, Path("server.pem"), "takes it"));
  EXPECT_TRUE(Warns(Path("server.pem"), "this side's own eku",
                    "certificate_wrong_purpose"));
  EXPECT_EQ(report_.Count(Severity::kError), 0U) << Lines();
}

TEST_F(CheckTest, SaysThatAServerHasNoName) {
  Check(ServerOf({.common_name = "server.example"}));
  EXPECT_TRUE(Fails(Path("server.pem"), "no subjectAltName"));
}

TEST_F(CheckTest, TakesAServerThatHasOnlyAWildcard) {
  Check(ServerOf({.dns = {"*.example.org"}}));
  EXPECT_TRUE(Says(Severity::kOk, Path("server.pem"), "takes it"));
}

TEST_F(CheckTest, WarnsOfAnIssuerThatOurOwnStoreLacks) {
  Write("ca", TestCertificate::SelfSigned({.authority = true}).pem());
  Check(Sound());
  EXPECT_TRUE(Warns(Path("server.pem"), "certificate_unknown_issuer"));
}

TEST_F(CheckTest, WarnsOfAChainWithAGap) {
  Write("server.pem", pki_.server.pem() + pki_.root.pem());
  Check(Sound());
  EXPECT_TRUE(Warns(Path("server.pem"), "CN=Test Root is not the issuer of"));
}

// --- The kernel ---

TEST_F(CheckTest, SaysWhatTheKernelLacks) {
  kernel_.upcall = false;
  kernel_.seccomp = false;
  kernel_.tls->suites = {CipherSuite::kAes128GcmSha256};
  Check(Sound());
  EXPECT_TRUE(Fails("net/handshake", "no handshake upcall"));
  EXPECT_TRUE(Fails("seccomp", "no filters"));
  EXPECT_TRUE(Warns("kernel tls", "TLS_AES_256_GCM_SHA384"));
  kernel_.tls->suites.clear();
  Check(Sound());
  EXPECT_TRUE(Fails("kernel tls", "no cipher suite"));
  kernel_.tls->tls = false;
  Check(Sound());
  EXPECT_TRUE(Fails("kernel tls", "modprobe tls"));
  kernel_.tls = Error{Code::kSystemFailed, "no loopback"};
  Check(Sound());
  EXPECT_TRUE(Warns("kernel tls", "cannot be tried: no loopback"));
}

TEST_F(CheckTest, SaysWhichKeyringsAreMissing) {
  missing_ = {".nfsd", "mine"};
  Check(Sound() + "[authenticate]\nkeyrings=mine\n");
  EXPECT_TRUE(Says(Severity::kOk, "keyring .nfsd", "not there (yet)"));
  EXPECT_TRUE(Warns("keyring mine"));
}

TEST_F(CheckTest, SaysWhichPskCannotBeUsed) {
  keyrings_.AddPsk(7, "NVMe1R01 host subsystem", 48);
  keyrings_.AddKey(8, "user", "not ours", {1});
  Check(Sound());
  EXPECT_TRUE(Fails("key 7", "key_rejected"));
  EXPECT_FALSE(Says(Severity::kOk, "key 8"));
}

// --- What would happen ---

TEST_F(CheckTest, ForeseesWhatAMountGets) {
  kernel_.tls->suites = {CipherSuite::kAes128GcmSha256};
  Ask(Sound(), Consumer::kNfsClient, "nfs.example");
  EXPECT_TRUE(Says(Severity::kOk, "nfs-client xprtsec=tls with nfs.example",
                   "name nfs.example", "from " + Path("ca"),
                   "no certificate of ours", "offers TLS_AES_128_GCM_SHA256,",
                   "(SNI)", "sunrpc"));
  EXPECT_TRUE(Says(Severity::kOk, "nfs-client xprtsec=mtls with nfs.example",
                   "shows " + Path("client.pem")));
  Ask(Sound(), Consumer::kNfsClient, "192.0.2.1");
  EXPECT_TRUE(Says(Severity::kOk, "address 192.0.2.1"));
  EXPECT_FALSE(Says(Severity::kOk, "(SNI)"));
}

TEST_F(CheckTest, ForeseesWhatThePeersOwnSettingsSay) {
  const std::string config =
      Sound() + "[peer.one]\nconsumer=nfs-client\nmatch=one.example\n" +
      "x509.truststore=/no/such/file\n[peer.net]\nconsumer=nfsd\n" +
      "match=10.0.0.0/8;2001:db8::/32\nx509.truststore=" + Path("other") + "\n";
  Write("other", pki_.intermediate.pem() + pki_.root.pem());
  Ask(config, Consumer::kNfsClient, "two.example");
  EXPECT_TRUE(Says(Severity::kOk, Path("other"), "peer.net: 2 authorities"));
  EXPECT_TRUE(Fails("/no/such/file", "No such file"));
  EXPECT_TRUE(Says(Severity::kOk, "with two.example: [authenticate.client]"));
  Ask(config, Consumer::kNfsClient, "one.example");
  EXPECT_TRUE(Fails("with one.example: [peer.one] would be refused"));
  for (const char* address : {"10.1.2.3", "2001:db8::7"}) {
    Ask(config, Consumer::kNfsd, address);
    EXPECT_TRUE(Says(Severity::kOk, "[peer.net] shows", Path("other")));
  }
  Ask(config, Consumer::kNfsd, "192.0.2.1");
  EXPECT_TRUE(Says(Severity::kOk, "[authenticate.server] shows", Path("ca")));
}

TEST_F(CheckTest, ForeseesWhatIsConfiguredOfTls) {
  const std::string rules =
      "ciphers=TLS_AES_128_GCM_SHA256\neku=rpc\n"
      "alpn.required=true\n";
  Ask(SideText("client") + rules, Consumer::kNfsClient, "nfs.example");
  EXPECT_TRUE(Says(Severity::kOk, "xprtsec=tls", "for RPC with TLS",
                   "offers TLS_AES_128_GCM_SHA256, the name", "must be agreed"))
      << Lines();
  kernel_.tls->suites = {CipherSuite::kAes256GcmSha384};
  Ask(SideText("client") + rules, Consumer::kNfsClient, "nfs.example");
  EXPECT_TRUE(Fails("xprtsec=tls", "cipher_not_offloadable"));
}

TEST_F(CheckTest, ForeseesThatAMountIsRefused) {
  Ask(SideText("server"), Consumer::kNfsClient, "nfs.example");
  EXPECT_TRUE(
      Fails("xprtsec=mtls", "no_certificate_configured", "x509.certificate"));
  Ask(Sound(), Consumer::kNfsClient, "127.1");
  EXPECT_TRUE(Fails("xprtsec=tls", "no_peer_name"));
  Ask("[authenticate.client]\nx509.truststore=/no/such/file\n",
      Consumer::kNfsClient, "nfs.example");
  EXPECT_TRUE(Fails("xprtsec=tls", "would be refused: /no/such/file",
                    "trust_store_unusable"));
}

TEST_F(CheckTest, ForeseesWhatNfsdDoes) {
  Write("crl", pki_.root.CrlPem({}) + pki_.intermediate.CrlPem({}));
  Ask(Sound("x509.crl=" + Path("crl") + "\n"), Consumer::kNfsd);
  EXPECT_TRUE(Says(
      Severity::kOk, "nfsd: [authenticate.server] shows " + Path("server.pem"),
      "asks for a client's certificate", "lists of " + Path("crl")));
  Ask(SideText("client"), Consumer::kNfsd);
  EXPECT_TRUE(Fails("nfsd", "no_certificate_configured"));
}

TEST_F(CheckTest, ForeseesWhatNvmeDoes) {
  Ask(Sound(), Consumer::kNvmeHost);
  EXPECT_TRUE(Fails("nvme-host", "key_unavailable"));
  Ask(Sound(), Consumer::kNvmeTarget);
  EXPECT_TRUE(Says(Severity::kOk, "nvme-target", "none", "no cipher suite"));
  keyrings_.AddPsk(7, "NVMe1R02 host subsystem", 48);
  Ask(Sound(), Consumer::kNvmeHost);
  EXPECT_TRUE(Says(Severity::kOk, "nvme-host", "1: NVMe1R02 host subsystem",
                   "with TLS_AES_256_GCM_SHA384"));
  EXPECT_FALSE(Says(Severity::kOk, "nvme-host", "TLS_AES_128_GCM_SHA256"));
}

TEST(ConsumerCalled, KnowsThoseThatTheKernelHas) {
  EXPECT_EQ(ConsumerCalled("nfs-client"), Consumer::kNfsClient);
  EXPECT_EQ(ConsumerCalled("nvme-target"), Consumer::kNvmeTarget);
  EXPECT_EQ(ConsumerCalled("unknown"), std::nullopt);
}

// --- Words ---

TEST(Report, SaysWhatItHasAndEscapesIt) {
  Report report;
  report.Warn("/a\x1b[2J", "\"b\" c");
  report.Warn("/a\x1b[2J", "\"b\" c");
  report.Fail("/x", Problem{Code::kCrlUnusable, "/y", "why"});
  report.Fail("/x", Problem{Code::kCrlUnusable, "", "why"});
  EXPECT_EQ(Line(report.findings()[0]), "warning  /a\\x1b[2J: \"b\" c");
  EXPECT_EQ(Line(report.findings()[1]), "error    /y: why (crl_unusable)");
  EXPECT_EQ(Line(report.findings()[2]), "error    /x: why (crl_unusable)");
  EXPECT_EQ(Summary(report), "2 errors, 1 warning");
}

}  // namespace
}  // namespace ktlsd::agent
