// Changes of what one end of a handshake sends to the other, for fuzzers: on
// records as they are on the wire, and on handshake messages before they are
// protected.
//
// Layer:     handshake/testing.
// Threads:   value types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "handshake/testing/local_peer.h"

namespace ktlsd::handshake {

enum class ChangeKind : uint8_t {
  kXor,        // the byte at `offset` with `value`
  kCut,        // what is behind `offset`; of a record: the whole stream's rest
  kDuplicate,  // the whole of it
  kDrop,       // the whole of it
  kSwap,       // with the next one
  kInsert,     // `value` at `offset`
};

// Five bytes of input; see pair_run.h.
struct Change {
  bool to_server;
  bool of_message;  // else of a record
  ChangeKind kind;
  std::size_t index;   // of the record or message, in its direction
  std::size_t offset;  // taken modulo its size
  uint8_t value;
};
std::vector<Change> ReadChanges(ByteView input);

// One direction of the wire. `changes` must outlive it, and it its hook.
class ChangedWire {
 public:
  ChangedWire(bool to_server, const std::vector<Change>& changes)
      : to_server_(to_server), changes_(changes) {}

  OnTheWire Hook() {
    return [this](std::size_t, Bytes& bytes) { return Pass(bytes); };
  }

  const Bytes& sent() const { return sent_; }
  // Whether the receiver may have been content with what came: it got all that
  // was sent, but for what is ignored, and perhaps more behind it.
  bool ReceiverMayBeDone() const;

 private:
  bool Pass(Bytes& bytes);

  const bool to_server_;
  const std::vector<Change>& changes_;
  std::size_t count_ = 0;  // of records sent
  Bytes sent_;
  Bytes arrived_;
};

// Whose message is it? The server's come first, up to its Finished, but for
// ClientHellos.
class Sender {
 public:
  // To be told each message in the order of sending, before its change.
  bool IsClient(ByteView message);

 private:
  bool server_finished_ = false;
};

// The messages of both directions, for a SendingHook. A change that makes a
// message longer or shorter also makes its header say so.
class ChangedMessages {
 public:
  explicit ChangedMessages(const std::vector<Change>& changes)
      : changes_(changes) {}

  void Pass(Bytes& message);
  // Whether what was sent is not what the sender meant.
  bool any_changed() const { return any_changed_; }

 private:
  struct Direction {
    std::size_t count = 0;
    Bytes meant;
    Bytes sent;
    Bytes held;  // behind the next message
  };
  void Apply(const Change& change, Bytes& message, Direction& direction);

  const std::vector<Change>& changes_;
  Sender sender_;
  Direction to_server_;
  Direction to_client_;
  bool any_changed_ = false;
};

}  // namespace ktlsd::handshake
