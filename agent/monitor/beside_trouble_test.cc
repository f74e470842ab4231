// Handshakes beside requests that are in trouble: they go on, and of the
// trouble no descriptor is left. For the faults of docs/faults.md that
// kernel-tests cannot make beside others.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <iterator>
#include <utility>

#include "agent/ipc/identities.h"
#include "agent/monitor/testing/world.h"
#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/hkdf.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

constexpr KeySerial kKey = 21;

class BesideTroubleTest : public World {
 protected:
  BesideTroubleTest() {
    keyrings_.AddPsk(kKey, "NVMe1R02 host subsystem digest", 48);
    Start();
  }

  static std::ptrdiff_t OpenDescriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  }

  // A mount is in the middle of its handshake, has its verdict after the
  // trouble, and is served.
  void ServesBeside(const std::function<void()>& trouble) {
    Ask(NfsTls());
    const Job job = TakeJob(kClientWorker);
    const std::size_t peers = peers_.size();
    const std::ptrdiff_t before = OpenDescriptors();
    trouble();
    peers_.resize(peers);
    EXPECT_EQ(OpenDescriptors(), before);
    SendVerdict(job.job);
    EXPECT_TRUE(SendReport(kClientWorker, Report(job.job)).ok());
    EXPECT_EQ(kernel_.answers().back().status, 0U) << log_.All();
    EXPECT_EQ(kernel_.answers().size(), kernel_.accepted());
  }
};

// Fault 17.
TEST_F(BesideTroubleTest, RequestsThatAreMalformed) {
  ServesBeside([this] {
    Request unclear = Nfsd();
    unclear.well_formed = false;
    Ask(std::move(unclear));
    Ask(Make(HandshakeKind::kClientHello, AuthMode::kX509));
    Ask(Make(HandshakeKind{7}, AuthMode::kX509));
    EXPECT_EQ(kernel_.answers().size(), 3U);
  });
}

// Fault 23: what could not be taken is, when there are descriptors again.
TEST_F(BesideTroubleTest, NoDescriptors) {
  ServesBeside([this] {
    kernel_.FailAccepts(FailingCalls::First(2), EMFILE);
    Ask(Make(HandshakeKind::kClientHello, AuthMode::kX509));
    EXPECT_EQ(kernel_.accepted(), 1U);
    Advance(milliseconds(50));
    Advance(milliseconds(100));
    EXPECT_EQ(kernel_.accepted(), 2U);
  });
}

// Fault 25: the kernel's TLS is on the socket, and its worker has failed.
TEST_F(BesideTroubleTest, KeysThatCouldNotBeInstalled) {
  ServesBeside([this] {
    Ask(Nfsd());
    const Job job = TakeJob(kServerWorker);
    EXPECT_TRUE(
        SendReport(kServerWorker,
                   Report(job.job, Outcome::Failure(Code::kOffloadFailed)))
            .ok());
    EXPECT_NE(kernel_.answers().back().status, 0U);
    EXPECT_EQ(socket_ops_.calls().back(), "shutdown");
  });
}

// Fault 28.
TEST_F(BesideTroubleTest, AKeyThatIsRevokedMeanwhile) {
  ServesBeside([this] {
    Ask(NvmeHost({kKey}));
    const Job job = TakeJob(kPskWorker);
    keyrings_.Spoil(kKey, {Code::kKeyRejected, "revoked", EKEYREVOKED});
    BinderRequest binder;
    binder.job = job.job;
    binder.hash = ToWire(HashAlgorithm::kSha384);
    binder.transcript_hash = WireHash::Of(Bytes(48, 3));
    EXPECT_TRUE(workers_[kPskWorker]->Send(binder).ok());
    EXPECT_TRUE(switchboard_.ReadWorker(kPskWorker).ok());
    EXPECT_TRUE(SendReport(kPskWorker, Report(job.job, Outcome::Failure(
                                                           Code::kKeyRejected)))
                    .ok());
    EXPECT_EQ(kernel_.answers().back().status,
              static_cast<uint32_t>(EKEYREJECTED));
  });
}

}  // namespace
}  // namespace ktlsd::agent
