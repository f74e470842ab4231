// The fuzz target of both engines: an input does the same whenever it is run,
// and the changes that it can ask for are all noticed.

#include "handshake/testing/pair_run.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <tuple>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/testing/changes.h"

namespace ktlsd::handshake {
namespace {

constexpr unsigned kAllBits = 256;

Bytes WireOf(const PairRun& run) {
  Bytes wire = run.to_server;
  wire.insert(wire.end(), run.to_client.begin(), run.to_client.end());
  return wire;
}

bool BothDone(const PairRun& run) { return run.client_done && run.server_done; }

// What a run puts on the wire in a process of its own, which makes its own
// world.
Bytes WireInAnotherProcess(uint8_t bits) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) {
    return {};
  }
  const pid_t child = fork();
  if (child == 0) {
    const Bytes wire = WireOf(RunPair(Bytes{bits}));
    const bool all = write(ends[1], wire.data(), wire.size()) ==
                     static_cast<ssize_t>(wire.size());
    _exit(all ? 0 : 1);
  }
  close(ends[1]);
  Bytes wire;
  std::array<uint8_t, 4096> part{};
  for (ssize_t size = 0;
       (size = read(ends[0], part.data(), part.size())) > 0;) {
    wire.insert(wire.end(), part.begin(), part.begin() + size);
  }
  close(ends[0]);
  int status = -1;
  waitpid(child, &status, 0);
  return status == 0 ? wire : Bytes();
}

// First of all tests: this process has no world yet that a child could inherit.
TEST(PairRun, SendsTheSameBytesInEveryProcess) {
  for (const uint8_t bits : {uint8_t{0}, uint8_t{3}}) {
    const Bytes wire = WireInAnotherProcess(bits);
    EXPECT_GT(wire.size(), 500U);
    EXPECT_EQ(wire, WireInAnotherProcess(bits));
  }
  // The first run of a process is as the later ones.
  const Bytes wire = WireInAnotherProcess(0);
  EXPECT_EQ(wire, WireOf(RunPair(Bytes{0})));
  EXPECT_EQ(wire, WireOf(RunPair(Bytes{0})));
}

TEST(PairRun, SendsTheSameBytesEachTimeAndSucceedsUnchanged) {
  for (unsigned bits = 0; bits < kAllBits; ++bits) {
    const Bytes input = {static_cast<uint8_t>(bits)};
    const PairRun run = RunPair(input);
    EXPECT_TRUE(BothDone(run)) << bits;
    EXPECT_EQ(WireOf(run), WireOf(RunPair(input))) << bits;
  }
}

TEST(PairRun, VariantsDiffer) {
  const Bytes plain = WireOf(RunPair(Bytes{0}));
  for (unsigned bit = 0; bit < 8; ++bit) {
    EXPECT_NE(plain, WireOf(RunPair(Bytes{static_cast<uint8_t>(1U << bit)})))
        << bit;
  }
}

// RunPair() stops the process when a changed message goes unnoticed; here it is
// seen to change them, too.
class MessageChange
    : public testing::TestWithParam<std::tuple<uint8_t, ChangeKind>> {};

TEST_P(MessageChange, IsNoticed) {
  const auto [bits, kind] = GetParam();
  constexpr uint8_t kOfMessage = 0x80;
  constexpr uint8_t kMessages = 2;  // of the client, at least
  constexpr std::array<uint8_t, 3> kOffsets = {0, 5, 40};
  for (uint8_t to_server = 0; to_server < 2; ++to_server) {
    for (uint8_t index = 0; index < kMessages; ++index) {
      for (const uint8_t offset : kOffsets) {
        const auto what = static_cast<uint8_t>(
            kOfMessage | static_cast<uint8_t>(kind) << 1 | to_server);
        const PairRun run =
            RunPair(Bytes{bits, what, index, 0, offset, /*value=*/0x55});
        EXPECT_FALSE(BothDone(run))
            << int{to_server} << ' ' << int{index} << ' ' << int{offset};
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    PairRun, MessageChange,
    testing::Combine(testing::Values(0, 1, 2, 3),
                     testing::Values(ChangeKind::kXor, ChangeKind::kCut,
                                     ChangeKind::kDuplicate, ChangeKind::kDrop,
                                     ChangeKind::kSwap, ChangeKind::kInsert)));

}  // namespace
}  // namespace ktlsd::handshake
