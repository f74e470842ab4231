#include "agent/keeper/keeper_main.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "agent/sandbox/process_role.h"
#include "agent/service/testing/child.h"
#include "agent/service/testing/test_file.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

TEST(KeeperProcess, ServesAJobAndEndsWithTheMonitor) {
  const handshake::TestPki pki = handshake::MakeTestPki();
  ChildRole keeper(ProcessRole::kKeeper, RunKeeper);
  LoadCredential load;
  load.id = 3;
  const OwnedFd certificate = TestFile(pki.ChainPemOf(pki.server));
  const OwnedFd key = TestFile(pki.server.key_pem());
  ASSERT_TRUE(
      keeper.monitor()
          .Send(load, {}, std::array{certificate.borrow(), key.borrow()})
          .ok());
  const auto loaded =
      Await<CredentialLoaded, FromKeeper>(keeper.monitor()).first;
  ASSERT_TRUE(loaded.outcome.ok()) << loaded.text.view();

  Link worker = keeper.AddWorkerLink(11);
  SigningTerms terms;
  terms.job = 7;
  terms.credential = 3;
  terms.worker = 11;
  terms.signer = Side::kServer;
  ASSERT_TRUE(keeper.monitor().Send(terms).ok());
  SignRequest request;
  request.job = 7;
  request.scheme = 0x0403;
  request.transcript_hash = WireHash::Of(Bytes(32, 1));
  ASSERT_TRUE(worker.Send(request).ok());

  const auto [reply, signature] = Await<SignReply, KeeperToWorker>(worker);
  EXPECT_TRUE(reply.outcome.ok());
  EXPECT_FALSE(signature.empty());
  EXPECT_EQ((Await<Signed, FromKeeper>(keeper.monitor()).first.job), 7U);

  ASSERT_TRUE(worker.Send(request).ok());
  EXPECT_EQ((Await<Misbehaved, FromKeeper>(keeper.monitor()).first.worker),
            11U);
  EXPECT_EQ(keeper.Close(), EXIT_SUCCESS);
}

}  // namespace
}  // namespace ktlsd::agent
