#include "agent/verifier/verifier_main.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <span>
#include <utility>

#include "agent/ipc/chain.h"
#include "agent/sandbox/process_role.h"
#include "agent/service/testing/child.h"
#include "agent/service/testing/test_file.h"
#include "base/bytes.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

// A proof whose chain is good and whose signature is not.
std::pair<ProofRequest, Bytes> BadProof(const handshake::TestPki& pki) {
  ProofRequest request;
  Bytes payload;
  AppendChain(pki.ChainOf(pki.server), payload);
  request.job = 7;
  request.chain_size = static_cast<uint32_t>(payload.size());
  request.certificates = 2;
  request.scheme = 0x0403;
  request.transcript_hash = WireHash::Of(Bytes(32, 1));
  payload.push_back(0);
  return {request, payload};
}

TEST(VerifierProcess, ServesAJobAndEndsWithTheMonitor) {
  const handshake::TestPki pki = handshake::MakeTestPki();
  ChildRole verifier(ProcessRole::kVerifier, RunVerifier);
  LoadTrust load;
  load.id = 3;
  const OwnedFd anchors = TestFile(pki.root.pem());
  const BorrowedFd file = anchors.borrow();
  ASSERT_TRUE(verifier.monitor().Send(load, {}, std::span(&file, 1)).ok());
  const auto loaded =
      Await<TrustLoaded, FromVerifier>(verifier.monitor()).first;
  ASSERT_TRUE(loaded.outcome.ok()) << loaded.text.view();

  Link worker = verifier.AddWorkerLink(11);
  VerdictTerms terms;
  terms.job = 7;
  terms.trust = 3;
  terms.worker = 11;
  terms.peer = Side::kServer;
  terms.server_name = decltype(terms.server_name)::Of("server.example");
  ASSERT_TRUE(verifier.monitor().Send(terms).ok());
  const auto [request, payload] = BadProof(pki);
  ASSERT_TRUE(worker.Send(request, payload).ok());

  const auto reply = Await<ProofReply, VerifierToWorker>(worker).first;
  EXPECT_EQ(reply.outcome.code(), Code::kBadCertificateVerify);
  const auto verdict = Await<Verdict, FromVerifier>(verifier.monitor()).first;
  EXPECT_EQ(verdict.outcome.code(), Code::kBadCertificateVerify);
  EXPECT_EQ(verdict.subject.view(), "CN=Test Server");
  EXPECT_EQ(verifier.Close(), EXIT_SUCCESS);
}

}  // namespace
}  // namespace ktlsd::agent
