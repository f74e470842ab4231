#include "handshake/channel.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/alert.h"
#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/crypto/digest.h"
#include "handshake/record_protection.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

constexpr CipherSuite kSuite = CipherSuite::kAes128GcmSha256;
constexpr std::string_view kAccepted = "accepted";
constexpr std::size_t kEarlyDataLimit = 1U << 14;
const Bytes kFinished = {20, 0, 0, 2, 0xaa, 0xbb};
const Bytes kUserCanceled = {1, 90};

// A traffic secret that both ends of a test know.
HashSecret TestSecret() {
  return HkdfExtract(HashAlgorithm::kSha256, HashSecret(), ByteView()).value();
}

RecordOpener TestOpener() {
  return RecordOpener::Create(kSuite, TestSecret()).value();
}

RecordSealer TestSealer() {
  return RecordSealer::Create(kSuite, TestSecret()).value();
}

Bytes Join(const std::vector<Bytes>& parts) {
  Bytes whole;
  for (const Bytes& part : parts) {
    whole.insert(whole.end(), part.begin(), part.end());
  }
  return whole;
}

// An unprotected record.
Bytes Record(ContentType type, const Bytes& body) {
  return Join({{static_cast<uint8_t>(type), 3, 3,
                static_cast<uint8_t>(body.size() >> 8),
                static_cast<uint8_t>(body.size())},
               body});
}

Bytes Handshake(const Bytes& body) {
  return Record(ContentType::kHandshake, body);
}

Bytes AlertOf(const Bytes& body) { return Record(ContentType::kAlert, body); }

Bytes ChangeCipherSpec(const Bytes& body = {1}) {
  return Record(ContentType::kChangeCipherSpec, body);
}

Bytes Sealed(RecordSealer& sealer, ContentType type, const Bytes& content) {
  Bytes record;
  EXPECT_TRUE(sealer.Seal(type, content, record).ok());
  return record;
}

// A record that no key of ours opens, as early data looks to a server.
Bytes EarlyData(std::size_t size) {
  return Record(ContentType::kApplicationData, Bytes(size, 0x5a));
}

// Feeds the stream in the reads that the channel asks for.
Status Feed(Channel& channel, ByteView stream) {
  while (!stream.empty()) {
    const std::size_t size = std::min(stream.size(), channel.bytes_wanted());
    RETURN_IF_ERROR(channel.Add(stream.first(size)));
    stream = stream.subspan(size);
  }
  return Ok{};
}

// What comes of the stream: an error's label, or kAccepted.
std::string_view Outcome(Channel& channel, const Bytes& stream) {
  const Status fed = Feed(channel, stream);
  return fed.ok() ? kAccepted : Describe(fed.error().code).label;
}

std::string_view OutcomeInNewChannel(const Bytes& stream) {
  Channel channel;
  return Outcome(channel, stream);
}

// The types of all whole messages that the channel holds.
std::vector<HandshakeType> TakeTypes(Channel& channel) {
  std::vector<HandshakeType> types;
  for (auto next = channel.NextMessage(); next.ok() && *next;
       next = channel.NextMessage()) {
    types.push_back((*next)->type);
  }
  return types;
}

Channel OpeningChannel() {
  Channel channel;
  channel.AllowChangeCipherSpec();
  EXPECT_TRUE(channel.StartOpening(TestOpener()).ok());
  return channel;
}

// --- change_cipher_spec ---

TEST(Channel, DropsChangeCipherSpecOnceAllowed) {
  Channel channel;
  EXPECT_EQ(Outcome(channel, ChangeCipherSpec()), "unexpected_message");

  Channel allowing;
  allowing.AllowChangeCipherSpec();
  EXPECT_EQ(Outcome(allowing, Join({ChangeCipherSpec(), Handshake(kFinished)})),
            kAccepted);
  EXPECT_EQ(TakeTypes(allowing), std::vector{HandshakeType::kFinished});
}

TEST(Channel, DropsChangeCipherSpecAmongProtectedRecords) {
  Channel channel = OpeningChannel();
  RecordSealer sealer = TestSealer();
  const Bytes record = Sealed(sealer, ContentType::kHandshake, kFinished);
  EXPECT_EQ(Outcome(channel, Join({ChangeCipherSpec(), record})), kAccepted);
  EXPECT_EQ(TakeTypes(channel), std::vector{HandshakeType::kFinished});
}

