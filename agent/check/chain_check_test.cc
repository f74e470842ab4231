#include "agent/check/chain_check.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "agent/check/explain.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

using handshake::kTestNotAfter;
using handshake::kTestNow;
using handshake::Role;
using handshake::ServerName;

class JudgeChainTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = ::testing::TempDir() + "/chain_" + name;
    std::ofstream(path) << text;
    return path;
  }
  ChainQuestion Server() {
    return {Write("server", pki_.ChainPemOf(pki_.server)),
            {Write("ca", pki_.root.pem()), false, std::nullopt},
            Role::kServer,
            ServerName::Parse("server.example").value(),
            kTestNow};
  }
  // "" when it is accepted.
  static std::string_view Refused(const ChainQuestion& question) {
    const auto verdict = JudgeChain(question);
    const auto* const refused = std::get_if<RefusedChain>(&verdict);
    return refused == nullptr ? "" : Describe(refused->code).label;
  }

  const handshake::TestPki pki_ = handshake::MakeTestPki();
};

TEST_F(JudgeChainTest, AcceptsWhatTheDaemonAccepts) {
  const auto verdict = JudgeChain(Server());
  ASSERT_TRUE(std::holds_alternative<AcceptedChain>(verdict));
  EXPECT_EQ(std::get<AcceptedChain>(verdict).text,
            "accepted: CN=Test Server, of CN=Test Intermediate, for "
            "server.example, *.wild.example, 192.0.2.1, 2001:db8::1; until "
            "2045-01-01 if nothing is revoked");
}

TEST_F(JudgeChainTest, RefusesAnotherName) {
  ChainQuestion question = Server();
  question.name = ServerName::Parse("other.example").value();
  EXPECT_EQ(Refused(question), "certificate_name_mismatch");
  question.name = ServerName::Parse("192.0.2.1").value();
  EXPECT_EQ(Refused(question), "");
}

TEST_F(JudgeChainTest, SaysThatNoNameWasCompared) {
  ChainQuestion question = Server();
  question.name.reset();
  const auto verdict = JudgeChain(question);
  ASSERT_TRUE(std::holds_alternative<AcceptedChain>(verdict));
  EXPECT_NE(std::get<AcceptedChain>(verdict).text.find("no name was compared"),
            std::string::npos);
}

TEST_F(JudgeChainTest, RefusesAnotherRole) {
  ChainQuestion question = Server();
  question.role = Role::kClient;
  question.name.reset();
  EXPECT_EQ(Refused(question), "certificate_wrong_purpose");
  question.chain = Write("client", pki_.ChainPemOf(pki_.client));
  EXPECT_EQ(Refused(question), "");
}

// As in a group with eku=rpc.
TEST_F(JudgeChainTest, RefusesWhatIsNotForRpc) {
  ChainQuestion question = Server();
  question.trust.profile = handshake::CertificateProfile::kRpcWithTls;
  EXPECT_EQ(Refused(question), "certificate_wrong_purpose");
}

TEST_F(JudgeChainTest, RefusesAnotherTime) {
  ChainQuestion question = Server();
  question.now = kTestNotAfter + std::chrono::days(1);
  EXPECT_EQ(Refused(question), "certificate_expired");
  question.now = handshake::kTestNotBefore - std::chrono::days(1);
  EXPECT_EQ(Refused(question), "certificate_not_yet_valid");
}

TEST_F(JudgeChainTest, RefusesAnotherAuthority) {
  ChainQuestion question = Server();
  question.trust.store =
      Write("other_ca", handshake::TestCertificate::SelfSigned(
                            {.common_name = "other", .authority = true})
                            .pem());
  EXPECT_EQ(Refused(question), "certificate_unknown_issuer");
}

TEST_F(JudgeChainTest, HeedsRevocationLists) {
  ChainQuestion question = Server();
  question.trust.crl = Write("crl", pki_.root.CrlPem({}));
  EXPECT_EQ(Refused(question), "crl_unavailable");
  question.trust.crl =
      Write("crl", pki_.root.CrlPem({}) +
                       pki_.intermediate.CrlPem({.revoked = {&pki_.server}}));
  EXPECT_EQ(Refused(question), "certificate_revoked");
}

TEST_F(JudgeChainTest, NamesTheFileThatCannotBeUsed) {
  ChainQuestion question = Server();
  question.trust.crl = Write("bad_crl", "text");
  const auto verdict = JudgeChain(question);
  ASSERT_TRUE(std::holds_alternative<RefusedChain>(verdict));
  const RefusedChain& refused = std::get<RefusedChain>(verdict);
  EXPECT_EQ(refused.code, Code::kCrlUnusable);
  EXPECT_TRUE(refused.reason.starts_with(*question.trust.crl));
  question.trust.store = "/no/such/file";
  EXPECT_EQ(Refused(question), "trust_store_unusable");
  question.chain = "/no/such/file";
  EXPECT_EQ(Refused(question), "certificate_unusable");
}

TEST(ParseTime, TakesDaysAndSecondsOfTheCalendar) {
  using std::chrono::sys_days;
  using std::chrono::year;
  EXPECT_EQ(ParseTime("2026-06-01"), sys_days(year(2026) / 6 / 1));
  EXPECT_EQ(ParseTime("2026-06-01T12:30:01Z"),
            sys_days(year(2026) / 6 / 1) + std::chrono::seconds(45001));
  for (const char* const text :
       {"", "2026", "2026-02-30", "2026-13-01", "2026-06-01T12:30:01",
        "2026-06-01 ", "2026-06-01T25:00:00Z", "now"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(Explain, SaysCodeFaultAndWhatTheRunbookSays) {
  const std::string text =
      Explain("refused", Code::kCertificateExpired, "it \x1b expired");
  EXPECT_TRUE(text.starts_with(
      "refused: it \\x1b expired (certificate_expired, fault: peer)\n"
      "  why:  the validity"))
      << text;
  EXPECT_NE(text.find("\n  do:   renew it; look at the clock\n"),
            std::string::npos);
}

}  // namespace
}  // namespace ktlsd::agent
