#include "ktls/verify.h"

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/owned_fd.h"
#include "base/session_keys.h"
#include "base/testing/proofs_for_test.h"
#include "gtest/gtest.h"
#include "ktls/installer.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::ktls {
namespace {

constexpr int kSolTls = 282;
constexpr CipherSuite kSuite = CipherSuite::kChaCha20Poly1305Sha256;
constexpr CipherSuite kAllowed[] = {CipherSuite::kAes128GcmSha256, kSuite};
const BorrowedFd kSocket(7);

void InstallOn(FakeSocketOps& ops,
               std::optional<uint16_t> send_limit = std::nullopt) {
  const auto keys = [] {
    return DirectionKeys{HashSecret(KeyAccess(), Bytes(32, 1)), 0};
  };
  ASSERT_TRUE(
      Install(ops, kSocket, SessionKeys{kSuite, keys(), keys(), send_limit},
              ProofsForTest::MakeFinished(), ProofsForTest::MakeDrained(),
              ProofsForTest::MakeFlushed())
          .ok());
}

Bytes Head(uint16_t version, uint16_t cipher) {
  const tls_crypto_info head = {version, cipher};
  Bytes bytes(sizeof(head));
  std::memcpy(bytes.data(), &head, sizeof(head));
  return bytes;
}

Bytes Ulp(std::string_view name) {
  Bytes bytes(name.begin(), name.end());
  bytes.resize(16);
  return bytes;
}

void ExpectRefused(FakeSocketOps& ops,
                   std::span<const CipherSuite> allowed = kAllowed) {
  const Result<Offloaded> offloaded = Verify(ops, kSocket, {allowed});
  ASSERT_FALSE(offloaded.ok());
  EXPECT_EQ(offloaded.error().code, Code::kOffloadNotConfirmed);
  EXPECT_FALSE(offloaded.error().what.empty());
}

TEST(Verify, ReadsTheLimitOfRecordsBack) {
  FakeSocketOps ops;
  InstallOn(ops, 511);
  EXPECT_TRUE(Verify(ops, kSocket, {kAllowed, 511}).ok());
  for (const uint16_t other : {uint16_t{510}, uint16_t{512}}) {
    EXPECT_EQ(Verify(ops, kSocket, {kAllowed, other}).error().code,
              Code::kOffloadNotConfirmed);
  }
}

TEST(Verify, RefusesASocketWithoutTheLimit) {
  FakeSocketOps ops;
  InstallOn(ops);
  EXPECT_EQ(Verify(ops, kSocket, {kAllowed, 511}).error().code,
            Code::kOffloadNotConfirmed);
}

TEST(Verify, RefusesWhenACallFails) {
  FakeSocketOps ops;
  InstallOn(ops, 511);
  const std::size_t before = ops.calls().size();
  ASSERT_TRUE(Verify(ops, kSocket, {kAllowed, 511}).ok());
  const auto calls = static_cast<int>(ops.calls().size() - before);
  for (int n = 1; n <= calls; ++n) {
    ops.FailCall(n, EBADF);
    const Result<Offloaded> offloaded = Verify(ops, kSocket, {kAllowed, 511});
    ASSERT_FALSE(offloaded.ok()) << n;
    EXPECT_EQ(offloaded.error().code, Code::kOffloadNotConfirmed) << n;
    EXPECT_EQ(offloaded.error().os_error, EBADF) << n;
  }
}

TEST(Verify, ProvesAnInstalledSocketWithItsSuite) {
  FakeSocketOps ops;
  InstallOn(ops);
  const Result<Offloaded> offloaded = Verify(ops, kSocket, {kAllowed});
  ASSERT_TRUE(offloaded.ok());
  EXPECT_EQ(offloaded->suite(), kSuite);
}

TEST(Verify, NeverReadsKeysNorTheSocketsError) {
  FakeSocketOps ops;
  InstallOn(ops);
  ASSERT_TRUE(Verify(ops, kSocket, {kAllowed}).ok());
  EXPECT_FALSE(ops.keys_were_read());
  EXPECT_FALSE(ops.error_was_read());
  EXPECT_EQ(ops.calls().size(), 7U);
}

TEST(Verify, RefusesAPlainSocket) {
  FakeSocketOps ops;
  ExpectRefused(ops);
}

TEST(MayBeAttached, IsTrueOfAHalfInstalledSocketAndInDoubt) {
  FakeSocketOps ops;
  EXPECT_FALSE(MayBeAttached(ops, kSocket));
  ops.FailCall(1, EBADF);
  EXPECT_TRUE(MayBeAttached(ops, kSocket));
  ASSERT_TRUE(
      ops.SetOption(kSocket, IPPROTO_TCP, TCP_ULP, Bytes{'t', 'l', 's'}).ok());
  EXPECT_TRUE(MayBeAttached(ops, kSocket));
}

TEST(Verify, RefusesASuiteThatWasNotAllowed) {
  FakeSocketOps ops;
  InstallOn(ops);
  constexpr CipherSuite kOther[] = {CipherSuite::kAes256GcmSha384};
  ExpectRefused(ops, kOther);
  ExpectRefused(ops, {});
}

TEST(Verify, RefusesPendingErrors) {
  for (const int event : {POLLERR, POLLHUP, POLLERR | POLLHUP}) {
    FakeSocketOps ops;
    InstallOn(ops);
    ops.SetPendingEvents(static_cast<short>(event));
    // The peer's doing: no reason to doubt the keys.
    const Result<Offloaded> offloaded = Verify(ops, kSocket, {kAllowed});
    ASSERT_FALSE(offloaded.ok());
    EXPECT_EQ(offloaded.error().code, Code::kPeerReset);
  }
  FakeSocketOps ops;
  InstallOn(ops);
  ops.SetPendingEvents(POLLNVAL);
  ExpectRefused(ops);
}

TEST(Verify, AllowsDataToBeWaiting) {
  FakeSocketOps ops;
  InstallOn(ops);
  ops.SetPendingEvents(POLLIN | POLLRDHUP);
  EXPECT_TRUE(Verify(ops, kSocket, {kAllowed}).ok());
}

struct Lie {
  int level;
  int name;
  Bytes value;
};

class WrongReadBack : public testing::TestWithParam<Lie> {};

TEST_P(WrongReadBack, IsRefused) {
  FakeSocketOps ops;
  InstallOn(ops);
  ops.ReadBackAs(GetParam().level, GetParam().name, GetParam().value);
  ExpectRefused(ops);
}

Bytes Cut(Bytes bytes, std::size_t size) {
  bytes.resize(size);
  return bytes;
}

INSTANTIATE_TEST_SUITE_P(
    Ulp, WrongReadBack,
    testing::Values(Lie{IPPROTO_TCP, TCP_ULP, {}},
                    Lie{IPPROTO_TCP, TCP_ULP, Ulp("")},
                    Lie{IPPROTO_TCP, TCP_ULP, Ulp("tl")},
                    Lie{IPPROTO_TCP, TCP_ULP, Cut(Ulp("tls"), 2)},
                    Lie{IPPROTO_TCP, TCP_ULP, Ulp("tls2")},
                    Lie{IPPROTO_TCP, TCP_ULP, Ulp("mptcp")}));

std::vector<Lie> WrongHeads() {
  std::vector<Lie> lies;
  for (const int name : {TLS_TX, TLS_RX}) {
    for (const Bytes& head :
         {Head(TLS_1_2_VERSION, TLS_CIPHER_CHACHA20_POLY1305),
          Head(0, TLS_CIPHER_CHACHA20_POLY1305), Head(TLS_1_3_VERSION, 0),
          Head(TLS_1_3_VERSION, TLS_CIPHER_SM4_GCM),
          Head(TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128),
          Cut(Head(TLS_1_3_VERSION, TLS_CIPHER_CHACHA20_POLY1305), 3),
          Bytes()}) {
      lies.push_back({kSolTls, name, head});
    }
  }
  return lies;
}

INSTANTIATE_TEST_SUITE_P(Keys, WrongReadBack, testing::ValuesIn(WrongHeads()));

static_assert(!std::is_default_constructible_v<Offloaded>);
static_assert(!std::is_constructible_v<Offloaded, CipherSuite>);
static_assert(!std::is_copy_constructible_v<Offloaded>);

}  // namespace
}  // namespace ktlsd::ktls
