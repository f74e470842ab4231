// Application data over the keys of a finished handshake, in the place of the
// kernel: just enough to prove that both sides have the same keys.
//
// Layer:     handshake/interop: tests only.
// Threads:   thread-compatible.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/codec/record_reader.h"
#include "handshake/interop/loopback_stream.h"
#include "handshake/record_protection.h"

namespace ktlsd::handshake {

class ApplicationData {
 public:
  // `stream` must outlive it. Both directions must be at record 0.
  static Result<ApplicationData> Start(const SessionKeys& keys,
                                       LoopbackStream& stream);

  Status Send(std::string_view text);
  // Reads until `text` has come; session tickets are skipped.
  Status AwaitText(std::string_view text);
  // Sends close_notify.
  Status Close();

 private:
  ApplicationData(RecordSealer sealer, RecordOpener opener,
                  LoopbackStream& stream)
      : sealer_(std::move(sealer)),
        opener_(std::move(opener)),
        stream_(&stream) {}

  Status Seal(ContentType type, ByteView content);
  Result<OpenedRecord> ReadRecord();

  RecordSealer sealer_;
  RecordOpener opener_;
  LoopbackStream* stream_;
  RecordReader reader_;
  std::string received_;
};

}  // namespace ktlsd::handshake
