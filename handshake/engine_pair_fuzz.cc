// Our client against our server, with the stream between them changed. The
// first byte's bit 0 makes the server ask for another group; then come changes
// of five bytes each: direction and kind, record number, offset (2), value.
//
// Both ends come to an end. When both are done they have the same keys, and no
// byte that matters was changed in either direction.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/session_keys.h"
#include "handshake/testing/fuzz_world.h"
#include "handshake/testing/local_peer.h"
#include "handshake/wire.h"

using namespace ktlsd;             // NOLINT(google-build-using-namespace)
using namespace ktlsd::handshake;  // NOLINT(google-build-using-namespace)

namespace {

enum class Kind : uint8_t { kXor, kCut, kDuplicate, kDrop, kSwap, kInsert };
constexpr std::size_t kKinds = 6;
constexpr std::size_t kChangeSize = 5;
constexpr std::size_t kMostChanges = 8;

struct Change {
  bool to_server;
  Kind kind;
  std::size_t record;  // of its direction
  std::size_t offset;  // in the record
  uint8_t value;
};

using Records = std::vector<Bytes>;

std::vector<Change> ReadChanges(ByteView input) {
  std::vector<Change> changes;
  while (input.size() >= kChangeSize && changes.size() < kMostChanges) {
    changes.push_back({(input[0] & 1) != 0,
                       static_cast<Kind>((input[0] >> 1) % kKinds), input[1],
                       input[2] * 256U + input[3], input[4]});
    input = input.subspan(kChangeSize);
  }
  return changes;
}

// The whole size of the record that `stream` begins with.
std::size_t RecordSize(ByteView stream) {
  const std::size_t high = stream[3];
  return kRecordHeaderSize + (high << 8) + stream[4];
}

Records Split(ByteView stream) {
  Records records;
  while (!stream.empty()) {
    const ByteView record = stream.first(RecordSize(stream));
    records.emplace_back(record.begin(), record.end());
    stream = stream.subspan(record.size());
  }
  return records;
}

Bytes Join(const Records& records) {
  Bytes stream;
  for (const Bytes& record : records) {
    stream.insert(stream.end(), record.begin(), record.end());
  }
  return stream;
}

// Applies `change` to the record at `at`. False when the stream ends there.
bool Apply(const Change& change, Records& records, std::size_t at) {
  Bytes& record = records[at];
  const std::size_t offset = change.offset % (record.size() + 1);
  const auto place = records.begin() + static_cast<std::ptrdiff_t>(at);
  switch (change.kind) {
    case Kind::kXor:
      record[offset % record.size()] ^= change.value;
      return true;
    case Kind::kCut:
      record.resize(offset);
      records.resize(at + 1);
      return false;
    case Kind::kDuplicate:
      records.insert(place, Bytes(record));
      return true;
    case Kind::kDrop:
      record.clear();
      return true;
    case Kind::kSwap:
      std::swap(record, records[(at + 1) % records.size()]);
      return true;
    case Kind::kInsert:
      record.insert(record.begin() + static_cast<std::ptrdiff_t>(offset),
                    change.value);
      return true;
  }
  return true;
}

// One direction of the connection, as it was sent and as it arrives.
class Direction {
 public:
  Direction(bool to_server, const std::vector<Change>& changes)
      : to_server_(to_server), changes_(changes) {}

  OnTheWire Hook() {
    return [this](std::size_t, Bytes& bytes) { return Pass(bytes); };
  }

  // Whether the receiver may have been content with what came: it got all that
  // was sent, but for what is ignored, and perhaps more behind it.
  bool MayBeDone() const {
    const Bytes sent = WhatMatters(sent_);
    const Bytes arrived = WhatMatters(arrived_);
    return arrived.size() >= sent.size() &&
           std::equal(sent.begin(), sent.end(), arrived.begin());
  }

 private:
  bool Pass(Bytes& bytes) {
    sent_.insert(sent_.end(), bytes.begin(), bytes.end());
    Records records = Split(bytes);
    const std::size_t first = std::exchange(count_, count_ + records.size());
    bool goes_on = true;
    for (const Change& change : changes_) {
      if (goes_on && change.to_server == to_server_ && change.record >= first &&
          change.record - first < records.size() &&
          !records[change.record - first].empty()) {
        goes_on = Apply(change, records, change.record - first);
      }
    }
    bytes = Join(records);
    arrived_.insert(arrived_.end(), bytes.begin(), bytes.end());
    return goes_on;
  }

  // Without change_cipher_spec records, and with the second byte of the
  // version of plaintext records as it should be (RFC 8446 section 5.1).
  static Bytes WhatMatters(ByteView stream) {
    static const Bytes kDropped = {20, 3, 3, 0, 1, 1};
    Bytes result;
    while (stream.size() >= kRecordHeaderSize) {
      const std::size_t size = std::min(RecordSize(stream), stream.size());
      Bytes record(stream.begin(),
                   stream.begin() + static_cast<std::ptrdiff_t>(size));
      if (record[0] != static_cast<uint8_t>(ContentType::kApplicationData)) {
        record[2] = kVersionTls12 & 0xff;
      }
      if (record != kDropped) {
        result.insert(result.end(), record.begin(), record.end());
      }
      stream = stream.subspan(size);
    }
    result.insert(result.end(), stream.begin(), stream.end());
    return result;
  }

  const bool to_server_;
  const std::vector<Change>& changes_;
  std::size_t count_ = 0;  // of records sent
  Bytes sent_;
  Bytes arrived_;
};

void RequireSameKeys(LocalPeer& client, LocalPeer& server) {
  const auto ours = std::move(client.engine()).TakeSession();
  const auto theirs = std::move(server.engine()).TakeSession();
  Require(ours.ok() && theirs.ok());
  const SessionKeys& a = ours->session.keys;
  const SessionKeys& b = theirs->session.keys;
  Require(a.suite == b.suite && !a.send.traffic_secret.empty());
  Require(a.send.traffic_secret.Equals(b.receive.traffic_secret));
  Require(a.receive.traffic_secret.Equals(b.send.traffic_secret));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ByteView input(data, size);
  LocalPeerSetup server_setup = FuzzWorld().Server();
  if (!input.empty() && (input[0] & 1) != 0) {
    server_setup.server.groups = {NamedGroup::kSecp256r1};
  }
  LocalPeer client = LocalPeer::Client(FuzzWorld().Client());
  LocalPeer server = LocalPeer::Server(server_setup);

  const std::vector<Change> changes =
      ReadChanges(input.subspan(std::min<std::size_t>(input.size(), 1)));
  Direction to_server(/*to_server=*/true, changes);
  Direction to_client(/*to_server=*/false, changes);
  Wire wire;
  wire.to_server = to_server.Hook();
  wire.to_client = to_client.Hook();
  Connect(client, server, wire);

  Require(client.done() || client.failure() != nullptr);
  Require(server.done() || server.failure() != nullptr);
  const bool both_done = client.done() && server.done();
  if (both_done) {
    Require(to_server.MayBeDone() && to_client.MayBeDone());
    RequireSameKeys(client, server);
  }
  Require(both_done || !changes.empty());
  return 0;
}
