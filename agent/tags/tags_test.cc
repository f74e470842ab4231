// Files, filters and certificates together: what an administrator wrote and
// which tags a peer has by it.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>

#include "agent/tags/certificate_facts.h"
#include "agent/tags/tag_file.h"
#include "agent/tags/tag_rules.h"
#include "agent/tags/wildcard.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

using handshake::CertificateSpec;
using handshake::TestCertificate;

// Of a peer that the test's root issued; valid from 2020 to 2045.
CertificateFacts FactsOfPeer(CertificateSpec spec = {}) {
  static const TestCertificate root = TestCertificate::SelfSigned(
      {.common_name = "Test Root", .authority = true});
  const auto facts = FactsOf(root.Issue(spec).der());
  EXPECT_TRUE(facts.ok());
  return facts.value();
}

std::variant<TagRules, TagProblem> Parse(const std::string& text) {
  TagFileReader reader;
  auto read = reader.Read(text);
  if (auto* const problem = std::get_if<TagProblem>(&read)) {
    return std::move(*problem);
  }
  return std::move(reader).Finish();
}

std::string WhyNot(const std::string& text) {
  const auto parsed = Parse(text);
  const auto* const problem = std::get_if<TagProblem>(&parsed);
  return problem == nullptr ? "ok" : problem->text;
}

std::string Tags(const std::string& text, const CertificateFacts& facts) {
  const auto parsed = Parse(text);
  const auto* const rules = std::get_if<TagRules>(&parsed);
  return rules == nullptr ? std::get<TagProblem>(parsed).text
                          : TagsOf(*rules, facts);
}

// Does a filter of these lines match?
bool Match(const std::string& filter, const CertificateFacts& facts) {
  const std::string tags =
      Tags("filters:\n  f:\n    " + filter + "\ntags:\n  t:\n    filter: [f]\n",
           facts);
  EXPECT_TRUE(tags.empty() || tags == "t") << tags;
  return tags == "t";
}

bool MatchPattern(const std::string& type, const std::string& pattern,
                  const CertificateFacts& facts) {
  return Match("type: " + type + "\n    pattern: \"" + pattern + "\"", facts);
}

// --- patterns ---

TEST(Wildcard, MatchesTheWholeText) {
  EXPECT_TRUE(MatchesWildcard("", ""));
  EXPECT_TRUE(MatchesWildcard("abc", "abc"));
  EXPECT_FALSE(MatchesWildcard("abc", "abcd"));
  EXPECT_FALSE(MatchesWildcard("abcd", "abc"));
  EXPECT_FALSE(MatchesWildcard("", "a"));
  EXPECT_TRUE(MatchesWildcard("a?c", "abc"));
  EXPECT_FALSE(MatchesWildcard("a?c", "ac"));
  EXPECT_TRUE(MatchesWildcard("*", ""));
  EXPECT_TRUE(MatchesWildcard("a**", "a"));
  EXPECT_TRUE(MatchesWildcard("*b*d", "abcbxd"));
  EXPECT_FALSE(MatchesWildcard("*b*d", "abcbx"));
  EXPECT_TRUE(MatchesWildcard("*aab", "aaaab"));
}

// Whoever chooses the text of a value must not choose its neighbours.
TEST(Wildcard, TellsASeparatorFromAComma) {
  EXPECT_TRUE(MatchesWildcard("*,O=X", "CN=a,O=X"));
  EXPECT_FALSE(MatchesWildcard("*,O=X", "CN=a\\,O=X"));
  EXPECT_FALSE(MatchesWildcard("*,O=X", "CN=a\\\\\\,O=X"));
  EXPECT_TRUE(MatchesWildcard("*,O=X", "CN=a\\\\,O=X"));
  EXPECT_TRUE(MatchesWildcard("CN=a\\,b,*", "CN=a\\,b,O=X"));
  EXPECT_TRUE(MatchesWildcard("CN=?", "CN=\\2C"));
  EXPECT_FALSE(MatchesWildcard("CN=a\\", "CN=a\\,"));
}

