#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "handshake/codec/messages.h"
#include "handshake/codec/testing/sample_messages.h"

namespace ktlsd::handshake {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Extensions = std::vector<RawExtension>;

const RawExtension kSelected13 = {43, {3, 4}};
// Version, random, session id of 32 bytes, suite, compression: where an older
// version's ServerHello may end.
constexpr std::size_t kFixedPart = 2 + 32 + 33 + 2 + 1;

std::optional<Code> InServerHello(RawExtension extension) {
  return Failure(
      ParseServerHello(RawServerHello(Extensions{kSelected13, extension})));
}

std::optional<Code> InRetry(RawExtension extension) {
  return Failure(ParseServerHello(RawServerHello(
      Extensions{kSelected13, extension}, kHelloRetryRequestRandom)));
}

std::optional<Code> InEncrypted(RawExtension extension) {
  return Failure(ParseEncryptedExtensions(RawBlock(Extensions{extension})));
}

TEST(ServerHello, KeepsEverythingThroughARoundTrip) {
  const ServerHello sent = SampleServerHello();
  const auto got = ParseServerHello(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_FALSE(got->is_retry);
  EXPECT_EQ(got->random, sent.random);
  EXPECT_EQ(got->legacy_session_id_echo, sent.legacy_session_id_echo);
  EXPECT_EQ(got->cipher_suite, sent.cipher_suite);
  EXPECT_EQ(got->selected_version, kVersionTls13);
  EXPECT_EQ(got->key_share->group, NamedGroup::kX25519);
  EXPECT_EQ(got->key_share->key_exchange, Bytes(32, 0x77));
  EXPECT_EQ(got->selected_psk, 1);
  EXPECT_THAT(got->extension_types, ElementsAre(43, 51, 41));
}

TEST(ServerHello, KeepsARetryThroughARoundTrip) {
  const ServerHello sent = SampleHelloRetryRequest();
  const auto got = ParseServerHello(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_TRUE(got->is_retry);
  EXPECT_EQ(got->key_share->group, NamedGroup::kSecp384r1);
  EXPECT_THAT(got->key_share->key_exchange, IsEmpty());
  EXPECT_EQ(got->cookie, sent.cookie);
}

TEST(ServerHello, WritesTheRandomOfARetryByItself) {
  ServerHello sent = SampleHelloRetryRequest();
  sent.random = {};
  const auto got = ParseServerHello(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(got->is_retry);
}

TEST(ServerHello, IsRefusedWhenCutAnywhereButBeforeTheExtensions) {
  EXPECT_THAT(
      UnrefusedCuts(ParseServerHello, BodyOf(Serialize(SampleServerHello()))),
      ElementsAre(kFixedPart));
  EXPECT_THAT(UnrefusedCuts(ParseServerHello,
                            BodyOf(Serialize(SampleHelloRetryRequest()))),
              ElementsAre(kFixedPart));
}

TEST(ServerHello, IsRefusedWithBytesBehindIt) {
  EXPECT_EQ(
      WithOneByteMore(ParseServerHello, BodyOf(Serialize(SampleServerHello()))),
      Code::kDecodeError);
}

TEST(ServerHello, RefusesCompression) {
  EXPECT_EQ(Failure(ParseServerHello(
                RawServerHello(Extensions{kSelected13}, Random{}, 1))),
            Code::kIllegalParameter);
}

TEST(ServerHello, RefusesALongSessionId) {
  ServerHello hello = SampleServerHello();
  hello.legacy_session_id_echo = Bytes(33);
  EXPECT_EQ(Failure(ParseServerHello(BodyOf(Serialize(hello)))),
            Code::kDecodeError);
}

// RFC 8446 section 4.1.3: legacy_version "MUST be set to 0x0303".
TEST(ServerHello, RefusesAnotherLegacyVersionOfTls13) {
  ServerHello hello = SampleServerHello();
  hello.legacy_version = kVersionTls13;
  EXPECT_EQ(Failure(ParseServerHello(BodyOf(Serialize(hello)))),
            Code::kIllegalParameter);
}

// The state machine answers protocol_version, so the parser must not be the
// first to complain.
TEST(ServerHello, ParsesOlderVersionsWhateverTheirExtensions) {
  const auto got = ParseServerHello(
      RawServerHello(Extensions{{0, {}}, {10, {7}}, {0xff01, {0}}}));
  ASSERT_TRUE(got.ok());
  EXPECT_FALSE(got->selected_version.has_value());
}

TEST(ServerHello, RefusesAnExtensionTwice) {
  EXPECT_EQ(InServerHello(kSelected13), Code::kIllegalParameter);
}

// RFC 8446 section 4.2: known, but not specified for this message.
TEST(ServerHello, RefusesKnownExtensionsOfOtherMessages) {
  for (const uint16_t type : std::vector<uint16_t>{0, 5, 10, 13, 16, 21, 28, 42,
                                                   44, 45, 47, 48, 49, 50}) {
    EXPECT_EQ(InServerHello({type, {}}), Code::kIllegalParameter) << type;
  }
  EXPECT_EQ(InRetry({41, {0, 0}}), Code::kIllegalParameter);
  EXPECT_EQ(InRetry({44, {0, 1, 7}}), std::nullopt);
}

TEST(ServerHello, ListsUnknownExtensions) {
  const auto got =
      ParseServerHello(RawServerHello(Extensions{kSelected13, {0xff01, {0}}}));
  ASSERT_TRUE(got.ok());
  EXPECT_THAT(got->extension_types, ElementsAre(43, 0xff01));
}

TEST(ServerHello, TellsTheKeyShareOfARetryFromThatOfAServerHello) {
  EXPECT_EQ(InServerHello({51, {0, 29}}), Code::kDecodeError);
  EXPECT_EQ(InServerHello({51, {0, 29, 0, 0}}), Code::kDecodeError);
  EXPECT_EQ(InServerHello({51, {0, 29, 0, 1, 9}}), std::nullopt);
  EXPECT_EQ(InServerHello({51, {0, 29, 0, 1, 9, 0}}), Code::kDecodeError);
  EXPECT_EQ(InRetry({51, {0, 29, 0, 1, 9}}), Code::kDecodeError);
  EXPECT_EQ(InRetry({51, {0, 29}}), std::nullopt);
}

TEST(ServerHello, RefusesAnEmptyCookie) {
  EXPECT_EQ(InRetry({44, {0, 0}}), Code::kDecodeError);
}

TEST(EncryptedExtensions, KeepsEverythingThroughARoundTrip) {
  const EncryptedExtensions sent = SampleEncryptedExtensions();
  const auto got = ParseEncryptedExtensions(BodyOf(Serialize(sent)));
  ASSERT_TRUE(got.ok()) << got.error().what;
  EXPECT_TRUE(got->server_name_acknowledged);
  EXPECT_EQ(got->alpn_protocol, sent.alpn_protocol);
  EXPECT_EQ(got->record_size_limit, sent.record_size_limit);
  EXPECT_THAT(got->extension_types, ElementsAre(0, 16, 28));
}

TEST(EncryptedExtensions, IsRefusedWhenCutAnywhere) {
  EXPECT_THAT(UnrefusedCuts(ParseEncryptedExtensions,
                            BodyOf(Serialize(SampleEncryptedExtensions()))),
              IsEmpty());
}

TEST(EncryptedExtensions, IsRefusedWithBytesBehindIt) {
  EXPECT_EQ(WithOneByteMore(ParseEncryptedExtensions, Bytes{0, 0}),
            Code::kDecodeError);
}

TEST(EncryptedExtensions, MayBeEmpty) {
  EXPECT_TRUE(ParseEncryptedExtensions(Bytes{0, 0}).ok());
}

TEST(EncryptedExtensions, RefusesAnExtensionTwice) {
  EXPECT_EQ(
      Failure(ParseEncryptedExtensions(RawBlock(Extensions{{0, {}}, {0, {}}}))),
      Code::kIllegalParameter);
}

TEST(EncryptedExtensions, RefusesKnownExtensionsOfOtherMessages) {
  for (const uint16_t type :
       std::vector<uint16_t>{5, 13, 21, 41, 43, 44, 45, 47, 48, 49, 50, 51}) {
    EXPECT_EQ(InEncrypted({type, {}}), Code::kIllegalParameter) << type;
  }
}

TEST(EncryptedExtensions, WantsExactlyOneAlpnProtocol) {
  EXPECT_EQ(InEncrypted({16, {0, 2, 1, 'a'}}), std::nullopt);
  EXPECT_EQ(InEncrypted({16, {0, 0}}), Code::kDecodeError);
  EXPECT_EQ(InEncrypted({16, {0, 1, 0}}), Code::kDecodeError);
  EXPECT_EQ(InEncrypted({16, {0, 4, 1, 'a', 1, 'b'}}), Code::kDecodeError);
}

TEST(EncryptedExtensions, ChecksTheDataOfExtensions) {
  EXPECT_EQ(InEncrypted({0, {0}}), Code::kDecodeError);
  EXPECT_EQ(InEncrypted({10, {0, 2, 0, 29}}), std::nullopt);
  EXPECT_EQ(InEncrypted({10, {0, 0}}), Code::kDecodeError);
  EXPECT_EQ(InEncrypted({28, {0}}), Code::kDecodeError);
  EXPECT_EQ(InEncrypted({28, {0, 63}}), Code::kIllegalParameter);
  EXPECT_EQ(InEncrypted({42, {0}}), Code::kDecodeError);
}

}  // namespace
}  // namespace ktlsd::handshake
