#include "handshake/record_protection.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/hkdf.h"
#include "base/key_access.h"
#include "base/testing/hex.h"
#include "base/testing/rfc8448.h"
#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

namespace simple = rfc8448::simple;
namespace retry = rfc8448::retry;

constexpr std::size_t kTag = 16;

HashSecret SecretOf(std::string_view hex) {
  return HashSecret(KeyAccess(), FromHex(hex));
}

RecordOpener OpenerOf(std::string_view secret) {
  return RecordOpener::Create(CipherSuite::kAes128GcmSha256, SecretOf(secret))
      .value();
}

RecordSealer SealerOf(std::string_view secret) {
  return RecordSealer::Create(CipherSuite::kAes128GcmSha256, SecretOf(secret))
      .value();
}

Result<OpenedRecord> Open(RecordOpener& opener, ByteView record) {
  return opener.Open(record.first(kRecordHeaderSize),
                     record.subspan(kRecordHeaderSize));
}

// The first record of RFC 8448 under `secret`.
struct Vector {
  std::string_view name;
  std::string_view secret;
  std::string_view record;
  ContentType type;
  Bytes content;
};

Bytes Flight(std::string_view extensions, std::string_view verify,
             std::string_view finished) {
  Bytes flight;
  for (const auto part : {extensions, simple::kCertificate, verify, finished}) {
    const Bytes bytes = FromHex(part);
    flight.insert(flight.end(), bytes.begin(), bytes.end());
  }
  return flight;
}

std::vector<Vector> Vectors() {
  return {
      {"server_flight", simple::kServerHandshakeTraffic,
       simple::kServerFlightRecord, ContentType::kHandshake,
       Flight(simple::kEncryptedExtensions, simple::kCertificateVerify,
              simple::kServerFinished)},
      {"client_finished", simple::kClientHandshakeTraffic,
       simple::kClientFinishedRecord, ContentType::kHandshake,
       FromHex(simple::kClientFinished)},
      {"client_data", simple::kClientApplicationTraffic,
       simple::kClientDataRecord, ContentType::kApplicationData,
       FromHex(rfc8448::kData)},
      {"retry_server_flight", retry::kServerHandshakeTraffic,
       retry::kServerFlightRecord, ContentType::kHandshake,
       Flight(retry::kEncryptedExtensions, retry::kCertificateVerify,
              retry::kServerFinished)},
      {"retry_client_finished", retry::kClientHandshakeTraffic,
       retry::kClientFinishedRecord, ContentType::kHandshake,
       FromHex(retry::kClientFinished)},
      {"retry_client_close", retry::kClientApplicationTraffic,
       retry::kClientCloseRecord, ContentType::kAlert, Bytes{1, 0}},
      {"retry_server_close", retry::kServerApplicationTraffic,
       retry::kServerCloseRecord, ContentType::kAlert, Bytes{1, 0}},
  };
}

class Rfc8448Record : public testing::TestWithParam<Vector> {};

TEST_P(Rfc8448Record, Opens) {
  RecordOpener opener = OpenerOf(GetParam().secret);
  const Result<OpenedRecord> opened = Open(opener, FromHex(GetParam().record));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->type, GetParam().type);
  EXPECT_EQ(ToHex(opened->content), ToHex(GetParam().content));
  EXPECT_EQ(opener.next_record(), 1U);
}

TEST_P(Rfc8448Record, IsSealedByteForByte) {
  RecordSealer sealer = SealerOf(GetParam().secret);
  Bytes record;
  ASSERT_TRUE(sealer.Seal(GetParam().type, GetParam().content, record).ok());
  EXPECT_EQ(ToHex(record), GetParam().record);
  EXPECT_EQ(sealer.next_record(), 1U);
}