TEST(Wildcard, CostsNoMoreThanTheProduct) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) {
    pattern += "*a";
  }
  EXPECT_FALSE(MatchesWildcard(pattern + "b", std::string(5000, 'a')));
}

// --- filters ---

TEST(TagFilters, LookAtNames) {
  const auto facts = FactsOfPeer({.common_name = "client"});
  EXPECT_TRUE(MatchPattern("x509.tbs.subject", "CN=client", facts));
  EXPECT_TRUE(MatchPattern("x509.tbs.subject", "CN=cl*", facts));
  EXPECT_FALSE(MatchPattern("x509.tbs.subject", "CN=other", facts));
  EXPECT_TRUE(MatchPattern("x509.tbs.issuer", "CN=Test Root", facts));
  EXPECT_FALSE(MatchPattern("x509.tbs.issuer", "CN=client", facts));
}

TEST(TagFilters, AreNotDeceivedByACommaInAName) {
  const auto facts = FactsOfPeer({.common_name = "a,O=Root Ltd"});
  EXPECT_EQ(facts.subject, "CN=a\\,O=Root Ltd");
  EXPECT_FALSE(MatchPattern("x509.tbs.subject", "*,O=Root Ltd", facts));
}

TEST(TagFilters, LookAtAlgorithmVersionAndSerial) {
  auto facts = FactsOfPeer();
  EXPECT_TRUE(
      MatchPattern("x509.cert.signatureAlgorithm", "ecdsa-with-SHA256", facts));
  EXPECT_TRUE(MatchPattern("x509.cert.signatureAlgorithm",
                           "1.2.840.10045.4.3.2", facts));
  EXPECT_TRUE(MatchPattern("x509.tbs.signature", "ecdsa*", facts));
  EXPECT_FALSE(MatchPattern("x509.tbs.signature", "rsa*", facts));
  EXPECT_TRUE(MatchPattern("x509.tbs.version", "3", facts));
  EXPECT_FALSE(MatchPattern("x509.tbs.version", "2", facts));
  facts.serial = "0aff";
  EXPECT_TRUE(MatchPattern("x509.tbs.serialNumber", "0A:FF", facts));
  EXPECT_FALSE(MatchPattern("x509.tbs.serialNumber", "aff", facts));
}

TEST(TagFilters, LookAtFingerprints) {
  const auto facts = FactsOfPeer();
  EXPECT_EQ(facts.sha256.size(), 64U);
  EXPECT_EQ(facts.sha1.size(), 40U);
  EXPECT_TRUE(MatchPattern("x509.derived.fingerprint", facts.sha1, facts));
  EXPECT_TRUE(MatchPattern("x509.derived.fingerprint", facts.sha256, facts));
  EXPECT_FALSE(
      MatchPattern("x509.derived.fingerprint", std::string(64, '0'), facts));
}

// tlshd 1.4.0 has these two the other way round.
TEST(TagFilters, TakeCertificatesOfAndAfterADate) {
  const auto facts = FactsOfPeer();  // from 2020-01-01 to 2045-01-01
  const auto from = [&](const char* date) {
    return MatchPattern("x509.tbs.validity.notBefore", date, facts);
  };
  EXPECT_TRUE(from("2019-12-31"));
  EXPECT_TRUE(from("2020-01-01"));
  EXPECT_TRUE(from("2020-01-01T00:00:00Z"));
  EXPECT_FALSE(from("2020-01-01 00:00:01"));
  EXPECT_FALSE(from("2021-01-01"));
}

TEST(TagFilters, TakeCertificatesThatEndByADate) {
  const auto facts = FactsOfPeer();
  const auto until = [&](const char* date) {
    return MatchPattern("x509.tbs.validity.notAfter", date, facts);
  };
  EXPECT_TRUE(until("2046-01-01"));
  EXPECT_TRUE(until("2045-01-01T00:00:00"));
  EXPECT_FALSE(until("2044-12-31T23:59:59Z"));
}

