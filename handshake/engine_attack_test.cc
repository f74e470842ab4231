// The streams between two engines, attacked byte by byte: both ends are over,
// with an error that has a name, and never both believe in success.

#include <algorithm>
#include <vector>

#include "base/bytes.h"
#include "gtest/gtest.h"
#include "handshake/engine.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"
#include "handshake/testing/world.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

// A run of one direction's whole stream, unchanged.
Bytes StreamOf(const World& world, bool to_server) {
  Bytes stream;
  Wire wire;
  (to_server ? wire.to_server : wire.to_client) = [&](std::size_t,
                                                      Bytes& bytes) {
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    return true;
  };
  Handshake(world.Client(), world.Server(), wire);
  return stream;
}

// RFC 8446 section 5.1: "legacy_record_version ... MUST be ignored for all
// purposes" of an unprotected record. We want its first byte to be 3 all the
// same, so only the second one is free: offset 2 of each plaintext record.
std::vector<std::size_t> IgnoredBytes(const Bytes& stream) {
  std::vector<std::size_t> ignored;
  for (std::size_t at = 0; at + kRecordHeaderSize <= stream.size();) {
    if (static_cast<ContentType>(stream[at]) != ContentType::kApplicationData) {
      ignored.push_back(at + 2);
    }
    at +=
        kRecordHeaderSize + stream[at + 3] * std::size_t{256} + stream[at + 4];
  }
  return ignored;
}

class StreamAttack : public testing::TestWithParam<bool> {
 protected:
  // Ed25519 signatures have one length, so offsets are those of every run.
  const World world_{KeyKind::kEd25519};
  const bool to_server_ = GetParam();
  const Bytes stream_ = StreamOf(world_, to_server_);

  Pair RunWith(const OnTheWire& hook) const {
    Wire wire;
    (to_server_ ? wire.to_server : wire.to_client) = hook;
    return Handshake(world_.Client(), world_.Server(), wire);
  }
  // Both ends are over, and not both believe in success.
  static void ExpectNamedFailure(const Pair& pair, std::size_t offset) {
    EXPECT_FALSE(pair.client.done() && pair.server.done()) << offset;
    for (const LocalPeer* peer : {&pair.client, &pair.server}) {
      EXPECT_TRUE(peer->done() || peer->failure() != nullptr) << offset;
    }
  }
};

TEST_P(StreamAttack, EveryFlippedByteEndsInANamedError) {
  const std::vector<std::size_t> ignored = IgnoredBytes(stream_);
  for (std::size_t target = 0; target < stream_.size(); ++target) {
    for (const uint8_t mask : {uint8_t{0x01}, uint8_t{0x80}}) {
      const Pair pair = RunWith([&](std::size_t offset, Bytes& bytes) {
        if (target >= offset && target - offset < bytes.size()) {
          bytes[target - offset] =
              static_cast<uint8_t>(bytes[target - offset] ^ mask);
        }
        return true;
      });
      if (std::ranges::find(ignored, target) != ignored.end()) {
        EXPECT_TRUE(pair.client.done() && pair.server.done()) << target;
      } else {
        ExpectNamedFailure(pair, target);
      }
    }
  }
}

TEST_P(StreamAttack, EveryCutEndsInANamedError) {
  for (std::size_t size = 0; size < stream_.size(); ++size) {
    const Pair pair = RunWith([&](std::size_t offset, Bytes& bytes) {
      if (offset + bytes.size() <= size) {
        return true;
      }
      bytes.resize(size > offset ? size - offset : 0);
      return false;
    });
    ExpectNamedFailure(pair, size);
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, StreamAttack, testing::Bool(),
                         [](const auto& direction) {
                           return direction.param ? "ToServer" : "ToClient";
                         });

}  // namespace
}  // namespace ktlsd::handshake