TEST(Channel, RefusesAnyOtherChangeCipherSpec) {
  for (const Bytes& body : {Bytes{0}, Bytes{2}, Bytes{1, 1}}) {
    Channel channel;
    channel.AllowChangeCipherSpec();
    EXPECT_EQ(Outcome(channel, ChangeCipherSpec(body)), "unexpected_message");
  }
}

TEST(Channel, RefusesAProtectedChangeCipherSpec) {
  Channel channel = OpeningChannel();
  RecordSealer sealer = TestSealer();
  EXPECT_EQ(
      Outcome(channel, Sealed(sealer, ContentType::kChangeCipherSpec, {1})),
      "unexpected_message");
}

// RFC 8446 section 5.1: "if a handshake message is split over two or more
// records, there MUST NOT be any other records between them".
TEST(Channel, RefusesRecordsInsideAMessage) {
  for (const Bytes& between :
       {ChangeCipherSpec(), AlertOf(kUserCanceled), EarlyData(50)}) {
    Channel channel;
    channel.AllowChangeCipherSpec();
    channel.AllowEarlyData();
    EXPECT_EQ(Outcome(channel, Join({Handshake({20, 0}), between})),
              "unexpected_message");
  }
}

// --- Floods and sizes ---

TEST(Channel, EndsAFloodOfRecordsThatCarryNothing) {
  for (const Bytes& idle : {ChangeCipherSpec(), AlertOf(kUserCanceled)}) {
    Channel channel;
    channel.AllowChangeCipherSpec();
    for (int i = 0; i < 32; ++i) {
      ASSERT_EQ(Outcome(channel, idle), kAccepted);
    }
    EXPECT_EQ(Outcome(channel, idle), "record_flood");
  }
}

TEST(Channel, EndsAFloodOfFragments) {
  Channel channel;
  // A message of 2^16 bytes in fragments of one.
  ASSERT_EQ(Outcome(channel, Handshake({1, 1, 0, 0})), kAccepted);
  for (int i = 1; i < (1 << 14); ++i) {
    ASSERT_EQ(Outcome(channel, Handshake({0})), kAccepted);
  }
  EXPECT_EQ(Outcome(channel, Handshake({0})), "record_flood");
}

TEST(Channel, RefusesOversizeRecords) {
  EXPECT_EQ(OutcomeInNewChannel({22, 3, 3, 0x40, 0x01}), "record_overflow");
  EXPECT_EQ(OutcomeInNewChannel({23, 3, 3, 0x41, 0x01}), "record_overflow");
}

TEST(Channel, RefusesOversizeMessagesByTheirHeader) {
  EXPECT_EQ(OutcomeInNewChannel(Handshake({1, 1, 0, 1})), "message_too_large");
}

// --- Alerts ---

TEST(Channel, TellsWhichAlertCame) {
  for (const uint8_t level : {uint8_t{1}, uint8_t{2}}) {
    Channel channel;
    const Status fed = Feed(channel, AlertOf({level, 48}));
    ASSERT_FALSE(fed.ok());
    EXPECT_EQ(fed.error().code, Code::kAlertReceived);
    EXPECT_EQ(fed.error().alert, static_cast<uint8_t>(Alert::kUnknownCa));
  }
}

TEST(Channel, TakesCloseNotifyForTheEnd) {
  EXPECT_EQ(OutcomeInNewChannel(AlertOf({1, 0})), "peer_closed");
}

TEST(Channel, RefusesAlertsThatAreNotTwoBytes) {
  EXPECT_EQ(OutcomeInNewChannel(AlertOf({2})), "decode_error");
  EXPECT_EQ(OutcomeInNewChannel(AlertOf({2, 40, 2, 40})), "decode_error");
}

// A peer that could not derive the keys has no other way to say why.
TEST(Channel, TakesAPlaintextAlertWhileCiphertextIsDue) {
  Channel channel = OpeningChannel();
  EXPECT_EQ(Outcome(channel, AlertOf({2, 40})), "alert_received");
}

TEST(Channel, OpensProtectedAlerts) {
  Channel channel = OpeningChannel();
  RecordSealer sealer = TestSealer();
  EXPECT_EQ(Outcome(channel, Sealed(sealer, ContentType::kAlert, {2, 40})),
            "alert_received");
}

