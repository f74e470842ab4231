#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "agent/worker/connection.h"
#include "agent/worker/testing/connection_world.h"
#include "base/alert.h"
#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/result.h"
#include "gtest/gtest.h"
#include "handshake/local_psks.h"
#include "handshake/testing/local_peer.h"

namespace ktlsd::agent {
namespace {

using std::chrono::milliseconds;

using PskConnectionTest = ConnectionTest;
class PskConnectionOfEachSide : public ConnectionOfEachSide {};

const Bytes kFirstPsk = {'N', 'V', 'M', 'e', '1', 'R', '0', '2', ' ', 'a'};
const Bytes kSecondPsk = {'N', 'V', 'M', 'e', '1', 'R', '0', '1', ' ', 'b'};

TEST_P(PskConnectionOfEachSide, EndsWithTheKeysOfAPsk) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  ASSERT_TRUE(psks_.Add(kSecondPsk, Bytes(32, 2)).ok());
  handshake::LocalPsks theirs;
  ASSERT_TRUE(theirs.Add(kSecondPsk, Bytes(32, 2)).ok());
  StartWithPsks(GetParam());
  handshake::LocalPeer peer = PeerWithPsks(Opposite(GetParam()), theirs);
  Exchange(peer, OurCredential());
  ASSERT_EQ(ReportedCode(), "success");
  EXPECT_TRUE(peer.done());
  EXPECT_EQ(connection_->report()->suite, 0x1301);  // of the PSK's hash
  EXPECT_EQ(connection_->report()->our_scheme, 0);
  // The place in the job's list; a server has but the one chosen for it.
  const bool client = GetParam() == Side::kClient;
  EXPECT_EQ(services_.secret_indices,
            std::vector<std::size_t>{client ? 1U : 0U});
  EXPECT_EQ(services_.binder_indices, client ? (std::vector<std::size_t>{0, 1})
                                             : std::vector<std::size_t>{});
  EXPECT_EQ(services_.psk_proofs, client ? 0 : 1);
}

TEST_P(PskConnectionOfEachSide, EndsWithAWrongPskInABadBinder) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  handshake::LocalPsks theirs;
  ASSERT_TRUE(theirs.Add(kFirstPsk, Bytes(48, 9)).ok());
  StartWithPsks(GetParam());
  handshake::LocalPeer peer = PeerWithPsks(Opposite(GetParam()), theirs);
  Exchange(peer, OurCredential());
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  const bool client = GetParam() == Side::kClient;
  EXPECT_EQ(ReportedCode(), client ? "alert_received" : "bad_psk_binder");
  EXPECT_EQ(client ? connection_->report()->alert_received
                   : connection_->report()->alert_sent,
            static_cast<uint8_t>(Alert::kDecryptError));
}

TEST_P(PskConnectionOfEachSide, EndsWhenNoPskIsKnown) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  handshake::LocalPsks theirs;
  ASSERT_TRUE(theirs.Add(kSecondPsk, Bytes(32, 2)).ok());
  StartWithPsks(GetParam());
  handshake::LocalPeer peer = PeerWithPsks(Opposite(GetParam()), theirs);
  Exchange(peer, OurCredential());
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), GetParam() == Side::kClient
                                ? "alert_received"
                                : "unknown_psk_identity");
}

TEST_P(PskConnectionOfEachSide, ReportsWhatTheMonitorRefused) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  psk_failure_ = Error{Code::kKeyRejected, "revoked"};
  StartWithPsks(GetParam());
  handshake::LocalPeer peer = PeerWithPsks(Opposite(GetParam()), psks_);
  Exchange(peer, OurCredential());
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "key_rejected");
}

INSTANTIATE_TEST_SUITE_P(Connection, PskConnectionOfEachSide,
                         testing::Values(Side::kClient, Side::kServer),
                         [](const auto& side) {
                           return std::string(SideName(side.param)) == "client"
                                      ? "Client"
                                      : "Server";
                         });

TEST_F(PskConnectionTest, ReadsWhatIsThereBehindTheFinishedOfAPsk) {
  ASSERT_TRUE(psks_.Add(kFirstPsk, Bytes(48, 1)).ok());
  StartWithPsks(Side::kClient);
  ASSERT_TRUE(AnswerAboutPsks());
  handshake::LocalPeer peer = PeerWithPsks(Side::kServer, psks_);
  while (PeerTurn(peer)) {
  }
  ASSERT_EQ(::send(theirs_.raw(), kStrayRecord.data(), kStrayRecord.size(), 0),
            static_cast<ssize_t>(kStrayRecord.size()));
  Exchange(peer, client_);
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "bad_record_mac");
  EXPECT_TRUE(ktls_.calls().empty());
}

// A server's certificate is no substitute.
TEST_F(PskConnectionTest, TakesNoHandshakeWithoutAPsk) {
  StartWithPsks(Side::kServer);
  handshake::LocalPeer peer = Peer(Side::kClient);
  Exchange(peer, server_);
  clock_.Advance(milliseconds(200));
  connection_->OnDeadline();
  EXPECT_EQ(ReportedCode(), "no_common_psk");
}

}  // namespace
}  // namespace ktlsd::agent
