// The streams between two engines, attacked byte by byte, with certificates and
// with PSKs, with and without a HelloRetryRequest: both ends are over, with an
// error that has a name, and never both believe in success.

#include <algorithm>
#include <string>
#include <tuple>
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
Bytes StreamOf(const Setups& setups, bool to_server) {
  Bytes stream;
  Wire wire;
  (to_server ? wire.to_server : wire.to_client) = [&](std::size_t,
                                                      Bytes& bytes) {
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    return true;
  };
  const Pair pair = Handshake(setups.client, setups.server, wire);
  EXPECT_TRUE(pair.client.done() && pair.server.done());
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

class StreamAttack
    : public testing::TestWithParam<std::tuple<bool, bool, bool>> {
 protected:
  // Ed25519 signatures have one length, so offsets are those of every run.
  const World world_{KeyKind::kEd25519};
  const bool to_server_ = std::get<0>(GetParam());
  const bool retry_ = std::get<2>(GetParam());
  const Setups setups_ =
      world_.Both({.psk = std::get<1>(GetParam()), .retry = retry_});
  const Bytes stream_ = StreamOf(setups_, to_server_);

  Pair RunWith(const OnTheWire& hook) const {
    Wire wire;
    (to_server_ ? wire.to_server : wire.to_client) = hook;
    return Handshake(setups_.client, setups_.server, wire);
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
  // Behind a HelloRetryRequest one bit of each byte: time is short.
  const std::vector<uint8_t> masks =
      retry_ ? std::vector<uint8_t>{0x01} : std::vector<uint8_t>{0x01, 0x80};
  for (std::size_t target = 0; target < stream_.size(); ++target) {
    for (const uint8_t mask : masks) {
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

std::string NameOf(
    const testing::TestParamInfo<std::tuple<bool, bool, bool>>& choice) {
  const auto [to_server, psk, retry] = choice.param;
  return std::string(to_server ? "ToServer" : "ToClient") +
         (psk ? "Psk" : "Certificates") + (retry ? "Retry" : "");
}

INSTANTIATE_TEST_SUITE_P(Engine, StreamAttack,
                         testing::Combine(testing::Bool(), testing::Bool(),
                                          testing::Bool()),
                         NameOf);

}  // namespace
}  // namespace ktlsd::handshake
