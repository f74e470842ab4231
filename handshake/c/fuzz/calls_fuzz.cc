// Any sequence of calls of ktlsd.h, by one thread, with any arguments that a
// caller may pass. A byte chooses the call, those behind it its arguments; the
// randomness is the same each time.
//
// Nothing crashes or leaks; every code is one that the header names, and none
// says that the library is at fault; outputs are written on success only; a
// failure is for good; and two engines that are done with each other agree.
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "handshake/c/fuzz/calls.h"
#include "handshake/testing/seeded_random.h"

using namespace ktlsd;             // NOLINT(google-build-using-namespace)
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

namespace {

constexpr int kMostCalls = 256;
constexpr uint64_t kSeed = 20180810;  // when RFC 8446 appeared

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const SeededRandom random(kSeed);
  // Made by the first input, each input then draws from the start.
  static const bool made = (Usual(), true);
  (void)made;
  const SeededRandom from_the_start(kSeed);
  Calls calls(ByteView(data, size));
  const auto of_engines = EngineCalls();
  const auto of_configs = ConfigCalls();
  for (int i = 0; i < kMostCalls && !calls.arguments.empty(); ++i) {
    const std::size_t choice =
        calls.arguments.Byte() % (of_engines.size() + of_configs.size());
    if (choice < of_engines.size()) {
      of_engines[choice](calls);
    } else {
      of_configs[choice - of_engines.size()](calls);
    }
    calls.RequireAgreement();
  }
  return 0;
}
