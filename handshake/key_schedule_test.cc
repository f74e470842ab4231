// RFC 8448: every secret of the traces of sections 3 and 5, and that they
// open and make the records of the traces.
#include "handshake/key_schedule.h"

#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/testing/hex.h"
#include "base/testing/rfc8448.h"
#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

namespace simple = rfc8448::simple;
namespace retry = rfc8448::retry;

constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;
constexpr std::size_t kMessageHeader = 4;

std::string Hex(const HashSecret& secret) {
  return ToHex(secret.Reveal(KeyAccess()));
}

struct Trace {
  std::string_view name;
  std::string_view first_hello;  // before a HelloRetryRequest; may be empty
  std::initializer_list<std::string_view> hellos;
  std::string_view encrypted_extensions;
  std::string_view certificate_verify;
  std::string_view server_finished;
  std::string_view client_finished;
  std::string_view shared_secret;
  std::array<std::string_view, 5> secrets;  // c hs, s hs, c ap, s ap, exp
};

const Trace kSimple = {
    "simple",
    "",
    {simple::kClientHello, simple::kServerHello},
    simple::kEncryptedExtensions,
    simple::kCertificateVerify,
    simple::kServerFinished,
    simple::kClientFinished,
    simple::kSharedSecret,
    {simple::kClientHandshakeTraffic, simple::kServerHandshakeTraffic,
     simple::kClientApplicationTraffic, simple::kServerApplicationTraffic,
     simple::kExporterMaster}};

const Trace kRetry = {
    "retry",
    retry::kClientHello1,
    {retry::kHelloRetryRequest, retry::kClientHello2, retry::kServerHello},
    retry::kEncryptedExtensions,
    retry::kCertificateVerify,
    retry::kServerFinished,
    retry::kClientFinished,
    retry::kSharedSecret,
    {retry::kClientHandshakeTraffic, retry::kServerHandshakeTraffic,
     retry::kClientApplicationTraffic, retry::kServerApplicationTraffic,
     retry::kExporterMaster}};

class Rfc8448 : public testing::TestWithParam<const Trace*> {
 protected:
  void SetUp() override {
    transcript_.emplace(Transcript::Create(kSha256).value());
    if (!GetParam()->first_hello.empty()) {
      Add({GetParam()->first_hello});
      ASSERT_TRUE(transcript_->ReplaceByMessageHash().ok());
    }
    Add(GetParam()->hellos);
  }

  void Add(std::initializer_list<std::string_view> messages) {
    for (const std::string_view message : messages) {
      ASSERT_TRUE(transcript_->Add(FromHex(message)).ok());
    }
  }

  HashValue Now() const { return transcript_->Current().value(); }

  HandshakeSchedule Handshake() const {
    const SharedSecret ecdhe(KeyAccess(), FromHex(GetParam()->shared_secret));
    return HandshakeSchedule::WithoutPsk(kSha256, ecdhe).value();
  }

  std::optional<Transcript> transcript_;
};

std::string FinishedOf(const HashSecret& secret, const HashValue& hash) {
  auto traffic = HkdfExpander::Create(kSha256, secret).value();
  const HashSecret key = FinishedKey(traffic).value();
  return Hex(FinishedMac(kSha256, key, hash).value());
}

TEST_P(Rfc8448, EverySecretAndFinished) {
  HandshakeSecrets handshake = Handshake().Derive(Now()).value();
  const TrafficSecrets& early = handshake.traffic;
  EXPECT_EQ(Hex(early.client), GetParam()->secrets[0]);
  EXPECT_EQ(Hex(early.server), GetParam()->secrets[1]);

  Add({GetParam()->encrypted_extensions, simple::kCertificate,
       GetParam()->certificate_verify});
  EXPECT_EQ(FinishedOf(early.server, Now()),
            GetParam()->server_finished.substr(2 * kMessageHeader));

  Add({GetParam()->server_finished});
  EXPECT_EQ(FinishedOf(early.client, Now()),
            GetParam()->client_finished.substr(2 * kMessageHeader));
  const ApplicationSecrets secrets =
      std::move(handshake.next).Derive(Now()).value();
  EXPECT_EQ(Hex(secrets.traffic.client), GetParam()->secrets[2]);
  EXPECT_EQ(Hex(secrets.traffic.server), GetParam()->secrets[3]);
  EXPECT_EQ(Hex(secrets.exporter_master), GetParam()->secrets[4]);
}

INSTANTIATE_TEST_SUITE_P(Traces, Rfc8448, testing::Values(&kSimple, &kRetry),
                         [](const auto& param) {
                           return std::string(param.param->name);
                         });

