#include "ktls/probe.h"

#include <netinet/tcp.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/error_codes.h"
#include "base/owned_fd.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "ktls/crypto_info.h"
#include "ktls/socket_ops.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::ktls {
namespace {

// Probe makes a connection for each attempt, which starts with TCP_ULP.
class FakeConnections : public FakeSocketOps {
 public:
  using FakeSocketOps::FakeSocketOps;

  Status SetOption(BorrowedFd socket, int level, int name,
                   ByteView value) override {
    if (name == TCP_ULP) {
      Reset();
    }
    return FakeSocketOps::SetOption(socket, level, name, value);
  }
};

Capabilities ProbeOf(FakeKernel kernel) {
  FakeConnections ops(std::move(kernel));
  return Probe(ops).value();
}

TEST(Probe, FindsAll) {
  const Capabilities found = ProbeOf({});
  EXPECT_TRUE(found.tls);
  EXPECT_TRUE(found.payload_limit);
  EXPECT_EQ(found.suites.size(), KnownSuites().size());
}

TEST(Probe, FindsWhichCiphersAreThere) {
  const Capabilities found =
      ProbeOf({.ciphers = {CipherSuite::kAes256GcmSha384}});
  EXPECT_TRUE(found.tls);
  EXPECT_EQ(found.suites,
            (std::vector<CipherSuite>{CipherSuite::kAes256GcmSha384}));
  EXPECT_TRUE(found.Offloads(CipherSuite::kAes256GcmSha384));
  EXPECT_FALSE(found.Offloads(CipherSuite::kAes128GcmSha256));
}

TEST(Probe, FindsThatRecordsCannotBeLimited) {
  const Capabilities found = ProbeOf({.payload_limit = false});
  EXPECT_FALSE(found.payload_limit);
  EXPECT_EQ(found.suites.size(), KnownSuites().size());
}

TEST(Probe, FindsNothingWithoutTheModule) {
  const Capabilities found = ProbeOf({.tls_module = false});
  EXPECT_FALSE(found.tls);
  EXPECT_TRUE(found.suites.empty());
  EXPECT_FALSE(found.payload_limit);
}

TEST(Probe, TellsAFaultFromAnAnswer) {
  FakeConnections ops;
  ops.FailCall(2, ENOMEM);
  EXPECT_EQ(Probe(ops).error().code, Code::kNoMemory);
}

TEST(Probe, AsksTheRunningKernel) {
  KernelSocketOps ops;
  const Result<Capabilities> found = Probe(ops);
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->tls || found->suites.empty());
}

}  // namespace
}  // namespace ktlsd::ktls
