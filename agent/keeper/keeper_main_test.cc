#include "agent/keeper/keeper_main.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <span>
#include <string>

#include "agent/keeper/testing/tokens.h"
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
  terms.credentials = {3};
  terms.worker = 11;
  terms.signer = Side::kServer;
  ASSERT_TRUE(keeper.monitor().Send(terms).ok());
  SignRequest request;
  request.job = 7;
  request.credential = 3;
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

// Opens `urls` in a keeper that is filtered then, and has it sign with the
// first. "ok", or why not.
std::string SignInChild(const handshake::TestPki& pki, const std::string& url) {
  ChildRole keeper(ProcessRole::kTokenKeeper, RunTokenKeeper);
  OpenTokens open;
  open.count = 1;
  if (!keeper.monitor().Send(open, handshake::BytesOf(url)).ok()) {
    return "the keeper is gone";
  }
  LoadCredential load;
  load.id = 3;
  const OwnedFd certificate = TestFile(pki.ChainPemOf(pki.server));
  const BorrowedFd file = certificate.borrow();
  EXPECT_TRUE(keeper.monitor()
                  .Send(load, handshake::BytesOf(url), std::span(&file, 1))
                  .ok());
  const auto loaded =
      Await<CredentialLoaded, FromKeeper>(keeper.monitor()).first;
  if (!loaded.outcome.ok()) {
    return std::string(loaded.text.view());
  }
  Link worker = keeper.AddWorkerLink(11);
  for (const JobId job : {7U, 8U}) {
    SigningTerms terms;
    terms.job = job;
    terms.credentials = {3};
    terms.worker = 11;
    terms.signer = Side::kServer;
    SignRequest request;
    request.job = job;
    request.credential = 3;
    request.scheme = 0x0403;
    request.transcript_hash = WireHash::Of(Bytes(32, 1));
    EXPECT_TRUE(keeper.monitor().Send(terms).ok());
    EXPECT_TRUE(worker.Send(request).ok());
    const auto [reply, signature] = Await<SignReply, KeeperToWorker>(worker);
    EXPECT_TRUE(reply.outcome.ok());
    EXPECT_FALSE(signature.empty());
  }
  EXPECT_EQ(keeper.Close(), EXIT_SUCCESS);
  return "ok";
}

TEST(TokenKeeperProcess, SignsWithASoftToken) {
  if (const std::string missing = SoftToken::Missing(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const handshake::TestPki pki = handshake::MakeTestPki();
  SoftToken token;
  token.Import(pki.server.key_pem(), "key", "01");
  const std::string url =
      "pkcs11:token=ktlsd;object=key?module-path=" + SoftToken::Module() +
      "&pin-source=" + token.scratch().Write("pin", "1234");

  EXPECT_EQ(SignInChild(pki, url), "ok");
}

TEST(TokenKeeperProcess, SignsWithATpm) {
  if (const std::string missing = TpmEmulator::Missing(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const handshake::TestPki pki = handshake::MakeTestPki();
  TpmEmulator tpm;
  tpm.Import(pki.server.key_pem(), "0x81000001");

  EXPECT_EQ(SignInChild(pki, "handle:0x81000001"), "ok");
}

TEST(TokenKeeperProcess, SaysWhyAKeyIsNotThere) {
  EXPECT_EQ(SignInChild(handshake::MakeTestPki(),
                        "pkcs11:object=a?module-path=/no/such.so"),
            "the PKCS#11 module (module-path) cannot be read");
}

TEST(TokenKeeperProcess, OpensNoTokenInAPlainKeeper) {
  ChildRole keeper(ProcessRole::kKeeper, RunKeeper);
  LoadCredential load;
  load.id = 3;
  const OwnedFd certificate = TestFile("");
  const BorrowedFd file = certificate.borrow();
  ASSERT_TRUE(keeper.monitor()
                  .Send(load, handshake::BytesOf("pkcs11:object=a"),
                        std::span(&file, 1))
                  .ok());
  EXPECT_FALSE((Await<CredentialLoaded, FromKeeper>(keeper.monitor())
                    .first.outcome.ok()));
}

}  // namespace
}  // namespace ktlsd::agent
