// The hook of the linker sees every message of both ends, and only while it is
// asked for.

#include "handshake/testing/sending_hook.h"

#include <vector>

#include "base/bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "handshake/testing/world.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {
namespace {

using testing::ElementsAre;

class SendingHookOf : public testing::Test {
 protected:
  const World world_;
  const Setups setups_ = world_.Both({});
  std::vector<HandshakeType> seen_;

  void See(const Bytes& message) {
    seen_.push_back(static_cast<HandshakeType>(message.at(0)));
  }
  bool BothAreDone() const {
    const Pair pair = Handshake(setups_.client, setups_.server);
    return pair.client.done() && pair.server.done();
  }
};

TEST_F(SendingHookOf, EnginesSeesEveryMessage) {
  const SendingHook hook([this](Bytes& message) { See(message); });
  EXPECT_TRUE(BothAreDone());
  EXPECT_THAT(
      seen_, ElementsAre(
                 HandshakeType::kClientHello, HandshakeType::kServerHello,
                 HandshakeType::kEncryptedExtensions,
                 HandshakeType::kCertificateRequest,
                 HandshakeType::kCertificate, HandshakeType::kCertificateVerify,
                 HandshakeType::kFinished, HandshakeType::kCertificate,
                 HandshakeType::kCertificateVerify, HandshakeType::kFinished));
}

TEST_F(SendingHookOf, EnginesChangesWhatThePeerGets) {
  const SendingHook hook([this](Bytes& message) {
    See(message);
    message.back() ^= static_cast<uint8_t>(seen_.size() == 3);
  });
  EXPECT_FALSE(BothAreDone());
}

TEST_F(SendingHookOf, EnginesIsGoneWithItsObject) {
  {
    const SendingHook hook([this](Bytes& message) { See(message); });
  }
  EXPECT_TRUE(BothAreDone());
  EXPECT_TRUE(seen_.empty());
}

}  // namespace
}  // namespace ktlsd::handshake
