// What stands on the wire of a handshake between two ends of ours: the hellos,
// and the order of records, as the other end sees them.

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/session_keys.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/signature.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/world.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using enum ContentType;

struct WireRecord {
  ContentType type;
  uint16_t version;
  Bytes body;
};
using WireRecords = std::vector<WireRecord>;

WireRecords Split(ByteView stream) {
  WireRecords records;
  while (!stream.empty()) {
    const std::size_t size = std::size_t{stream[3]} << 8 | stream[4];
    const ByteView body = stream.subspan(kRecordHeaderSize, size);
    records.push_back({static_cast<ContentType>(stream[0]),
                       static_cast<uint16_t>(stream[1] << 8 | stream[2]),
                       Bytes(body.begin(), body.end())});
    stream = stream.subspan(kRecordHeaderSize + size);
  }
  return records;
}

// One after the other; several protected ones count as one.
std::vector<ContentType> TypesOf(const WireRecords& records) {
  std::vector<ContentType> types;
  for (const WireRecord& record : records) {
    if (record.type != kApplicationData || types.empty() ||
        types.back() != kApplicationData) {
      types.push_back(record.type);
    }
  }
  return types;
}

// A successful handshake, listened to.
struct Listened {
  Listened(const LocalPeerSetup& client, const LocalPeerSetup& server) {
    Bytes up;
    Bytes down;
    Wire wire;
    wire.to_server = [&](std::size_t, Bytes& bytes) {
      up.insert(up.end(), bytes.begin(), bytes.end());
      return true;
    };
    wire.to_client = [&](std::size_t, Bytes& bytes) {
      down.insert(down.end(), bytes.begin(), bytes.end());
      return true;
    };
    Pair pair = Handshake(client, server, wire);
    EXPECT_TRUE(pair.client.done()) << FailureOf(pair.client);
    EXPECT_TRUE(pair.server.done()) << FailureOf(pair.server);
    to_server = Split(up);
    to_client = Split(down);
  }

  ClientHello Hello(std::size_t record = 0) const {
    return ParseClientHello(Body(to_server.at(record))).value();
  }
  ServerHello Answer(std::size_t record = 0) const {
    return ParseServerHello(Body(to_client.at(record))).value();
  }
  static ByteView Body(const WireRecord& record) {
    return ByteView(record.body).subspan(kHandshakeHeaderSize);
  }

  WireRecords to_server;
  WireRecords to_client;
};

Listened Plain(bool compatible = true) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.middlebox_compatibility = compatible;
  return {client, world.Server()};
}

// With a HelloRetryRequest.
Listened Retried(bool compatible = true,
                 std::vector<CipherSuite> suites = DefaultSuites()) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.middlebox_compatibility = compatible;
  LocalPeerSetup server = world.Server();
  server.server.groups = {NamedGroup::kSecp384r1};
  server.server.suites = std::move(suites);
  return {client, server};
}

// --- The first ClientHello ---

TEST(HelloOnTheWire, BeginsTheConnection) {
  const Listened heard = Plain();
  ASSERT_EQ(heard.to_server.front().type, kHandshake);
  EXPECT_EQ(heard.to_server.front().body.front(),
            static_cast<uint8_t>(HandshakeType::kClientHello));
  EXPECT_EQ(heard.Hello().legacy_version, 0x0303);
  EXPECT_TRUE(heard.Hello().offers_tls13);
}

// RFC 8446 section 4.1.2: "a non-empty value, so a client not offering a
// pre-TLS 1.3 session MUST generate a new 32-byte value. This value need not be
// random but SHOULD be unpredictable".
TEST(HelloOnTheWire, HasANewSessionIdEachTime) {
  const ClientHello one = Plain().Hello();
  const ClientHello two = Plain().Hello();
  EXPECT_EQ(one.legacy_session_id.size(), 32U);
  EXPECT_EQ(two.legacy_session_id.size(), 32U);
  EXPECT_NE(one.legacy_session_id, two.legacy_session_id);
  EXPECT_FALSE(SameBytes(one.legacy_session_id, one.random));
  EXPECT_NE(one.random, two.random);
  for (const KeyShareEntry& share : *one.key_shares) {
    for (const KeyShareEntry& other : *two.key_shares) {
      EXPECT_NE(share.key_exchange, other.key_exchange);
    }
  }
}

// "Otherwise, it MUST be set as a zero-length vector".
TEST(HelloOnTheWire, HasNoSessionIdWithoutCompatibilityMode) {
  for (const Listened& heard : {Plain(false), Retried(false)}) {
    EXPECT_THAT(heard.Hello().legacy_session_id, IsEmpty());
    EXPECT_THAT(heard.Answer().legacy_session_id_echo, IsEmpty());
  }
}