// The secret of the caller is gone by then.
TEST_P(Rfc8448Record, IsSealedByASealerThatIsCreatedLater) {
  RecordSealer sealer = RecordSealer::CreateLater(CipherSuite::kAes128GcmSha256,
                                                  SecretOf(GetParam().secret));
  Bytes record;
  ASSERT_TRUE(sealer.Seal(GetParam().type, GetParam().content, record).ok());
  EXPECT_EQ(ToHex(record), GetParam().record);
  Bytes next;
  ASSERT_TRUE(sealer.Seal(GetParam().type, GetParam().content, next).ok());
  EXPECT_NE(ToHex(next), GetParam().record);
  EXPECT_EQ(sealer.next_record(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Records, Rfc8448Record, testing::ValuesIn(Vectors()),
                         [](const auto& param) {
                           return std::string(param.param.name);
                         });

// Under the secret 00 01 .. 1f, sealed by GnuTLS 3.7 (nettle): an
// implementation of CCM that is not libcrypto's.
TEST(RecordSealer, SealsCcmAsAnotherImplementationDoes) {
  Bytes bytes(32);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  const HashSecret secret(KeyAccess(), bytes);
  RecordSealer sealer =
      RecordSealer::Create(CipherSuite::kAes128CcmSha256, secret).value();
  Bytes records;
  ASSERT_TRUE(sealer
                  .Seal(ContentType::kHandshake, Bytes{'h', 'e', 'l', 'l', 'o'},
                        records)
                  .ok());
  ASSERT_TRUE(sealer.Seal(ContentType::kAlert, Bytes{2, 0}, records).ok());
  EXPECT_EQ(ToHex(records),
            "17030300163944912d776e15d747579d0b188d3aa37aa149774cbd"
            "17030300137655b6c43ec680810590826c5403192bf6294e");
}

TEST(RecordOpener, CountsRecords) {
  RecordOpener opener = OpenerOf(simple::kServerApplicationTraffic);
  ASSERT_EQ(Open(opener, FromHex(simple::kTicketRecord))->type,
            ContentType::kHandshake);
  EXPECT_EQ(ToHex(Open(opener, FromHex(simple::kServerDataRecord))->content),
            rfc8448::kData);
  EXPECT_EQ(Open(opener, FromHex(simple::kServerCloseRecord))->type,
            ContentType::kAlert);
  EXPECT_EQ(opener.next_record(), 3U);
}

TEST(RecordOpener, RefusesARecordOutOfItsPlace) {
  RecordOpener opener = OpenerOf(simple::kServerApplicationTraffic);
  EXPECT_EQ(Open(opener, FromHex(simple::kServerDataRecord)).error().code,
            Code::kBadRecordMac);
  EXPECT_EQ(opener.next_record(), 0U);
}

TEST(RecordOpener, RefusesEveryFlippedByte) {
  const Bytes good = FromHex(simple::kClientDataRecord);
  for (std::size_t i = 0; i < good.size(); ++i) {
    RecordOpener opener = OpenerOf(simple::kClientApplicationTraffic);
    Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_EQ(Open(opener, bad).error().code, Code::kBadRecordMac) << i;
  }
}

TEST(RecordOpener, RefusesEveryCut) {
  const Bytes good = FromHex(simple::kClientDataRecord);
  for (std::size_t size = kRecordHeaderSize; size < good.size(); ++size) {
    RecordOpener opener = OpenerOf(simple::kClientApplicationTraffic);
    EXPECT_EQ(Open(opener, ByteView(good).first(size)).error().code,
              Code::kBadRecordMac)
        << size;
  }
}

// Records that no sealer of ours makes: any inner plaintext under the client's
// first application keys, by libcrypto directly.
Bytes SealInner(const Bytes& inner) {
  const HashSecret secret = SecretOf(simple::kClientApplicationTraffic);
  const Bytes key = FromHex("17422dda596ed5d9acd890e3c63f5051");
  const Bytes iv = FromHex("5b78923dee08579033e523d9");
  const std::size_t length = inner.size() + kTag;
  Bytes record = {23, 3, 3, static_cast<uint8_t>(length >> 8),
                  static_cast<uint8_t>(length)};
  record.resize(kRecordHeaderSize + length);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int done = 0;
  EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, key.data(),
                     iv.data());
  EVP_EncryptUpdate(context, nullptr, &done, record.data(), kRecordHeaderSize);
  EVP_EncryptUpdate(context, record.data() + kRecordHeaderSize, &done,
                    inner.data(), static_cast<int>(inner.size()));
  EVP_EncryptFinal_ex(context, nullptr, &done);
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTag,
                      record.data() + record.size() - kTag);
  EVP_CIPHER_CTX_free(context);
  return record;
}

