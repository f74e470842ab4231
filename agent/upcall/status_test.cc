#include "agent/upcall/status.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace ktlsd::agent {
namespace {

using enum Disposition;

constexpr Disposition kAll[] = {kRefuse,     kPeerGone,    kTransient,
                                kKeyMissing, kKeyRejected, kUnsupported};
constexpr Consumer kConsumers[] = {Consumer::kNfsClient, Consumer::kNfsd,
                                   Consumer::kNvmeHost, Consumer::kNvmeTarget,
                                   Consumer::kUnknown};

TEST(StatusFor, IsNeverSuccess) {
  for (const Consumer consumer : kConsumers) {
    for (const Disposition disposition : kAll) {
      EXPECT_GT(StatusFor(consumer, disposition).os_error, 0U);
    }
  }
}

TEST(StatusFor, GivesSunrpcOnlyWhatItKeeps) {
  for (const Disposition disposition : kAll) {
    const uint32_t status =
        StatusFor(Consumer::kNfsClient, disposition).os_error;
    EXPECT_TRUE(status == EACCES || status == ETIMEDOUT) << status;
  }
}

TEST(StatusFor, MakesAnNfsClientWaitBeforeItTriesAgain) {
  for (const Disposition disposition : kAll) {
    const FailureStatus status = StatusFor(Consumer::kNfsClient, disposition);
    EXPECT_EQ(status.os_error == ETIMEDOUT,
              status.not_before == std::chrono::seconds(1));
  }
}

TEST(StatusFor, EndsReconnectingOnlyForALocalKey) {
  for (const Disposition disposition : kAll) {
    const uint32_t status =
        StatusFor(Consumer::kNvmeHost, disposition).os_error;
    EXPECT_EQ(status == ENOKEY, disposition == kKeyMissing);
    EXPECT_EQ(status == EKEYREJECTED, disposition == kKeyRejected);
  }
}

TEST(StatusFor, RefusesAPeerWithAccessDenied) {
  for (const Consumer consumer : kConsumers) {
    EXPECT_EQ(StatusFor(consumer, kRefuse).os_error,
              static_cast<uint32_t>(EACCES));
    EXPECT_EQ(StatusFor(consumer, kPeerGone).os_error,
              static_cast<uint32_t>(ETIMEDOUT));
  }
}

// An unauthenticated alert must not stop an NVMe host for good.
TEST(StatusFor, TakesAnAlertForARefusal) {
  EXPECT_EQ(Describe(Code::kAlertReceived).disposition, kRefuse);
}

}  // namespace
}  // namespace ktlsd::agent