// RFC 8446 section 4.2.2: "Clients MUST NOT use cookies in their initial
// ClientHello". And nothing that promises what we do not do: early data,
// authentication after the handshake, PSKs without being configured.
TEST(HelloOnTheWire, HasNoCookieNorOffersThatWeDoNotMean) {
  for (const Listened& heard : {Plain(), Retried()}) {
    const ClientHello hello = heard.Hello();
    EXPECT_FALSE(hello.cookie);
    EXPECT_FALSE(hello.early_data);
    EXPECT_THAT(hello.extension_types,
                UnorderedElementsAre(0, 10, 13, 50, 43, 51));
  }
}

// RFC 8446 section 4.2.3.
TEST(HelloOnTheWire, ListsTheSchemesThatWeVerify) {
  const ClientHello hello = Plain().Hello();
  EXPECT_THAT(hello.signature_algorithms, ElementsAreArray(HandshakeSchemes()));
  EXPECT_THAT(hello.signature_algorithms_cert,
              ElementsAreArray(CertificateSchemes()));
  EXPECT_FALSE(hello.signature_algorithms.empty());
  EXPECT_FALSE(hello.signature_algorithms_cert.empty());
}

// Section 4.2.3: MD5, SHA-224 and DSA "MUST NOT be offered"; SHA-1 is legacy;
// PKCS#1 is "not defined for use in signed TLS handshake messages".
TEST(HelloOnTheWire, ListsNoObsoleteScheme) {
  const ClientHello hello = Plain().Hello();
  for (const auto& schemes :
       {hello.signature_algorithms, hello.signature_algorithms_cert}) {
    for (const SignatureScheme scheme : schemes) {
      const auto number = static_cast<uint16_t>(scheme);
      EXPECT_GE(number >> 8, 0x04) << number;    // hash: 1 MD5, 2 SHA-1, 3 -224
      EXPECT_NE(number & 0xff, 0x02) << number;  // DSA
    }
  }
  for (const SignatureScheme scheme : hello.signature_algorithms) {
    EXPECT_NE(static_cast<uint16_t>(scheme) & 0xff, 0x01);  // PKCS#1
  }
}

// RFC 8446 section 4.2.8: each share is of a group in supported_groups, "and
// MUST appear in the same order".
TEST(HelloOnTheWire, HasItsSharesInTheOrderOfItsGroups) {
  const ClientHello hello = Plain().Hello();
  auto group = hello.supported_groups.begin();
  ASSERT_FALSE(hello.key_shares->empty());
  for (const KeyShareEntry& share : *hello.key_shares) {
    group = std::find(group, hello.supported_groups.end(), share.group);
    ASSERT_NE(group, hello.supported_groups.end());
    ++group;
  }
}

// --- ServerHello and HelloRetryRequest ---

// RFC 8446 section 4.1.3: the random "MUST be generated independently of the
// ClientHello.random".
TEST(AnswerOnTheWire, HasARandomOfItsOwn) {
  const World world;
  LocalPeer client = LocalPeer::Client(world.Client());
  const ByteView record = client.engine().output();
  const ClientHello hello =
      ParseClientHello(record.subspan(kRecordHeaderSize + kHandshakeHeaderSize))
          .value();
  std::vector<Random> randoms;
  for (int i = 0; i < 2; ++i) {
    LocalPeer server = LocalPeer::Server(world.Server());
    server.engine().Feed(record.first(kRecordHeaderSize));
    server.engine().Feed(record.subspan(kRecordHeaderSize));
    server.Settle();
    const WireRecords answer = Split(server.engine().output());
    randoms.push_back(
        ParseServerHello(Listened::Body(answer.at(0))).value().random);
  }
  EXPECT_NE(randoms[0], randoms[1]);
  for (const Random& random : randoms) {
    EXPECT_NE(random, hello.random);
    EXPECT_NE(random, Random{});
    // No byte is taken over: 8 equal ones do not happen by chance.
    const auto equal =
        std::inner_product(random.begin(), random.end(), hello.random.begin(),
                           0, std::plus<>(), std::equal_to<>());
    EXPECT_LT(equal, 8);
  }
}

// RFC 8446 section 4.1.3: only the extensions for the cryptographic context.
TEST(AnswerOnTheWire, HasTheExtensionsThatItNeedsOnly) {
  const World world;
  LocalPeerSetup client = world.Client();
  client.client.alpn_protocols = {{'a'}};
  client.client.record_size_limit = true;
  LocalPeerSetup server = world.Server();
  server.server.alpn_protocols = {{'a'}};
  server.server.record_size_limit = true;
  const ServerHello answer = Listened(client, server).Answer();
  EXPECT_THAT(answer.extension_types, UnorderedElementsAre(43, 51));
  EXPECT_EQ(answer.selected_version, 0x0304);
  EXPECT_EQ(answer.legacy_version, 0x0303);
}

TEST(AnswerOnTheWire, EchoesTheSessionId) {
  for (const Listened& heard : {Plain(), Retried()}) {
    EXPECT_EQ(heard.Answer().legacy_session_id_echo,
              heard.Hello().legacy_session_id);
  }
  const Listened retried = Retried();  // hello, change_cipher_spec, hello
  EXPECT_EQ(retried.Answer(2).legacy_session_id_echo,
            retried.Hello(2).legacy_session_id);
}