TEST(TagFilters, LookAtKeyUsage) {
  const auto facts =
      FactsOfPeer({.key_usage = "digitalSignature,keyAgreement,decipherOnly"});
  const auto has = [&](const std::string& purposes) {
    return Match(
        "type: x509.extension.keyUsage\n    purpose: [" + purposes + "]",
        facts);
  };
  EXPECT_TRUE(has("digitalSignature"));
  EXPECT_TRUE(has("digitalSignature, keyAgreement, decipherOnly"));
  EXPECT_FALSE(has("digitalSignature, cRLSign"));
  EXPECT_FALSE(has("encipherOnly"));
}

// libcrypto says "all" of a certificate without the extension.
TEST(TagFilters, TakeNoKeyUsageForNone) {
  EXPECT_FALSE(Match("type: x509.extension.keyUsage\n    purpose: [cRLSign]",
                     FactsOfPeer({.key_usage = ""})));
}

TEST(TagFilters, LookAtSelfSignature) {
  const auto self = FactsOf(TestCertificate::SelfSigned({}).der());
  EXPECT_TRUE(Match("type: x509.derived.selfSigned", self.value()));
  EXPECT_FALSE(Match("type: x509.derived.selfSigned", FactsOfPeer()));
}

TEST(TagFilters, ReadNothingThatIsNoCertificate) {
  EXPECT_EQ(FactsOf(Bytes{0x30, 0x00}).error().code,
            Code::kCertificateMalformed);
}

// --- tags ---

constexpr char kTwoTags[] = R"(---
filters:
  by-root:
    type: "x509.tbs.issuer"
    pattern: "CN=Test Root"
  client:
    type: "x509.tbs.subject"
    pattern: "CN=client*"
  signs:
    type: "x509.extension.keyUsage"
    purpose:
      - "digitalSignature"

tags:
  storage-client:
    filter:
      - "by-root"
      - "client"
      - "signs"
  guest:
    filter:
      - "by-root"
    not:
      - "client"
)";

TEST(TagRules, NeedAllFiltersAndNoneThatIsExcluded) {
  EXPECT_EQ(Tags(kTwoTags, FactsOfPeer({.common_name = "client1"})),
            "storage-client");
  EXPECT_EQ(Tags(kTwoTags, FactsOfPeer({.common_name = "x"})), "guest");
  const auto self = FactsOf(TestCertificate::SelfSigned({}).der());
  EXPECT_EQ(Tags(kTwoTags, self.value()), "");
}

TEST(TagRules, ListAllThatMatch) {
  const std::string text =
      "filters: {f: {type: x509.tbs.subject, pattern: '*'}}\n"
      "tags: {a: {filter: [f]}, b: {filter: [f]}, c: {not: [f]}}\n";
  EXPECT_EQ(Tags(text, FactsOfPeer()), "a,b");
}

TEST(TagRules, MayBeInSeveralFiles) {
  TagFileReader reader;
  EXPECT_TRUE(std::holds_alternative<std::monostate>(
      reader.Read("tags: {t: {filter: [f]}}")));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(reader.Read("")));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(
      reader.Read("filters: {f: {type: x509.tbs.subject, pattern: '*'}}")));
  const auto rules = std::move(reader).Finish();
  EXPECT_EQ(TagsOf(std::get<TagRules>(rules), FactsOfPeer()), "t");
}

// --- what is refused ---

TEST(TagFiles, RefuseAFilterWithoutWhatItNeeds) {
  // The second of these makes tlshd 1.4.0 crash.
  for (const char* type : {"x509.tbs.subject", "x509.tbs.validity.notBefore",
                           "x509.tbs.validity.notAfter", "x509.tbs.version"}) {
    EXPECT_EQ(WhyNot("filters:\n  f:\n    type: " + std::string(type)),
              "line 3: this type takes a pattern and nothing else");
  }
  EXPECT_NE(WhyNot("filters: {f: {type: x509.extension.keyUsage}}"), "ok");
  EXPECT_NE(WhyNot("filters: {f: {type: x509.extension.keyUsage, "
                   "purpose: [], pattern: a}}"),
            "ok");
  EXPECT_NE(WhyNot("filters: {f: {type: x509.derived.selfSigned, pattern: a}}"),
            "ok");
}