// RFC 8446 section 5.4: on Handshake and Alert records "that have a zero-length
// TLSInnerPlaintext.content [...] the receiving implementation MUST terminate
// the connection with an "unexpected_message" alert."
TEST(Channel, RefusesEmptyProtectedRecords) {
  for (const int type : {0, 21, 22}) {  // none but padding, alert, handshake
    Channel channel = OpeningChannel();
    channel.AllowEarlyData();  // which is only what does not open
    RecordSealer sealer = TestSealer();
    const Bytes record = Sealed(sealer, static_cast<ContentType>(type), {});
    EXPECT_EQ(Outcome(channel, record), "unexpected_message");
  }
}

TEST(Channel, RefusesEmptyRecords) {
  EXPECT_EQ(OutcomeInNewChannel(Handshake({})), "decode_error");
}

// --- What is due ---

TEST(Channel, RefusesPlaintextHandshakeWhereProtectedIsDue) {
  Channel channel = OpeningChannel();
  EXPECT_EQ(Outcome(channel, Handshake(kFinished)), "unexpected_message");
}

TEST(Channel, RefusesApplicationData) {
  EXPECT_EQ(OutcomeInNewChannel(EarlyData(50)), "unexpected_message");

  Channel channel = OpeningChannel();
  RecordSealer sealer = TestSealer();
  EXPECT_EQ(
      Outcome(channel, Sealed(sealer, ContentType::kApplicationData, {1})),
      "unexpected_message");
}

TEST(Channel, RefusesRecordsThatDoNotOpen) {
  Channel channel = OpeningChannel();
  EXPECT_EQ(Outcome(channel, EarlyData(50)), "bad_record_mac");
}

// --- Early data, RFC 8446 section 4.2.10 ---

TEST(Channel, SkipsEarlyDataUntilARecordOpens) {
  Channel channel = OpeningChannel();
  channel.AllowEarlyData();
  RecordSealer sealer = TestSealer();
  const Bytes record = Sealed(sealer, ContentType::kHandshake, kFinished);
  EXPECT_EQ(Outcome(channel, Join({EarlyData(50), EarlyData(1), record})),
            kAccepted);
  EXPECT_EQ(TakeTypes(channel), std::vector{HandshakeType::kFinished});
  EXPECT_EQ(Outcome(channel, EarlyData(50)), "bad_record_mac");
}

TEST(Channel, SkipsEarlyDataBeforeASecondHello) {
  Channel channel;
  channel.AllowEarlyData();
  EXPECT_EQ(Outcome(channel, Join({EarlyData(50), Handshake(kFinished)})),
            kAccepted);
  channel.EndEarlyData();
  EXPECT_EQ(Outcome(channel, EarlyData(50)), "unexpected_message");
}

TEST(Channel, SkipsNoMoreEarlyDataThanTheLimit) {
  const std::vector<Bytes> most(kEarlyDataLimit / kMaxPlaintext,
                                EarlyData(kMaxPlaintext));
  Channel keyless;
  keyless.AllowEarlyData();
  EXPECT_EQ(Outcome(keyless, Join(most)), kAccepted);
  EXPECT_EQ(Outcome(keyless, EarlyData(1)), "unexpected_message");

  Channel opening = OpeningChannel();
  opening.AllowEarlyData();
  EXPECT_EQ(Outcome(opening, Join(most)), kAccepted);
  EXPECT_EQ(Outcome(opening, EarlyData(1)), "bad_record_mac");
}

// --- Messages and records ---

TEST(Channel, JoinsAMessageOfSeveralRecords) {
  Channel channel;
  ASSERT_EQ(Outcome(channel, Handshake({20, 0, 0})), kAccepted);
  EXPECT_TRUE(TakeTypes(channel).empty());
  ASSERT_EQ(Outcome(channel, Handshake({2, 0xaa, 0xbb})), kAccepted);
  EXPECT_EQ(TakeTypes(channel), std::vector{HandshakeType::kFinished});
}

TEST(Channel, SplitsARecordOfSeveralMessages) {
  Channel channel;
  ASSERT_EQ(Outcome(channel, Handshake(Join({{8, 0, 0, 0}, kFinished}))),
            kAccepted);
  EXPECT_EQ(TakeTypes(channel),
            (std::vector{HandshakeType::kEncryptedExtensions,
                         HandshakeType::kFinished}));
}

TEST(Channel, ChangesKeysOnlyAtTheEndOfARecord) {
  Channel channel;
  ASSERT_EQ(Outcome(channel, Handshake(Join({kFinished, {20}}))), kAccepted);
  EXPECT_EQ(TakeTypes(channel).size(), 1U);
  const Status started = channel.StartOpening(TestOpener());
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, Code::kUnexpectedMessage);
}