// RFC 8446 section 4.1.4: the fields of a HelloRetryRequest are those of a
// ServerHello; no extension but supported_versions, key_share and cookie.
TEST(RetryOnTheWire, HasTheFieldsOfAServerHello) {
  const ServerHello retry = Retried().Answer();
  EXPECT_TRUE(retry.is_retry);
  EXPECT_EQ(retry.legacy_version, 0x0303);
  EXPECT_EQ(retry.selected_version, 0x0304);
  EXPECT_THAT(retry.extension_types, UnorderedElementsAre(43, 51));
  EXPECT_EQ(retry.key_share->group, NamedGroup::kSecp384r1);
}

// Section 4.1.4: "Servers MUST ensure that they negotiate the same cipher suite
// when receiving a conformant updated ClientHello".
TEST(RetryOnTheWire, HasTheSuiteOfTheServerHelloBehindIt) {
  for (const CipherSuite suite : DefaultSuites()) {
    const Listened heard = Retried(true, {suite});
    EXPECT_EQ(heard.Answer(0).cipher_suite, suite);
    EXPECT_EQ(heard.Answer(2).cipher_suite, suite);
    EXPECT_FALSE(heard.Answer(2).is_retry);
  }
  const Listened heard = Retried();
  EXPECT_EQ(heard.Answer(0).cipher_suite, heard.Answer(2).cipher_suite);
}

// Section 4.1.2: the same hello again, but for its key_share.
TEST(RetryOnTheWire, IsAnsweredByTheSameHelloWithTheOtherShare) {
  const Listened heard = Retried();
  const ClientHello first = heard.Hello(0);
  const ClientHello second = heard.Hello(2);
  EXPECT_EQ(second.unchanging, first.unchanging);
  EXPECT_EQ(second.extension_types, first.extension_types);
  ASSERT_EQ(second.key_shares->size(), 1U);
  EXPECT_EQ(second.key_shares->front().group, NamedGroup::kSecp384r1);
}

// --- Records ---

// RFC 8446 section D.4: a client sends change_cipher_spec before its second
// flight, a server behind its first handshake message; each once.
TEST(RecordsOnTheWire, HaveAChangeCipherSpecInCompatibilityMode) {
  const Listened plain = Plain();
  const auto flights = {kHandshake, kChangeCipherSpec, kApplicationData};
  EXPECT_THAT(TypesOf(plain.to_server), ElementsAreArray(flights));
  EXPECT_THAT(TypesOf(plain.to_client), ElementsAreArray(flights));
  const Listened retried = Retried();
  const auto two_hellos = {kHandshake, kChangeCipherSpec, kHandshake,
                           kApplicationData};
  EXPECT_THAT(TypesOf(retried.to_server), ElementsAreArray(two_hellos));
  EXPECT_THAT(TypesOf(retried.to_client), ElementsAreArray(two_hellos));
  for (const Listened* heard : {&plain, &retried}) {
    for (const WireRecords* records : {&heard->to_server, &heard->to_client}) {
      EXPECT_THAT(records->at(1).body, ElementsAre(1));
    }
  }
}

TEST(RecordsOnTheWire, HaveNoneWithoutIt) {
  const Listened plain = Plain(false);
  const auto flights = {kHandshake, kApplicationData};
  EXPECT_THAT(TypesOf(plain.to_server), ElementsAreArray(flights));
  EXPECT_THAT(TypesOf(plain.to_client), ElementsAreArray(flights));
  const Listened retried = Retried(false);
  const auto two_hellos = {kHandshake, kHandshake, kApplicationData};
  EXPECT_THAT(TypesOf(retried.to_server), ElementsAreArray(two_hellos));
  EXPECT_THAT(TypesOf(retried.to_client), ElementsAreArray(two_hellos));
}

// RFC 8446 sections 5.1 and 5.4: no fragment of zero length.
TEST(RecordsOnTheWire, HaveContent) {
  constexpr std::size_t kTypeAndTag = 1 + 16;  // bytes of a protected record
  for (const Listened& heard : {Plain(), Retried()}) {
    for (const WireRecords* records : {&heard.to_server, &heard.to_client}) {
      for (const WireRecord& record : *records) {
        EXPECT_GT(record.body.size(),
                  record.type == kApplicationData ? kTypeAndTag : 0U);
      }
    }
  }
}

// RFC 8446 section 5.1: legacy_record_version is 0x0303 in all records.
TEST(RecordsOnTheWire, HaveTheVersionOfTls12) {
  for (const Listened& heard : {Plain(), Retried()}) {
    for (const WireRecords* records : {&heard.to_server, &heard.to_client}) {
      for (const WireRecord& record : *records) {
        EXPECT_EQ(record.version, 0x0303);
      }
    }
  }
}

}  // namespace
}  // namespace ktlsd::handshake