Result<OpenedRecord> OpenInner(const Bytes& inner) {
  RecordOpener opener = OpenerOf(simple::kClientApplicationTraffic);
  return Open(opener, SealInner(inner));
}

// RFC 8446 section 5.4.
TEST(RecordOpener, RemovesPadding) {
  const Result<OpenedRecord> opened = OpenInner({1, 0, 2, 0, 22, 0, 0, 0});
  EXPECT_EQ(opened->type, ContentType::kHandshake);
  EXPECT_EQ(opened->content, (Bytes{1, 0, 2, 0}));
}

TEST(RecordOpener, AllowsContentOfNoBytes) {
  EXPECT_TRUE(OpenInner({23})->content.empty());
}

// RFC 8446 section 5.4: "If a receiving implementation does not find a
// non-zero octet in the cleartext, it MUST terminate the connection with an
// "unexpected_message" alert."
TEST(RecordOpener, RefusesPaddingAlone) {
  EXPECT_EQ(OpenInner({0, 0, 0}).error().code, Code::kUnexpectedMessage);
  EXPECT_EQ(OpenInner({}).error().code, Code::kUnexpectedMessage);
}

TEST(RecordOpener, LimitsTheInnerPlaintext) {
  Bytes inner(kMaxPlaintext + 1, 7);
  EXPECT_EQ(OpenInner(inner)->content.size(), kMaxPlaintext);
  inner.push_back(7);
  EXPECT_EQ(OpenInner(inner).error().code, Code::kRecordOverflow);
  inner.back() = 0;  // padding counts
  EXPECT_EQ(OpenInner(inner).error().code, Code::kRecordOverflow);
}

TEST(RecordOpener, LimitsTheRecord) {
  RecordOpener opener = OpenerOf(simple::kClientApplicationTraffic);
  EXPECT_EQ(opener.Open(Bytes(kRecordHeaderSize), Bytes(kMaxCiphertext + 1))
                .error()
                .code,
            Code::kRecordOverflow);
}

TEST(RecordSealer, RefusesMoreThanARecordHolds) {
  RecordSealer sealer = SealerOf(simple::kClientApplicationTraffic);
  Bytes out;
  EXPECT_EQ(sealer.Seal(ContentType::kHandshake, Bytes(kMaxPlaintext + 1), out)
                .error()
                .code,
            Code::kApiMisuse);
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(
      sealer.Seal(ContentType::kHandshake, Bytes(kMaxPlaintext), out).ok());
}

TEST(RecordSealer, CountsRecords) {
  RecordSealer sealer = SealerOf(simple::kClientApplicationTraffic);
  Bytes records;
  ASSERT_TRUE(
      sealer
          .Seal(ContentType::kApplicationData, FromHex(rfc8448::kData), records)
          .ok());
  ASSERT_TRUE(sealer.Seal(ContentType::kAlert, Bytes{1, 0}, records).ok());
  EXPECT_EQ(ToHex(records), std::string(simple::kClientDataRecord) +
                                std::string(simple::kClientCloseRecord));
}

class EverySuite : public testing::TestWithParam<CipherSuite> {};

