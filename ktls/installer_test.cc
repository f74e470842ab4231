#include "ktls/installer.h"

#include <linux/tls.h>
#include <poll.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/key_access.h"
#include "base/owned_fd.h"
#include "base/session_keys.h"
#include "base/testing/hex.h"
#include "base/testing/proofs_for_test.h"
#include "base/testing/rfc8448.h"
#include "gtest/gtest.h"
#include "ktls/testing/fake_socket_ops.h"
#include "ktls/verify.h"

namespace ktlsd::ktls {
namespace {

namespace simple = rfc8448::simple;

constexpr CipherSuite kSuite = CipherSuite::kAes128GcmSha256;
constexpr CipherSuite kAllowed[] = {kSuite};
const BorrowedFd kSocket(7);

// The client of RFC 8448 section 3, after the server's ticket.
SessionKeys ClientKeys() {
  return {
      kSuite,
      {HashSecret(KeyAccess(), FromHex(simple::kClientApplicationTraffic)), 0},
      {HashSecret(KeyAccess(), FromHex(simple::kServerApplicationTraffic)), 1}};
}

Status InstallOn(SocketOps& ops, SessionKeys keys = ClientKeys()) {
  return Install(ops, kSocket, std::move(keys), ProofsForTest::MakeFinished(),
                 ProofsForTest::MakeDrained(), ProofsForTest::MakeFlushed());
}

std::string Body(const Bytes& info) {
  return ToHex(ByteView(info).subspan(sizeof(tls_crypto_info)));
}

TEST(KeyInstaller, KeysBothDirectionsReceiveFirst) {
  FakeSocketOps ops;
  ASSERT_TRUE(InstallOn(ops).ok());
  EXPECT_EQ(ops.calls(), (std::vector<std::string>{"set TCP_ULP", "set TLS_RX",
                                                   "set TLS_TX"}));
  EXPECT_EQ(Body(ops.keys(TLS_TX)),
            "ee08579033e523d9"
            "17422dda596ed5d9acd890e3c63f5051"
            "5b78923d"
            "0000000000000000");
  EXPECT_EQ(Body(ops.keys(TLS_RX)),
            "dd83549aadf1e984"
            "9f02283b6c9c07efc26bb9f2ac92e356"
            "cf782b88"
            "0000000000000001");
}

TEST(KeyInstaller, LimitsRecordsLastOfAll) {
  FakeSocketOps ops;
  SessionKeys keys = ClientKeys();
  keys.send_limit = 511;
  ASSERT_TRUE(InstallOn(ops, std::move(keys)).ok());
  EXPECT_EQ(ops.calls(),
            (std::vector<std::string>{"set TCP_ULP", "set TLS_RX", "set TLS_TX",
                                      "set TLS_TX_MAX_PAYLOAD_LEN"}));
}

TEST(KeyInstaller, FailsWhereTheKernelCannotKeepToTheLimit) {
  FakeSocketOps ops({.payload_limit = false});
  SessionKeys keys = ClientKeys();
  keys.send_limit = 511;
  EXPECT_EQ(InstallOn(ops, std::move(keys)).error().code, Code::kOffloadFailed);
}

TEST(KeyInstaller, WipesTheKeysItWasGiven) {
  for (const bool works : {true, false}) {
    FakeSocketOps ops;
    if (!works) {
      ops.FailCall(1, ENOENT);
    }
    SessionKeys keys = ClientKeys();
    EXPECT_EQ(
        Install(ops, kSocket, std::move(keys), ProofsForTest::MakeFinished(),
                ProofsForTest::MakeDrained(), ProofsForTest::MakeFlushed())
            .ok(),
        works);
    // NOLINTNEXTLINE(bugprone-use-after-move)
    EXPECT_TRUE(keys.send.traffic_secret.empty());
    EXPECT_TRUE(keys.receive.traffic_secret.empty());
  }
}

TEST(KeyInstaller, LeavesTheSocketAloneWhenKeysCannotBeMade) {
  FakeSocketOps ops;
  SessionKeys keys = ClientKeys();
  keys.send.traffic_secret.Wipe();
  EXPECT_EQ(InstallOn(ops, std::move(keys)).error().code, Code::kApiMisuse);
  keys = ClientKeys();
  keys.suite = static_cast<CipherSuite>(0x1305);
  EXPECT_EQ(InstallOn(ops, std::move(keys)).error().code,
            Code::kCipherNotOffloadable);
  EXPECT_TRUE(ops.calls().empty());
}

struct Fault {
  int call;
  int os_error;
  Code code;
  std::string_view what;
};

class EveryFault : public testing::TestWithParam<Fault> {};

TEST_P(EveryFault, IsNamedAndLeavesNothingToReport) {
  FakeSocketOps ops;
  ops.FailCall(GetParam().call, GetParam().os_error);
  const Status status = InstallOn(ops);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, GetParam().code);
  EXPECT_EQ(status.error().what, GetParam().what);
  EXPECT_EQ(status.error().os_error, GetParam().os_error);
  EXPECT_EQ(ops.calls().size(), static_cast<std::size_t>(GetParam().call));
  EXPECT_FALSE(Verify(ops, kSocket, {kAllowed}).ok());
}

INSTANTIATE_TEST_SUITE_P(
    Faults, EveryFault,
    testing::Values(
        Fault{1, ENOENT, Code::kKernelLacksTls, "setting TCP_ULP"},
        Fault{1, ENOPROTOOPT, Code::kKernelLacksTls, "setting TCP_ULP"},
        Fault{1, EINVAL, Code::kKernelLacksTls, "setting TCP_ULP"},
        Fault{1, ENOTCONN, Code::kPeerClosed, "setting TCP_ULP"},
        Fault{1, EEXIST, Code::kOffloadFailed, "setting TCP_ULP"},
        Fault{1, ENOMEM, Code::kNoMemory, "setting TCP_ULP"},
        Fault{2, EINVAL, Code::kCipherNotOffloadable, "setting TLS_RX"},
        Fault{2, ENOENT, Code::kCipherNotOffloadable, "setting TLS_RX"},
        Fault{2, ENOMEM, Code::kNoMemory, "setting TLS_RX"},
        Fault{2, EBUSY, Code::kOffloadFailed, "setting TLS_RX"},
        Fault{2, ECONNRESET, Code::kPeerReset, "setting TLS_RX"},
        Fault{3, EINVAL, Code::kCipherNotOffloadable, "setting TLS_TX"},
        Fault{3, ENOMEM, Code::kNoMemory, "setting TLS_TX"},
        Fault{3, EPERM, Code::kOffloadFailed, "setting TLS_TX"}));

TEST(KeyInstaller, AnyFailingCallOfInstallAndVerifyEndsInAnError) {
  constexpr int kCalls = 7;  // 3 of Install, 4 of Verify
  for (int n = 1; n <= kCalls; ++n) {
    FakeSocketOps ops;
    ops.FailCall(n, EIO);
    const Status installed = InstallOn(ops);
    EXPECT_EQ(installed.ok(), n > 3) << n;
    EXPECT_EQ(ops.keyed_both_ways(), n > 3) << n;
    EXPECT_FALSE(Verify(ops, kSocket, {kAllowed}).ok()) << n;
  }
}

TEST(KeyInstaller, WorksOnlyOnceOnASocket) {
  FakeSocketOps ops;
  ASSERT_TRUE(InstallOn(ops).ok());
  EXPECT_EQ(InstallOn(ops).error().code, Code::kOffloadFailed);
}

TEST(KeyInstaller, SaysWhatTheKernelLacks) {
  FakeSocketOps without_tls({.tls_module = false});
  EXPECT_EQ(InstallOn(without_tls).error().code, Code::kKernelLacksTls);
  FakeSocketOps without_cipher({.ciphers = {}});
  EXPECT_EQ(InstallOn(without_cipher).error().code,
            Code::kCipherNotOffloadable);
  FakeSocketOps gone({.peer_closed = true});
  EXPECT_EQ(InstallOn(gone).error().code, Code::kPeerClosed);
}

// The kernel looks at what is queued as it takes TLS_RX, and says nothing.
TEST(KeyInstaller, LeavesQueuedGarbageToVerify) {
  FakeSocketOps ops({.garbage_queued = true});
  EXPECT_TRUE(InstallOn(ops).ok());
  EXPECT_FALSE(ops.error_was_read());
  EXPECT_EQ(Verify(ops, kSocket, {kAllowed}).error().code, Code::kPeerReset);
}

}  // namespace
}  // namespace ktlsd::ktls
