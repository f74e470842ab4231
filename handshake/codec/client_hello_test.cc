#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "handshake/codec/messages.h"
#include "handshake/codec/testing/sample_messages.h"

namespace ktlsd::handshake {
namespace {

using ::testing::ElementsAre;
using Extensions = std::vector<RawExtension>;

// What the parser says to a TLS 1.3 hello with one extension more.
std::optional<Code> With(RawExtension extension) {
  return Failure(
      ParseClientHello(RawClientHello(Extensions{kVersionsOf13, extension})));
}

Bytes SharesOf(std::initializer_list<uint8_t> groups) {
  ByteWriter out;
  out.Prefixed(2, [&] {
    for (const uint8_t group : groups) {
      out.U16(group);
      out.Prefixed(2, [&] { out.U8(1); });
    }
  });
  return std::move(out).Finish();
}

TEST(ClientHello, KeepsTheFixedPartThroughARoundTrip) {
  const ClientHello sent = SampleClientHello();
  const auto got = ParseClientHello(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_EQ(got->legacy_version, kVersionTls12);
  EXPECT_EQ(got->random, sent.random);
  EXPECT_EQ(got->legacy_session_id, sent.legacy_session_id);
  EXPECT_EQ(got->cipher_suites, sent.cipher_suites);
  EXPECT_TRUE(got->offers_tls13);
}

TEST(ClientHello, KeepsCommonExtensionsThroughARoundTrip) {
  const ClientHello sent = SampleClientHello();
  const auto got = ParseClientHello(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_EQ(got->server_name, sent.server_name);
  EXPECT_EQ(got->supported_groups, sent.supported_groups);
  EXPECT_EQ(got->signature_algorithms, sent.signature_algorithms);
  EXPECT_EQ(got->signature_algorithms_cert, sent.signature_algorithms_cert);
  EXPECT_EQ(got->certificate_authorities, sent.certificate_authorities);
  EXPECT_EQ(got->alpn_protocols, sent.alpn_protocols);
  EXPECT_EQ(got->record_size_limit, sent.record_size_limit);
  EXPECT_TRUE(got->status_request);
}

TEST(ClientHello, KeepsTls13ExtensionsThroughARoundTrip) {
  const ClientHello sent = SampleClientHello();
  const auto got = ParseClientHello(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok()) << got.error().what;
  ASSERT_TRUE(got->key_shares.has_value());
  ASSERT_EQ(got->key_shares->size(), 2U);
  EXPECT_EQ((*got->key_shares)[1].group, NamedGroup::kSecp256r1);
  EXPECT_EQ((*got->key_shares)[1].key_exchange, Bytes(65, 0x04));
  EXPECT_EQ(got->cookie, sent.cookie);
  EXPECT_EQ(got->psk_key_exchange_modes, sent.psk_key_exchange_modes);
  EXPECT_TRUE(got->early_data);
}

TEST(ClientHello, KeepsPreSharedKeysThroughARoundTrip) {
  const ClientHello sent = SampleClientHello();
  const Bytes whole = Serialize(sent).value();
  const auto got = ParseClientHello(BodyOf(whole));
  ASSERT_TRUE(got.ok()) << got.error().what;
  ASSERT_TRUE(got->pre_shared_keys.has_value());
  const OfferedPsks& psks = *got->pre_shared_keys;
  ASSERT_EQ(psks.identities.size(), 2U);
  EXPECT_EQ(psks.identities[0].obfuscated_ticket_age, 0x01020304U);
  EXPECT_EQ(psks.identities[1].identity, Bytes{'x'});
  EXPECT_EQ(psks.binders, sent.pre_shared_keys->binders);
  // The list's length, then two binders of 32 and 48 bytes with theirs.
  EXPECT_EQ(psks.truncated_size, whole.size() - (2 + 1 + 32 + 1 + 48));
}

TEST(ClientHello, WritesExtensionsInTheirOrder) {
  const auto got = ParseClientHello(BodyOf(Serialize(SampleClientHello())));
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(got->extension_types, ElementsAre(0, 10, 13, 50, 16, 5, 28, 43,
                                                44, 45, 51, 47, 42, 41));
}

TEST(ClientHello, WritesOnlyExtensionsThatAreSet) {
  ClientHello hello;
  hello.cipher_suites = {CipherSuite::kAes128GcmSha256};
  const auto got = ParseClientHello(BodyOf(Serialize(hello)));
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(got->extension_types, ElementsAre(43));
  EXPECT_FALSE(got->key_shares.has_value());
}

TEST(ClientHello, RefusesToWriteWhatDoesNotFit) {
  ClientHello hello = SampleClientHello();
  hello.cookie = Bytes(0x10000);
  EXPECT_EQ(Failure(Serialize(hello)), Code::kInternal);
}

TEST(ClientHello, IsRefusedWhenCutAnywhereButBeforeTheExtensions) {
  const Bytes body = BodyOf(Serialize(SampleClientHello()));
  // Version, random, session id, two suites, one compression method: an older
  // version's hello may end there.
  const std::size_t fixed_part = 2 + 32 + 33 + 6 + 2;
  EXPECT_THAT(UnrefusedCuts(ParseClientHello, body), ElementsAre(fixed_part));
}

TEST(ClientHello, IsRefusedWithBytesBehindIt) {
  EXPECT_EQ(
      WithOneByteMore(ParseClientHello, BodyOf(Serialize(SampleClientHello()))),
      Code::kDecodeError);
}

// RFC 8446 section 4.2: "There MUST NOT be more than one extension of the same
// type in a given extension block."
TEST(ClientHello, RefusesAnExtensionTwice) {
  EXPECT_EQ(With(kVersionsOf13), Code::kIllegalParameter);
  const Extensions unknown = {kVersionsOf13, {0x7777, {}}, {0x7777, {1}}};
  EXPECT_EQ(Failure(ParseClientHello(RawClientHello(unknown))),
            Code::kIllegalParameter);
}

TEST(ClientHello, HoldsTheNumberOfExtensionsToItsLimit) {
  Extensions many = {kVersionsOf13};
  while (many.size() < kMaxExtensions) {
    many.push_back({static_cast<uint16_t>(0x7000 + many.size()), {}});
  }
  EXPECT_EQ(Failure(ParseClientHello(RawClientHello(many))), std::nullopt);
  many.push_back({0x6fff, {}});
  EXPECT_EQ(Failure(ParseClientHello(RawClientHello(many))),
            Code::kMessageTooLarge);
}

// RFC 8446 section 4.2.11: it "MUST be the last extension in the ClientHello".
TEST(ClientHello, RefusesPreSharedKeyThatIsNotLast) {
  const Bytes psk =
      Joined({{0, 7, 0, 1, 'x', 0, 0, 0, 0, 0, 33, 32}, Bytes(32, 0x44)});
  EXPECT_EQ(With({41, psk}), std::nullopt);
  const Extensions first = {{41, psk}, kVersionsOf13};
  EXPECT_EQ(Failure(ParseClientHello(RawClientHello(first))),
            Code::kIllegalParameter);
}

TEST(ClientHello, RefusesMalformedPreSharedKeys) {
  const Bytes binders = Joined({{0, 33, 32}, Bytes(32, 0x44)});
  const Bytes identity = {0, 1, 'x', 0, 0, 0, 0};
  EXPECT_EQ(With({41, Joined({{0, 0}, binders})}), Code::kDecodeError);
  EXPECT_EQ(With({41, Joined({{0, 7}, identity, {0, 0}})}), Code::kDecodeError);
  EXPECT_EQ(With({41, Joined({{0, 7}, identity, {0, 3, 2, 1, 1}})}),
            Code::kDecodeError);
  EXPECT_EQ(With({41, Joined({{0, 6, 0, 0, 0, 0, 0, 0}, binders})}),
            Code::kDecodeError);
  EXPECT_EQ(With({41, Joined({{0, 7}, identity, binders, {0}})}),
            Code::kDecodeError);
}

TEST(ClientHello, WantsABinderForEachIdentity) {
  const Bytes identity = {0, 1, 'x', 0, 0, 0, 0};
  const Bytes binders = Joined({{0, 33, 32}, Bytes(32, 0x44)});
  const Bytes two =
      Joined({{0, 66, 32}, Bytes(32, 0x44), {32}, Bytes(32, 0x45)});
  EXPECT_EQ(With({41, Joined({{0, 7}, identity, binders})}), std::nullopt);
  EXPECT_EQ(With({41, Joined({{0, 7}, identity, two})}),
            Code::kIllegalParameter);
  EXPECT_EQ(With({41, Joined({{0, 14}, identity, identity, binders})}),
            Code::kIllegalParameter);
}

// RFC 8446 section 4.2.8: "Clients MUST NOT offer multiple KeyShareEntry
// values for the same group."
TEST(ClientHello, RefusesTwoSharesOfOneGroup) {
  EXPECT_EQ(With({51, SharesOf({29, 23})}), std::nullopt);
  EXPECT_EQ(With({51, SharesOf({29, 23, 29})}), Code::kIllegalParameter);
}

TEST(ClientHello, TakesAnEmptyListOfKeyShares) {
  const auto got =
      ParseClientHello(RawClientHello(Extensions{kVersionsOf13, {51, {0, 0}}}));
  ASSERT_TRUE(got.ok());
  ASSERT_TRUE(got->key_shares.has_value());
  EXPECT_TRUE(got->key_shares->empty());
}

TEST(ClientHello, RefusesAnEmptyKeyShare) {
  EXPECT_EQ(With({51, {0, 4, 0, 29, 0, 0}}), Code::kDecodeError);
}

TEST(ClientHello, RefusesEmptyVectorsThatNeedAnEntry) {
  for (const uint16_t type : std::vector<uint16_t>{0, 10, 13, 16, 44, 50}) {
    EXPECT_EQ(With({type, {0, 0}}), Code::kDecodeError) << type;
  }
  EXPECT_EQ(With({45, {0}}), Code::kDecodeError);
  EXPECT_EQ(With({16, {0, 1, 0}}), Code::kDecodeError);
  EXPECT_EQ(Failure(ParseClientHello(RawClientHello(Extensions{{43, {0}}}))),
            Code::kDecodeError);
}

TEST(ClientHello, RefusesHalfANumberInAList) {
  EXPECT_EQ(With({10, {0, 3, 0, 29, 0}}), Code::kDecodeError);
  EXPECT_EQ(With({13, {0, 1, 4}}), Code::kDecodeError);
}

TEST(ClientHello, RefusesBytesBehindAVectorInAnExtension) {
  EXPECT_EQ(With({10, {0, 2, 0, 29, 0}}), Code::kDecodeError);
  EXPECT_EQ(With({45, {1, 1, 0}}), Code::kDecodeError);
  EXPECT_EQ(With({51, {0, 0, 0}}), Code::kDecodeError);
  EXPECT_EQ(With({42, {0}}), Code::kDecodeError);
  EXPECT_EQ(With({5, {1, 0, 0, 0, 0, 0}}), Code::kDecodeError);
}

TEST(ClientHello, WantsExactlyOneHostName) {
  EXPECT_EQ(With({0, {0, 4, 0, 0, 1, 'a'}}), std::nullopt);
  EXPECT_EQ(With({0, {0, 3, 0, 0, 0}}), Code::kDecodeError);
  EXPECT_EQ(With({0, {0, 4, 1, 0, 1, 'a'}}), Code::kDecodeError);
  EXPECT_EQ(With({0, {0, 5, 0, 0, 2, 'a', 0}}), Code::kDecodeError);
  EXPECT_EQ(With({0, {0, 8, 0, 0, 1, 'a', 0, 0, 1, 'b'}}), Code::kDecodeError);
}

TEST(ClientHello, IgnoresOtherKindsOfStatusRequest) {
  const auto got = ParseClientHello(
      RawClientHello(Extensions{kVersionsOf13, {5, {2, 0, 0}}}));
  ASSERT_TRUE(got.ok());
  EXPECT_FALSE(got->status_request);
}

TEST(ClientHello, RefusesAMalformedStatusRequest) {
  EXPECT_EQ(With({5, {}}), Code::kDecodeError);
  EXPECT_EQ(With({5, {1, 0}}), Code::kDecodeError);
}

// RFC 8446 section 4.2.4: authorities<3..2^16-1> of names<1..2^16-1>.
TEST(ClientHello, RefusesMalformedAuthorities) {
  EXPECT_EQ(With({47, {0, 3, 0, 1, 0x30}}), std::nullopt);
  EXPECT_EQ(With({47, {0, 2, 0, 0}}), Code::kDecodeError);
  EXPECT_EQ(With({47, {0, 3, 0, 2, 0x30}}), Code::kDecodeError);
}

// RFC 8449 section 5: a server that knows record_size_limit "MUST ignore a
// "max_fragment_length" that appears in a ClientHello if both extensions
// appear".
TEST(ClientHello, IgnoresMaxFragmentLengthBesideARecordSizeLimit) {
  for (const Bytes& length : {Bytes{1}, Bytes{9}}) {
    const auto got = ParseClientHello(
        RawClientHello(Extensions{kVersionsOf13, {1, length}, {28, {2, 0}}}));
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->record_size_limit, 512);
  }
}

// RFC 8449 section 4: a value below 64 is answered with illegal_parameter.
TEST(ClientHello, RefusesATinyRecordSizeLimit) {
  EXPECT_EQ(With({28, {0, 64}}), std::nullopt);
  EXPECT_EQ(With({28, {0, 63}}), Code::kIllegalParameter);
}

// RFC 8446 section 4.2: an extension that is known, but not for this message.
TEST(ClientHello, RefusesAKnownExtensionOfOtherMessages) {
  EXPECT_EQ(With({48, {0, 0}}), Code::kIllegalParameter);
}

TEST(ClientHello, ListsUnknownExtensionsAndIgnoresThem) {
  const auto got = ParseClientHello(RawClientHello(
      Extensions{{0x0a0a, {}}, kVersionsOf13, {0xfafa, {0}}, {21, {0, 0}}}));
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(got->extension_types, ElementsAre(0x0a0a, 43, 0xfafa, 21));
  // status_request_v2 (RFC 8446 section 4.4.2.1) and SCTs, with any content.
  EXPECT_EQ(With({17, {0, 7, 2, 0, 4, 0, 0, 0, 0}}), std::nullopt);
  EXPECT_EQ(With({18, {}}), std::nullopt);
}

TEST(ClientHello, FindsTls13AmongOtherVersions) {
  const auto got = ParseClientHello(
      RawClientHello(Extensions{{43, {6, 0x1a, 0x1a, 3, 4, 3, 3}}}));
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(got->offers_tls13);
}

// RFC 8446 section 4.1.2: exactly one compression method, null, in a TLS 1.3
// hello; an older one "might contain other compression methods".
TEST(ClientHello, WantsNullCompressionOfTls13Only) {
  const Extensions tls13 = {kVersionsOf13};
  const Extensions tls12 = {{43, {2, 3, 3}}};
  for (const Bytes& methods : {Bytes{}, Bytes{1}, Bytes{0, 1}, Bytes{1, 0}}) {
    EXPECT_EQ(Failure(ParseClientHello(RawClientHello(tls13, methods))),
              Code::kIllegalParameter);
    const auto old = ParseClientHello(RawClientHello(tls12, methods));
    ASSERT_TRUE(old.ok());
    EXPECT_FALSE(old->offers_tls13);
  }
}

TEST(ClientHello, ParsesOlderHelloWithoutExtensions) {
  Bytes body = RawClientHello({});
  body.resize(body.size() - 2);
  const auto got = ParseClientHello(body);
  ASSERT_TRUE(got.ok());
  EXPECT_FALSE(got->offers_tls13);
  EXPECT_THAT(got->cipher_suites, ElementsAre(CipherSuite::kAes128GcmSha256));
}

TEST(ClientHello, RefusesALongSessionIdAndNoSuites) {
  ClientHello hello = SampleClientHello();
  hello.legacy_session_id = Bytes(33);
  EXPECT_EQ(Failure(ParseClientHello(BodyOf(Serialize(hello)))),
            Code::kDecodeError);
  hello = SampleClientHello();
  hello.cipher_suites.clear();
  EXPECT_EQ(Failure(ParseClientHello(BodyOf(Serialize(hello)))),
            Code::kDecodeError);
}

// RFC 8446 section 4.1.2: what a second hello may change.
TEST(ClientHello, CollectsWhatASecondHelloMustRepeat) {
  const ClientHello first = SampleClientHello();
  ClientHello second = first;
  second.key_shares = {{NamedGroup::kSecp384r1, Bytes(97, 4)}};
  second.cookie = Bytes{5};
  second.early_data = false;
  second.pre_shared_keys.reset();
  const auto one = ParseClientHello(BodyOf(Serialize(first)));
  const auto two = ParseClientHello(BodyOf(Serialize(second)));
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(one->unchanging, two->unchanging);
}

TEST(ClientHello, SeesAChangeThatASecondHelloMayNotMake) {
  const ClientHello first = SampleClientHello();
  ClientHello second = first;
  second.server_name = "other.example";
  const auto one = ParseClientHello(BodyOf(Serialize(first)));
  const auto two = ParseClientHello(BodyOf(Serialize(second)));
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_NE(one->unchanging, two->unchanging);
}

}  // namespace
}  // namespace ktlsd::handshake
