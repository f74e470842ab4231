// The messages of a server's flight: the first byte chooses the parser, the
// rest is the body. What was parsed can be written and parsed again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "handshake/codec/messages.h"
#include "handshake/wire.h"

using namespace ktlsd;             // NOLINT(google-build-using-namespace)
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

namespace {

template <typename Message>
void RoundTrip(Result<Message> (*parse)(ByteView), ByteView body) {
  const auto message = parse(body);
  if (!message.ok()) {
    return;
  }
  const auto written = Serialize(*message);
  if (!written.ok() ||
      !parse(ByteView(*written).subspan(kHandshakeHeaderSize)).ok()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const ByteView body = ByteView(data, size).subspan(1);
  switch (static_cast<HandshakeType>(data[0])) {
    case HandshakeType::kServerHello:
      RoundTrip(ParseServerHello, body);
      break;
    case HandshakeType::kEncryptedExtensions:
      RoundTrip(ParseEncryptedExtensions, body);
      break;
    case HandshakeType::kCertificateRequest:
      RoundTrip(ParseCertificateRequest, body);
      break;
    case HandshakeType::kCertificate:
      RoundTrip(ParseCertificate, body);
      break;
    case HandshakeType::kCertificateVerify:
      RoundTrip(ParseCertificateVerify, body);
      break;
    default:
      break;
  }
  return 0;
}
