// A stream of any bytes through the record reader and the assembler, in pieces
// of the size that the first byte says.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "handshake/codec/handshake_assembler.h"
#include "handshake/codec/record_reader.h"

using namespace ktlsd;             // NOLINT(google-build-using-namespace)
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

namespace {

// False when the stream is refused.
bool Take(HandshakeAssembler& assembler, const RawRecord& record) {
  if (record.body.empty() || record.body.size() > kMaxCiphertext) {
    std::abort();
  }
  if (!assembler.Add(record.body).ok()) {
    return false;
  }
  while (true) {
    const auto message = assembler.Next();
    if (!message.ok()) {
      return false;
    }
    if (!message->has_value()) {
      return true;
    }
    if ((*message)->whole.size() !=
        (*message)->body.size() + kHandshakeHeaderSize) {
      std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::size_t piece = std::size_t{data[0]} + 1;
  ByteView rest = ByteView(data, size).subspan(1);
  RecordReader reader;
  HandshakeAssembler assembler;
  while (!rest.empty()) {
    if (reader.bytes_wanted() == 0) {
      std::abort();
    }
    const std::size_t count =
        std::min({piece, rest.size(), reader.bytes_wanted()});
    const auto record = reader.Add(rest.first(count));
    if (!record.ok() || (record->has_value() && !Take(assembler, **record))) {
      return 0;
    }
    rest = rest.subspan(count);
  }
  return 0;
}