// --- Proofs ---

TEST(Channel, IsDrainedAtTheEndOfARecordOnly) {
  Channel channel;
  EXPECT_TRUE(channel.ProveDrained().ok());
  ASSERT_EQ(Outcome(channel, Handshake(Join({kFinished, {20}}))), kAccepted);
  EXPECT_EQ(TakeTypes(channel).size(), 1U);
  EXPECT_EQ(channel.ProveDrained().error().code, Code::kUnexpectedMessage);

  Channel reading;
  ASSERT_EQ(Outcome(reading, Join({Handshake(kFinished), {23}})), kAccepted);
  EXPECT_EQ(TakeTypes(reading).size(), 1U);
  EXPECT_EQ(reading.ProveDrained().error().code, Code::kUnexpectedMessage);
}

TEST(Channel, IsFlushedWhenNothingWaits) {
  Channel channel;
  EXPECT_TRUE(channel.ProveFlushed());
  channel.Send(kFinished);
  EXPECT_FALSE(channel.ProveFlushed());
  ASSERT_TRUE(channel.Pack().ok());
  channel.Written(1);
  EXPECT_FALSE(channel.ProveFlushed());
  channel.Written(channel.output().pending().size());
  EXPECT_TRUE(channel.ProveFlushed());
}

// --- Output ---

Bytes OutputOf(const Channel& channel) {
  const ByteView pending = channel.output().pending();
  return {pending.begin(), pending.end()};
}

TEST(Channel, PacksMessagesIntoOneRecord) {
  Channel channel;
  channel.Send(kFinished);
  channel.Send(kFinished);
  ASSERT_TRUE(channel.Pack().ok());
  EXPECT_EQ(OutputOf(channel), Handshake(Join({kFinished, kFinished})));
}

TEST(Channel, SplitsWhatIsTooLongForARecord) {
  Channel channel;
  channel.Send(Bytes(kMaxPlaintext + 1, 7));
  ASSERT_TRUE(channel.Pack().ok());
  EXPECT_EQ(OutputOf(channel),
            Join({Handshake(Bytes(kMaxPlaintext, 7)), Handshake({7})}));
}

TEST(Channel, SealsWhatIsSentUnderNewKeysOnly) {
  Channel channel;
  channel.Send(kFinished);
  ASSERT_TRUE(channel.StartSealing(TestSealer()).ok());
  channel.Send(kFinished);
  ASSERT_TRUE(channel.SendChangeCipherSpec().ok());
  ASSERT_TRUE(channel.SendAlert(Alert::kUnknownCa).ok());
  RecordSealer sealer = TestSealer();
  const Bytes message = Sealed(sealer, ContentType::kHandshake, kFinished);
  const Bytes alert = Sealed(sealer, ContentType::kAlert, {2, 48});
  EXPECT_EQ(OutputOf(channel),
            Join({Handshake(kFinished), message, ChangeCipherSpec(), alert}));
}

TEST(Channel, HoldsAChangeCipherSpecForTheNextRecord) {
  Channel channel;
  channel.Send(kFinished);
  ASSERT_TRUE(channel.SendChangeCipherSpecWithNext().ok());
  ASSERT_TRUE(channel.StartSealing(TestSealer()).ok());
  EXPECT_EQ(OutputOf(channel), Handshake(kFinished));
  channel.Send(kFinished);
  channel.Send(kFinished);
  ASSERT_TRUE(channel.Pack().ok());
  RecordSealer sealer = TestSealer();
  const Bytes flight =
      Sealed(sealer, ContentType::kHandshake, Join({kFinished, kFinished}));
  EXPECT_EQ(OutputOf(channel),
            Join({Handshake(kFinished), ChangeCipherSpec(), flight}));
}

TEST(Channel, SendsAChangeCipherSpecThatIsDueWithAnAlert) {
  Channel channel;
  ASSERT_TRUE(channel.SendChangeCipherSpecWithNext().ok());
  EXPECT_FALSE(channel.ProveFlushed().has_value());
  ASSERT_TRUE(channel.SendAlert(Alert::kUnknownCa).ok());
  EXPECT_EQ(OutputOf(channel),
            Join({ChangeCipherSpec(), Record(ContentType::kAlert, {2, 48})}));
}

}  // namespace
}  // namespace ktlsd::handshake
