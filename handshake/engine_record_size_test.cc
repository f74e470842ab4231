// The size of records, negotiated (RFC 8449).

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "gtest/gtest.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/engine.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/world.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kTag = 16;  // bytes of an AEAD tag; RFC 8446 section 5.2

// The lengths of the protected records in a stream.
class RecordLengths {
 public:
  void Add(ByteView bytes) {
    stream_.insert(stream_.end(), bytes.begin(), bytes.end());
  }
  // The longest, without its tag: content and the byte of its type.
  std::size_t longest() const {
    std::size_t longest = 0;
    ByteView rest = stream_;
    while (rest.size() > kRecordHeaderSize) {
      const std::size_t length = std::size_t{rest[3]} << 8 | rest[4];
      if (rest[0] == static_cast<uint8_t>(ContentType::kApplicationData)) {
        longest = std::max(longest, length - kTag);
      }
      rest = rest.subspan(std::min(rest.size(), kRecordHeaderSize + length));
    }
    return longest;
  }

 private:
  Bytes stream_;
};

// A handshake between two ends of ours, one of which says that it takes records
// of `limit` only: its message is changed on the wire before the other sees it,
// so that the handshake fails afterwards, but the other has sent its flight.
struct Limited {
  explicit Limited(uint16_t most) : limit(most) {
    client = world.Client();
    client.client.record_size_limit = true;
    server = world.Server();
    server.server.record_size_limit = true;
  }

  // What the server sends when a client's hello has the limit.
  std::size_t LongestOfServer() {
    RecordLengths lengths;
    Wire wire;
    wire.to_server = [this](std::size_t offset, Bytes& bytes) {
      if (offset == 0) {
        Rewrite(bytes);
      }
      return true;
    };
    wire.to_client = [&](std::size_t, Bytes& bytes) {
      lengths.Add(bytes);
      return true;
    };
    Pair pair = Handshake(client, server, wire);
    return lengths.longest();
  }

  void Rewrite(Bytes& record) const {
    constexpr std::size_t kStart = kRecordHeaderSize + kHandshakeHeaderSize;
    ClientHello hello =
        ParseClientHello(ByteView(record).subspan(kStart)).value();
    hello.record_size_limit = limit;
    const Bytes message = Serialize(hello).value();
    record.resize(kRecordHeaderSize);
    record[3] = static_cast<uint8_t>(message.size() >> 8);
    record[4] = static_cast<uint8_t>(message.size());
    record.insert(record.end(), message.begin(), message.end());
  }

  World world;
  LocalPeerSetup client;
  LocalPeerSetup server;
  uint16_t limit;
};

TEST(RecordSize, TheServersProtectedFlightKeepsToTheClientsLimit) {
  for (const uint16_t limit : {uint16_t{64}, uint16_t{100}, uint16_t{512}}) {
    EXPECT_EQ(Limited(limit).LongestOfServer(), limit);
  }
}

TEST(RecordSize, WithoutNegotiationNothingIsLimited) {
  Limited limited(64);
  limited.server.server.record_size_limit = false;
  EXPECT_GT(limited.LongestOfServer(), 512U);
}

TEST(RecordSize, ALargerLimitThanTheProtocolsIsNone) {
  Limited limited(0xffff);
  EXPECT_GT(limited.LongestOfServer(), 512U);
}

// Two ends of ours take full records.
TEST(RecordSize, OursIsTheProtocolsOwnLimit) {
  Limited limited(0);
  Pair pair = Handshake(limited.client, limited.server);
  ASSERT_TRUE(pair.client.done());
  ASSERT_TRUE(pair.server.done());
  for (LocalPeer* peer : {&pair.client, &pair.server}) {
    const auto session = std::move(peer->engine()).TakeSession();
    EXPECT_FALSE(session->session.keys.send_limit);
  }
}

}  // namespace
}  // namespace ktlsd::handshake