// RFC 8446 section 7.1 from its start: what is the same in every handshake is
// written down in key_schedule.cc.
TEST(KeySchedule, BeginsWithZerosWithoutPsk) {
  const SharedSecret ecdhe(KeyAccess(), Bytes(32, 1));
  for (const HashAlgorithm hash : {kSha256, HashAlgorithm::kSha384}) {
    const std::size_t size = HashSize(hash);
    const HashSecret early = HkdfExtract(hash, HashSecret(), {}).value();
    const HashSecret derived =
        HkdfExpandLabel(hash, early, "derived", Hash(hash, {}).value().view(),
                        size)
            .value();
    const HashSecret expected =
        HkdfExtract(hash, derived, ecdhe.Reveal(KeyAccess())).value();
    EXPECT_EQ(Hex(HandshakeSchedule::WithoutPsk(hash, ecdhe).value().Release()),
              Hex(expected));
  }
}

// RFC 8446 section 7.5, step by step: the traces export nothing.
TEST(KeySchedule, ExportsAsSection75Says) {
  const HashSecret master(KeyAccess(), FromHex(simple::kExporterMaster));
  const Bytes context = {1, 2, 3};
  const HashSecret derived =
      HkdfExpandLabel(kSha256, master, "EXPORTER-test",
                      Hash(kSha256, {}).value().view(), 32)
          .value();
  const HashSecret expected =
      HkdfExpandLabel(kSha256, derived, "exporter",
                      Hash(kSha256, context).value().view(), 40)
          .value();
  Bytes exported(40);
  ASSERT_TRUE(
      ExportKeyingMaterial(kSha256, master, "EXPORTER-test", context, exported)
          .ok());
  EXPECT_EQ(ToHex(exported), Hex(expected));
}

TEST(KeySchedule, ExportsUpTo255Hashes) {
  const HashSecret master(KeyAccess(), FromHex(simple::kExporterMaster));
  Bytes longest(std::size_t{255} * 32);
  EXPECT_TRUE(ExportKeyingMaterial(kSha256, master, "x", {}, longest).ok());
  Bytes longer(255 * 32 + 1);
  EXPECT_EQ(ExportKeyingMaterial(kSha256, master, "x", {}, longer).error().code,
            Code::kApiMisuse);
  EXPECT_EQ(ExportKeyingMaterial(kSha256, master, "x", {}, {}).error().code,
            Code::kApiMisuse);
  EXPECT_EQ(ExportKeyingMaterial(kSha256, HashSecret(), "x", {}, longest)
                .error()
                .code,
            Code::kApiMisuse);
}

TEST(KeySchedule, RefusesToGoOnWithoutKeyAgreement) {
  EXPECT_EQ(HandshakeSchedule::WithoutPsk(kSha256, SharedSecret()).error().code,
            Code::kApiMisuse);
  EXPECT_EQ(EarlySchedule::WithPsk(kSha256, Bytes{1})
                .value()
                .Advance(SharedSecret())
                .error()
                .code,
            Code::kApiMisuse);
}

TEST(KeySchedule, RefusesAHashOfAnotherAlgorithm) {
  const SharedSecret ecdhe(KeyAccess(), Bytes(32, 1));
  const auto schedule = [&] {
    return HandshakeSchedule::WithoutPsk(HashAlgorithm::kSha384, ecdhe).value();
  };
  EXPECT_EQ(schedule().Derive(HashValue(Bytes(32))).error().code,
            Code::kApiMisuse);
  EXPECT_TRUE(schedule().Derive(HashValue(Bytes(48))).ok());
  const HashSecret secret(KeyAccess(), Bytes(48, 1));
  EXPECT_EQ(FinishedMac(HashAlgorithm::kSha384, secret, HashValue(Bytes(32)))
                .error()
                .code,
            Code::kApiMisuse);
}

TEST(KeySchedule, RefusesASecretOfAnotherHash) {
  const auto other =
      EarlySchedule::WithPsk(HashAlgorithm::kSha384, Bytes{1}).value();
  EXPECT_EQ(HandshakeSchedule::FromSecret(
                kSha256, other.ExternalBinderFinishedKey().value())
                .error()
                .code,
            Code::kApiMisuse);
  EXPECT_FALSE(HandshakeSchedule::FromSecret(kSha256, HashSecret()).ok());
}

TEST(KeySchedule, ConsumesTheStageItLeaves) {
  const SharedSecret ecdhe(KeyAccess(), Bytes(32, 1));
  EarlySchedule early = EarlySchedule::WithPsk(kSha256, Bytes{1}).value();
  HandshakeSchedule handshake = std::move(early).Advance(ecdhe).value();
  const HashValue hash(Bytes(32));
  ASSERT_TRUE(std::move(handshake).Derive(hash).ok());
  // NOLINTBEGIN(bugprone-use-after-move)
  EXPECT_EQ(std::move(early).Advance(ecdhe).error().code, Code::kApiMisuse);
  EXPECT_EQ(std::move(handshake).Derive(hash).error().code, Code::kApiMisuse);
  // NOLINTEND(bugprone-use-after-move)
}

}  // namespace
}  // namespace ktlsd::handshake