TEST_P(EverySuite, OpensWhatItSeals) {
  const HashSecret secret(KeyAccess(), Bytes(HashSize(HashOf(GetParam())), 9));
  RecordSealer sealer = RecordSealer::Create(GetParam(), secret).value();
  RecordOpener opener = RecordOpener::Create(GetParam(), secret).value();
  for (std::size_t size = 0; size < 300; ++size) {
    const Bytes content(size, static_cast<uint8_t>(size));
    Bytes record;
    ASSERT_TRUE(sealer.Seal(ContentType::kHandshake, content, record).ok());
    const Result<OpenedRecord> opened = Open(opener, record);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened->content, content);
  }
}

TEST_P(EverySuite, RefusesAFlippedTagAndGoesOn) {
  const HashSecret secret(KeyAccess(), Bytes(HashSize(HashOf(GetParam())), 9));
  RecordSealer sealer = RecordSealer::Create(GetParam(), secret).value();
  RecordOpener opener = RecordOpener::Create(GetParam(), secret).value();
  Bytes record;
  ASSERT_TRUE(sealer.Seal(ContentType::kAlert, Bytes{2, 40}, record).ok());
  record.back() ^= 1;
  EXPECT_EQ(Open(opener, record).error().code, Code::kBadRecordMac);
  record.back() ^= 1;
  EXPECT_TRUE(Open(opener, record).ok());
}

TEST_P(EverySuite, RefusesASecretOfAnotherLength) {
  const HashSecret secret(KeyAccess(),
                          Bytes(80 - HashSize(HashOf(GetParam())), 9));
  EXPECT_EQ(RecordSealer::Create(GetParam(), secret).error().code,
            Code::kApiMisuse);
  EXPECT_EQ(RecordOpener::Create(GetParam(), HashSecret()).error().code,
            Code::kApiMisuse);
}

INSTANTIATE_TEST_SUITE_P(Suites, EverySuite,
                         testing::Values(CipherSuite::kAes128GcmSha256,
                                         CipherSuite::kAes256GcmSha384,
                                         CipherSuite::kChaCha20Poly1305Sha256,
                                         CipherSuite::kAes128CcmSha256),
                         [](const auto& param) {
                           return std::string(CipherSuiteName(param.param));
                         });

TEST(RecordProtection, RefusesAnUnknownSuite) {
  const auto sealer = RecordSealer::Create(
      static_cast<CipherSuite>(0x1305), HashSecret(KeyAccess(), Bytes(32, 1)));
  ASSERT_FALSE(sealer.ok());
  EXPECT_EQ(sealer.error().code, Code::kApiMisuse);
  EXPECT_EQ(sealer.error().what, "an unknown cipher suite");
}

TEST(RecordProtection, RefusesASecretOfAnotherHash) {
  auto traffic = HkdfExpander::Create(HashAlgorithm::kSha384,
                                      HashSecret(KeyAccess(), Bytes(48, 1)))
                     .value();
  EXPECT_EQ(
      RecordSealer::Create(CipherSuite::kAes128GcmSha256, traffic).error().code,
      Code::kApiMisuse);
  EXPECT_EQ(
      RecordOpener::Create(CipherSuite::kAes128GcmSha256, traffic).error().code,
      Code::kApiMisuse);
}

TEST(RecordProtection, RefusesUseAfterMove) {
  RecordSealer sealer = SealerOf(simple::kClientApplicationTraffic);
  const RecordSealer moved = std::move(sealer);
  Bytes out;
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_EQ(sealer.Seal(ContentType::kAlert, Bytes{2, 0}, out).error().code,
            Code::kApiMisuse);
  RecordOpener opener = OpenerOf(simple::kClientApplicationTraffic);
  const RecordOpener moved_opener = std::move(opener);
  // NOLINTNEXTLINE(bugprone-use-after-move)
  EXPECT_EQ(opener.Open(Bytes(5), Bytes(20)).error().code, Code::kApiMisuse);
}

}  // namespace
}  // namespace ktlsd::handshake