TEST(TagFiles, RefuseWhatTheyDoNotKnow) {
  for (const char* text :
       {"filters: {f: {type: x509.extension.extendedKeyUsage, pattern: a}}",
        "filters: {f: {type: x509.tbs.subject, pattern: a, invert: yes}}",
        "filters: {f: {type: x509.extension.keyUsage, purpose: [all]}}",
        "filters: {f: {type: x509.tbs.version, pattern: three}}",
        "filters: {f: a}", "filters: [f]", "tags: {t: {filter: [f]}}",
        "tags: {t: {}}", "tags: {t: {filter: []}}", "tags: {t: [f]}",
        "tags: {'a b': {filter: [f]}}", "tags: {'a,b': {filter: [f]}}",
        "other: {}", "text", "filters: {f: {", "- a"}) {
    EXPECT_NE(WhyNot(text), "ok") << text;
  }
}

TEST(TagFiles, RefuseTimesThatAreNone) {
  for (const char* time :
       {"2026", "2026-13-01", "2026-02-30", "2026-06-01T",
        "2026-06-01T25:00:00", "2026-06-01T12:00", "2026-06-01T12:00:00+02:00",
        "2026-06-01 12:00:00x", "2026-06-01 12:00:00Zx", "tomorrow"}) {
    EXPECT_NE(WhyNot("filters: {f: {type: x509.tbs.validity.notAfter, pattern: "
                     "'" +
                     std::string(time) + "'}}"),
              "ok")
        << time;
  }
}

TEST(TagFiles, RefuseTheSameNameTwice) {
  EXPECT_NE(WhyNot("filters:\n  f: {type: x509.tbs.subject, pattern: a}\n"
                   "  f: {type: x509.tbs.subject, pattern: b}\n"),
            "ok");
  EXPECT_NE(WhyNot("filters: {f: {type: x509.tbs.subject, pattern: a}}\n"
                   "tags:\n  t: {filter: [f]}\n  t: {filter: [f]}\n"),
            "ok");
}

TEST(TagFiles, AreBounded) {
  std::string tags =
      "filters: {f: {type: x509.tbs.subject, pattern: a}}\ntags:\n";
  std::string many = tags;
  for (std::size_t i = 0; i <= kMaxTags; ++i) {
    many += "  t" + std::to_string(i) + ": {filter: [f]}\n";
  }
  EXPECT_NE(WhyNot(many), "ok");
  std::string long_names = tags;
  for (int i = 10; i < 27; ++i) {
    long_names += "  " + std::string(kMaxTagName - 2, 't') + std::to_string(i) +
                  ": {filter: [f]}\n";
  }
  EXPECT_EQ(WhyNot(long_names), "the names of all tags are too long together");
  EXPECT_NE(WhyNot(tags + "  " + std::string(kMaxTagName + 1, 't') +
                   ": {filter: [f]}\n"),
            "ok");
  EXPECT_NE(WhyNot(std::string(kMaxTagFile + 1, '#')), "ok");
  EXPECT_NE(WhyNot(std::string(kMaxTagFile, '[')), "ok");
}

// A refused file leaves nothing behind.
TEST(TagFiles, CountAsAWhole) {
  TagFileReader reader;
  EXPECT_TRUE(std::holds_alternative<TagProblem>(
      reader.Read("filters: {f: {type: x509.tbs.subject, pattern: a}}\nx: 1")));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(
      reader.Read("filters: {f: {type: x509.tbs.subject, pattern: a}}")));
}

}  // namespace
}  // namespace ktlsd::agent
