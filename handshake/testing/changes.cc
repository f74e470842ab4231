#include "handshake/testing/changes.h"

#include <algorithm>
#include <utility>

#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kKinds = 6;
constexpr std::size_t kChangeSize = 5;
constexpr std::size_t kMostChanges = 8;
constexpr uint8_t kOfMessage = 0x80;

using Records = std::vector<Bytes>;

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

void Append(Bytes& to, ByteView more) {
  to.insert(to.end(), more.begin(), more.end());
}

Bytes Join(const Records& records) {
  Bytes stream;
  for (const Bytes& record : records) {
    Append(stream, record);
  }
  return stream;
}

void Insert(Bytes& bytes, std::size_t offset, uint8_t value) {
  bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(offset), value);
}

// Applies `change` to the record at `at`. False when the stream ends there.
bool Apply(const Change& change, Records& records, std::size_t at) {
  Bytes& record = records[at];
  const std::size_t offset = change.offset % (record.size() + 1);
  const auto place = records.begin() + static_cast<std::ptrdiff_t>(at);
  switch (change.kind) {
    case ChangeKind::kXor:
      record[offset % record.size()] ^= change.value;
      return true;
    case ChangeKind::kCut:
      record.resize(offset);
      records.resize(at + 1);
      return false;
    case ChangeKind::kDuplicate:
      records.insert(place, Bytes(record));
      return true;
    case ChangeKind::kDrop:
      record.clear();
      return true;
    case ChangeKind::kSwap:
      std::swap(record, records[(at + 1) % records.size()]);
      return true;
    case ChangeKind::kInsert:
      Insert(record, offset, change.value);
      return true;
  }
  return true;
}

// Without change_cipher_spec records, and with the second byte of the version
// of plaintext records as it should be (RFC 8446 section 5.1).
Bytes WhatMatters(ByteView stream) {
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
      Append(result, record);
    }
    stream = stream.subspan(size);
  }
  Append(result, stream);
  return result;
}

// Makes the header of a message, whose body was changed, say its length.
void FixLength(Bytes& message) {
  const std::size_t size = message.size() - kHandshakeHeaderSize;
  message[1] = static_cast<uint8_t>(size >> 16);
  message[2] = static_cast<uint8_t>(size >> 8);
  message[3] = static_cast<uint8_t>(size);
}

}  // namespace

std::vector<Change> ReadChanges(ByteView input) {
  std::vector<Change> changes;
  while (input.size() >= kChangeSize && changes.size() < kMostChanges) {
    const auto kind =
        static_cast<uint8_t>((input[0] & ~kOfMessage & 0xff) >> 1);
    changes.push_back({(input[0] & 1) != 0, (input[0] & kOfMessage) != 0,
                       static_cast<ChangeKind>(kind % kKinds), input[1],
                       input[2] * 256U + input[3], input[4]});
    input = input.subspan(kChangeSize);
  }
  return changes;
}

bool ChangedWire::Pass(Bytes& bytes) {
  Append(sent_, bytes);
  Records records = Split(bytes);
  const std::size_t first = std::exchange(count_, count_ + records.size());
  bool goes_on = true;
  for (const Change& change : changes_) {
    if (goes_on && !change.of_message && change.to_server == to_server_ &&
        change.index >= first && change.index - first < records.size() &&
        !records[change.index - first].empty()) {
      goes_on = Apply(change, records, change.index - first);
    }
  }
  bytes = Join(records);
  Append(arrived_, bytes);
  return goes_on;
}

bool ChangedWire::ReceiverMayBeDone() const {
  const Bytes sent = WhatMatters(sent_);
  const Bytes arrived = WhatMatters(arrived_);
  return arrived.size() >= sent.size() &&
         std::equal(sent.begin(), sent.end(), arrived.begin());
}

bool Sender::IsClient(ByteView message) {
  const auto type = static_cast<HandshakeType>(message[0]);
  const bool is_client =
      type == HandshakeType::kClientHello || server_finished_;
  server_finished_ |= type == HandshakeType::kFinished;
  return is_client;
}

void ChangedMessages::Pass(Bytes& message) {
  Direction& direction = sender_.IsClient(message) ? to_server_ : to_client_;
  Append(direction.meant, message);
  const std::size_t index = direction.count++;
  Bytes held = std::exchange(direction.held, {});
  for (const Change& change : changes_) {
    if (change.of_message && change.index == index && !message.empty() &&
        change.to_server == (&direction == &to_server_)) {
      Apply(change, message, direction);
    }
  }
  Append(message, held);
  Append(direction.sent, message);
  any_changed_ |= direction.meant != direction.sent;
}

void ChangedMessages::Apply(const Change& change, Bytes& message,
                            Direction& direction) {
  const std::size_t offset = change.offset % message.size();
  switch (change.kind) {
    case ChangeKind::kXor:
      message[offset] ^= change.value;
      return;
    case ChangeKind::kCut:
      message.resize(std::max(offset, kHandshakeHeaderSize));
      return FixLength(message);
    case ChangeKind::kDuplicate:
      return Append(message, Bytes(message));
    case ChangeKind::kDrop:
      return message.clear();
    case ChangeKind::kSwap:
      direction.held = std::exchange(message, {});
      return;
    case ChangeKind::kInsert:
      Insert(message, std::max(offset, kHandshakeHeaderSize), change.value);
      return FixLength(message);
  }
}

}  // namespace ktlsd::handshake
