#include "handshake/allow_list.h"

#include <gtest/gtest.h>

#include "handshake/testing/test_pki.h"
#include "handshake/x509/certificate.h"

namespace ktlsd::handshake {
namespace {

using enum AllowedBy;

const TestCertificate& Client() {
  static const TestCertificate client =
      TestCertificate::SelfSigned({.common_name = "Client, of O",
                                   .dns = {"One.example", "*.wild.example"},
                                   .ip = {"192.0.2.1", "2001:db8::1"},
                                   .extensions = {}});
  return client;
}

std::string Ask(AllowedBy by, std::string value,
                const TestCertificate& certificate = Client()) {
  AllowList list;
  list.Add(by, std::move(value));
  const Status status = list.Check(certificate.der());
  return status.ok() ? "ok" : std::string(Describe(status.error().code).label);
}

constexpr char kNo[] = "client_not_allowed";

TEST(AllowList, KnowsADnsName) {
  EXPECT_EQ(Ask(kDns, "one.example"), "ok");
  EXPECT_EQ(Ask(kDns, "two.example"), kNo);
  EXPECT_EQ(Ask(kDns, "example"), kNo);
  EXPECT_EQ(Ask(kDns, "a.wild.example"), kNo);
  EXPECT_EQ(Ask(kUri, "one.example"), kNo);
}

TEST(AllowList, KnowsAnAddress) {
  EXPECT_EQ(Ask(kIp, std::string("\xc0\x00\x02\x01", 4)), "ok");
  EXPECT_EQ(Ask(kIp, std::string("\xc0\x00\x02\x02", 4)), kNo);
  EXPECT_EQ(Ask(kIp, std::string("\xc0\x00\x02", 3)), kNo);
}

TEST(AllowList, KnowsAUriAndAnEmailAddress) {
  const TestCertificate client = TestCertificate::SelfSigned(
      {.extensions = {{"subjectAltName",
                       "URI:spiffe://example.org/Backup,email:a@Example.org,"
                       "RID:1.2.3.4"}}});
  EXPECT_EQ(Ask(kUri, "spiffe://example.org/Backup", client), "ok");
  EXPECT_EQ(Ask(kUri, "spiffe://example.org/backup", client), kNo);
  EXPECT_EQ(Ask(kUri, "spiffe://example.org/", client), kNo);
  EXPECT_EQ(Ask(kEmail, "a@Example.org", client), "ok");
  EXPECT_EQ(Ask(kEmail, "b@Example.org", client), kNo);
}

TEST(AllowList, KnowsTheWholeSubject) {
  EXPECT_EQ(Ask(kSubject, "CN=Client\\, of O"), "ok");
  EXPECT_EQ(Ask(kSubject, "CN=Client"), kNo);
  EXPECT_EQ(Ask(kSubject, "Client\\, of O"), kNo);
}

// What a log cuts is not the whole of it.
TEST(AllowList, TakesNoSubjectThatMayBeCut) {
  std::string name;
  std::string text = "CN=";
  for (int i = 0; i < 64; ++i) {
    name += "\xc3\xa9";
    text += "\\C3\\A9";
  }
  const TestCertificate client =
      TestCertificate::SelfSigned({.common_name = name});
  ASSERT_EQ(SubjectText(client.x509()), text.substr(0, 255));
  EXPECT_EQ(Ask(kSubject, text.substr(0, 255), client), kNo);
  EXPECT_EQ(Ask(kSubject, text, client), kNo);
}

TEST(AllowList, KnowsTheFingerprint) {
  const std::string fingerprint = *CertificateFingerprint(Client().der());
  ASSERT_EQ(fingerprint.size(), 32U);
  EXPECT_EQ(Ask(kFingerprint, fingerprint), "ok");
  EXPECT_EQ(Ask(kFingerprint, fingerprint.substr(1)), kNo);
  EXPECT_EQ(Ask(kFingerprint, fingerprint,
                TestCertificate::SelfSigned({.common_name = "Client, of O"})),
            kNo);
}

// One entry is enough; none is nobody.
TEST(AllowList, TakesWhoIsInOneEntry) {
  AllowList list;
  EXPECT_FALSE(list.Check(Client().der()).ok());
  list.Add(kDns, "other.example");
  EXPECT_FALSE(list.Check(Client().der()).ok());
  list.Add(kDns, "one.example");
  EXPECT_TRUE(list.Check(Client().der()).ok());
}

TEST(AllowList, RefusesWhatDoesNotParse) {
  AllowList list;
  list.Add(kDns, "one.example");
  EXPECT_EQ(list.Check(Bytes(10)).error().code, Code::kCertificateMalformed);
  const TestCertificate broken = TestCertificate::SelfSigned(
      {.extensions = {{"subjectAltName", "DER:0500"}}});
  EXPECT_EQ(Ask(kDns, "one.example", broken), "certificate_malformed");
}

}  // namespace
}  // namespace ktlsd::handshake
