#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "handshake/codec/messages.h"
#include "handshake/codec/testing/sample_messages.h"

namespace ktlsd::handshake {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Extensions = std::vector<RawExtension>;

const RawExtension kSchemes = {13, {0, 2, 8, 7}};

// A CertificateRequest without context.
Bytes Request(const Extensions& extensions) {
  return Joined({{0}, RawBlock(extensions)});
}

// A Certificate with one entry of one byte and these extensions.
Bytes OneEntry(const Extensions& extensions) {
  ByteWriter out;
  out.U8(0);
  out.Prefixed(3, [&] {
    out.Prefixed(3, [&] { out.U8(0x30); });
    out.Append(RawBlock(extensions));
  });
  return std::move(out).Finish();
}

std::optional<Code> InEntry(RawExtension extension) {
  return Failure(ParseCertificate(OneEntry({extension})));
}

TEST(CertificateRequest, KeepsEverythingThroughARoundTrip) {
  const CertificateRequest sent = SampleCertificateRequest();
  const auto got = ParseCertificateRequest(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_EQ(got->context, sent.context);
  EXPECT_EQ(got->signature_algorithms, sent.signature_algorithms);
  EXPECT_EQ(got->signature_algorithms_cert, sent.signature_algorithms_cert);
  EXPECT_EQ(got->certificate_authorities, sent.certificate_authorities);
  ASSERT_EQ(got->oid_filters.size(), 2U);
  EXPECT_EQ(got->oid_filters[0].oid, sent.oid_filters[0].oid);
  EXPECT_EQ(got->oid_filters[0].values, sent.oid_filters[0].values);
  EXPECT_EQ(got->oid_filters[1].oid, sent.oid_filters[1].oid);
  EXPECT_THAT(got->oid_filters[1].values, IsEmpty());
  EXPECT_TRUE(got->status_request);
}

TEST(CertificateRequest, IsRefusedWhenCutAnywhere) {
  EXPECT_THAT(UnrefusedCuts(ParseCertificateRequest,
                            BodyOf(Serialize(SampleCertificateRequest()))),
              IsEmpty());
}

TEST(CertificateRequest, IsRefusedWithBytesBehindIt) {
  EXPECT_EQ(WithOneByteMore(ParseCertificateRequest, Request({kSchemes})),
            Code::kDecodeError);
}

// RFC 8446 section 4.3.2: 'The "signature_algorithms" extension MUST be
// specified'.
TEST(CertificateRequest, WantsSignatureAlgorithms) {
  EXPECT_EQ(Failure(ParseCertificateRequest(Request({}))),
            Code::kMissingExtension);
  EXPECT_EQ(Failure(ParseCertificateRequest(Request({{13, {0, 0}}}))),
            Code::kDecodeError);
}

TEST(CertificateRequest, RefusesAnExtensionTwice) {
  EXPECT_EQ(Failure(ParseCertificateRequest(Request({kSchemes, kSchemes}))),
            Code::kIllegalParameter);
}

TEST(CertificateRequest, RefusesKnownExtensionsOfOtherMessages) {
  for (const uint16_t type :
       std::vector<uint16_t>{0, 10, 16, 21, 28, 41, 42, 43, 44, 45, 49, 51}) {
    EXPECT_EQ(Failure(ParseCertificateRequest(Request({kSchemes, {type, {}}}))),
              Code::kIllegalParameter)
        << type;
  }
}

TEST(CertificateRequest, IgnoresUnknownExtensions) {
  EXPECT_TRUE(ParseCertificateRequest(Request({kSchemes, {0x0a0a, {}}})).ok());
}

std::optional<Code> InRequest(const RawExtension& extension) {
  return Failure(ParseCertificateRequest(Request({kSchemes, extension})));
}

// RFC 8446 section 4.2.4: authorities<3..2^16-1> of names<1..2^16-1>.
TEST(CertificateRequest, RefusesMalformedAuthorities) {
  EXPECT_EQ(InRequest({47, {0, 3, 0, 1, 0x30}}), std::nullopt);
  EXPECT_EQ(InRequest({47, {}}), Code::kDecodeError);
  EXPECT_EQ(InRequest({47, {0, 0}}), Code::kDecodeError);
  EXPECT_EQ(InRequest({47, {0, 2, 0, 0}}), Code::kDecodeError);
  EXPECT_EQ(InRequest({47, {0, 3, 0, 2, 0x30}}), Code::kDecodeError);
  EXPECT_EQ(InRequest({47, {0, 3, 0, 1, 0x30, 0}}), Code::kDecodeError);
}

// RFC 8446 section 4.2.5.
TEST(CertificateRequest, RefusesMalformedOidFilters) {
  EXPECT_EQ(InRequest({48, {0, 0}}), std::nullopt);
  EXPECT_EQ(InRequest({48, {0, 4, 1, 6, 0, 0}}), std::nullopt);
  EXPECT_EQ(InRequest({48, {}}), Code::kDecodeError);
  EXPECT_EQ(InRequest({48, {0, 3, 0, 0, 0}}), Code::kDecodeError);
  EXPECT_EQ(InRequest({48, {0, 3, 1, 6, 0}}), Code::kDecodeError);
  EXPECT_EQ(InRequest({48, {0, 4, 1, 6, 0, 0, 0}}), Code::kDecodeError);
}

// "Any given OID MUST NOT appear more than once in the filters list."
TEST(CertificateRequest, RefusesTwoFiltersForOneOid) {
  EXPECT_EQ(InRequest({48, {0, 8, 1, 6, 0, 0, 1, 6, 0, 0}}),
            Code::kIllegalParameter);
}

TEST(CertificateRequest, RefusesDataInStatusRequest) {
  EXPECT_EQ(Failure(ParseCertificateRequest(Request({kSchemes, {5, {1}}}))),
            Code::kDecodeError);
}

TEST(Certificate, KeepsEverythingThroughARoundTrip) {
  const Certificate sent = SampleCertificate();
  const auto got = ParseCertificate(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_EQ(got->context, sent.context);
  ASSERT_EQ(got->entries.size(), 2U);
  EXPECT_EQ(got->entries[0].der, sent.entries[0].der);
  EXPECT_EQ(got->entries[0].ocsp_response, sent.entries[0].ocsp_response);
  EXPECT_THAT(got->entries[0].extension_types, ElementsAre(5));
  EXPECT_EQ(got->entries[1].der, sent.entries[1].der);
  EXPECT_FALSE(got->entries[1].ocsp_response.has_value());
}

TEST(Certificate, MayBeEmpty) {
  const auto got = ParseCertificate(Bytes{0, 0, 0, 0});
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(got->entries, IsEmpty());
}

TEST(Certificate, IsRefusedWhenCutAnywhere) {
  EXPECT_THAT(
      UnrefusedCuts(ParseCertificate, BodyOf(Serialize(SampleCertificate()))),
      IsEmpty());
}

TEST(Certificate, IsRefusedWithBytesBehindIt) {
  EXPECT_EQ(WithOneByteMore(ParseCertificate, OneEntry({})),
            Code::kDecodeError);
}

TEST(Certificate, RefusesAnEmptyEntry) {
  EXPECT_EQ(Failure(ParseCertificate(Bytes{0, 0, 0, 5, 0, 0, 0, 0, 0})),
            Code::kDecodeError);
}

TEST(Certificate, RefusesAnExtensionTwice) {
  EXPECT_EQ(Failure(ParseCertificate(OneEntry({{18, {}}, {18, {}}}))),
            Code::kIllegalParameter);
}

TEST(Certificate, RefusesKnownExtensionsOfOtherMessages) {
  EXPECT_EQ(InEntry({13, {0, 2, 8, 7}}), Code::kIllegalParameter);
  EXPECT_EQ(InEntry({43, {3, 4}}), Code::kIllegalParameter);
  EXPECT_EQ(InEntry({18, {1, 2, 3}}), std::nullopt);
}

TEST(Certificate, RefusesAMalformedStatus) {
  EXPECT_EQ(InEntry({5, {1, 0, 0, 1, 7}}), std::nullopt);
  EXPECT_EQ(InEntry({5, {}}), Code::kDecodeError);
  EXPECT_EQ(InEntry({5, {2, 0, 0, 1, 7}}), Code::kDecodeError);
  EXPECT_EQ(InEntry({5, {1, 0, 0, 0}}), Code::kDecodeError);
  EXPECT_EQ(InEntry({5, {1, 0, 0, 1, 7, 7}}), Code::kDecodeError);
}

TEST(Certificate, HoldsTheChainToItsLimit) {
  Certificate certificate;
  certificate.entries.assign(kMaxChainLength, {Bytes{0x30}, std::nullopt, {}});
  EXPECT_TRUE(ParseCertificate(BodyOf(Serialize(certificate))).ok());
  certificate.entries.push_back({Bytes{0x30}, std::nullopt, {}});
  EXPECT_EQ(Failure(ParseCertificate(BodyOf(Serialize(certificate)))),
            Code::kCertificateChainTooLong);
}

TEST(CertificateVerify, KeepsEverythingThroughARoundTrip) {
  const CertificateVerify sent = SampleCertificateVerify();
  const auto got = ParseCertificateVerify(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_EQ(got->scheme, sent.scheme);
  EXPECT_EQ(got->signature, sent.signature);
}

TEST(CertificateVerify, IsRefusedWhenCutOrLonger) {
  const Bytes body = BodyOf(Serialize(SampleCertificateVerify()));
  EXPECT_THAT(UnrefusedCuts(ParseCertificateVerify, body), IsEmpty());
  EXPECT_EQ(WithOneByteMore(ParseCertificateVerify, body), Code::kDecodeError);
}

TEST(CertificateVerify, CannotBeWrittenWithAHugeSignature) {
  EXPECT_EQ(Failure(Serialize(
                CertificateVerify{SignatureScheme::kEd25519, Bytes(0x10000)})),
            Code::kInternal);
}

TEST(Finished, IsItsVerifyDataWithAHeader) {
  ByteWriter out;
  WriteFinished(out, Bytes{1, 2});
  EXPECT_EQ(std::move(out).Finish(), (Bytes{20, 0, 0, 2, 1, 2}));
}

}  // namespace
}  // namespace ktlsd::handshake
