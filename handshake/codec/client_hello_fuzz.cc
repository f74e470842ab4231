// Any body of a ClientHello: parsed or refused; what was parsed can be written
// and parsed again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "handshake/codec/messages.h"
#include "handshake/wire.h"

using namespace ktlsd;             // NOLINT(google-build-using-namespace)
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto hello = ParseClientHello(ByteView(data, size));
  if (!hello.ok() || !hello->offers_tls13) {
    return 0;
  }
  const auto written = Serialize(*hello);
  if (!written.ok()) {
    return 0;  // supported_versions was added to a full block
  }
  const auto again =
      ParseClientHello(ByteView(*written).subspan(kHandshakeHeaderSize));
  if (!again.ok() || again->random != hello->random ||
      again->server_name != hello->server_name) {
    std::abort();
  }
  return 0;
}
