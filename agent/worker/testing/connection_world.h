// A connection of a worker, the services that it asks, and the other end of
// its socket.
//
// Scope:     for the tests of connection.h.
// Layer:     agent/worker, tests only.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "agent/worker/connection.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error_codes.h"
#include "base/hkdf.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "gtest/gtest.h"
#include "handshake/config.h"
#include "handshake/credential.h"
#include "handshake/local_psks.h"
#include "handshake/peer_proof.h"
#include "handshake/peer_verifier.h"
#include "handshake/psk_wait.h"
#include "handshake/server_name.h"
#include "handshake/states.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"
#include "ktls/loopback.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::agent {

class ConnectionClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now_; }
  CalendarTime Today() const override { return handshake::kTestNow; }
  void Advance(std::chrono::milliseconds time) { now_ += time; }

 private:
  MonotonicTime now_{std::chrono::hours(1)};
};

// Answers as keeper and verifier would, at once or never.
class ConnectionServices final : public JobServices {
 public:
  Status RequestSignature(JobId, CredentialId credential,
                          const handshake::SignatureRequest& request) override {
    signature_requests.push_back(request);
    signers.push_back(credential);
    return answer;
  }
  Status RequestVerdict(JobId, const handshake::PeerProof& proof) override {
    verdict_requests.push_back(proof);
    return answer;
  }
  // What these refer to lives until it is answered.
  Status RequestPskChoice(JobId, const handshake::OfferedPsks& psks,
                          std::span<const HashAlgorithm> wanted) override {
    offered = &psks;
    hashes.assign(wanted.begin(), wanted.end());
    return answer;
  }
  Status RequestPskBinder(JobId, std::size_t index,
                          const handshake::PskBinderRequest& request) override {
    binder_request = &request;
    binder_indices.push_back(index);
    return answer;
  }
  Status RequestPskVerdict(JobId, const handshake::PskProof& proof) override {
    psk_proof = &proof;
    ++psk_proofs;
    return answer;
  }
  Status RequestPskSecret(JobId, std::size_t index,
                          const handshake::PskSecretRequest& request) override {
    secret_request = &request;
    secret_indices.push_back(index);
    return answer;
  }
  Status AwaitRoom(JobId, BorrowedFd) override {
    ++rooms_awaited;
    return answer;
  }
  Status StopWatching(BorrowedFd) override {
    stopped_watching = true;
    return stop_answer;
  }

  Status answer = Ok{};
  Status stop_answer = Ok{};
  std::vector<handshake::SignatureRequest> signature_requests;
  std::vector<CredentialId> signers;
  std::vector<handshake::PeerProof> verdict_requests;
  const handshake::OfferedPsks* offered = nullptr;
  std::vector<HashAlgorithm> hashes;
  const handshake::PskBinderRequest* binder_request = nullptr;
  std::vector<std::size_t> binder_indices;
  const handshake::PskProof* psk_proof = nullptr;
  int psk_proofs = 0;
  const handshake::PskSecretRequest* secret_request = nullptr;
  std::vector<std::size_t> secret_indices;
  bool stopped_watching = false;
  int rooms_awaited = 0;
};

inline bool NoDelay(int fd) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
  return value != 0;
}

inline constexpr JobId kJob = 7;

// Protected by nobody's keys.
inline constexpr std::array<uint8_t, 27> kStrayRecord = {23, 3, 3, 0, 22};

// One connection under test, and the other end of its socket.
class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest()
      : pki_(handshake::MakeTestPki()),
        server_(CredentialOf(pki_.server)),
        client_(CredentialOf(pki_.client)),
        trust_(handshake::TrustStore::FromPem(
                   handshake::BytesOf(pki_.root.pem()), {})
                   .value()) {
    auto pair = ktls::ConnectLoopback();
    EXPECT_TRUE(pair.ok());
    ours_ = std::move(pair->server);
    theirs_ = std::move(pair->client);
    observer_ = OwnedFd(::fcntl(ours_.raw(), F_DUPFD_CLOEXEC, 0));
  }

  handshake::Credential CredentialOf(
      const handshake::TestCertificate& end) const {
    return handshake::Credential::FromPem(
               handshake::BytesOf(pki_.ChainPemOf(end)),
               handshake::BytesOf(end.key_pem()))
        .value();
  }

  static Job JobOf(Side side) {
    Job job;
    job.job = kJob;
    job.side = side;
    job.credentials = {1};
    job.suites = {0x1302, 0x1301};
    job.first_byte_ms = 1000;
    job.progress_ms = 500;
    job.total_ms = 4000;
    job.tcp_nodelay = 0;
    job.flags = side == Side::kServer ? kVerifyPeer | kRequestClientCertificate
                                      : kVerifyPeer;
    if (side == Side::kClient) {
      job.server_name = Text<kNameSize>::Of("server.example");
    }
    return job;
  }

  void Start(Side side) {
    connection_ = std::make_unique<Connection>(
        JobOf(side), std::move(ours_),
        OurSide{{(side == Side::kServer ? server_ : client_).certificate()},
                {}},
        services_, ktls_, clock_);
    connection_->Resume();
  }

  // What the connection of a client says first. Once.
  std::string HelloOf(const Job& job) {
    Connection connection(job, std::move(ours_), OurSide(), services_, ktls_,
                          clock_);
    connection.Resume();
    std::string hello(4096, 0);
    const ssize_t size =
        ::recv(theirs_.raw(), hello.data(), hello.size(), MSG_DONTWAIT);
    EXPECT_GT(size, 0);
    hello.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return hello;
  }

  // The other end, as the opposite role.
  handshake::LocalPeer Peer(Side side) const {
    handshake::LocalPeerSetup setup;
    setup.trust = &trust_;
    setup.policy.now = handshake::kTestNow;
    if (side == Side::kServer) {
      setup.credentials = {&server_};
      setup.policy.peer = handshake::Role::kClient;
      setup.server.client_auth = client_auth_;
      return handshake::LocalPeer::Server(setup);
    }
    setup.credentials = {&client_};
    setup.policy.peer = handshake::Role::kServer;
    setup.policy.names = {*handshake::ServerName::Parse("server.example")};
    setup.client.server_name = "server.example";
    return handshake::LocalPeer::Client(setup);
  }

  // Lets both ends work until neither gets on.
  void Exchange(handshake::LocalPeer& peer, const handshake::Credential& ours) {
    for (int quiet = 0; quiet < 3;) {
      const bool moved = PeerTurn(peer) || AnswerRequests(ours);
      connection_->Resume();
      quiet = moved ? 0 : quiet + 1;
    }
  }

  bool PeerTurn(handshake::LocalPeer& peer) {
    peer.Settle();
    const ByteView output = peer.engine().output();
    if (!output.empty()) {
      const ssize_t sent = ::send(theirs_.raw(), output.data(), output.size(),
                                  MSG_NOSIGNAL | MSG_DONTWAIT);
      peer.engine().Written(sent < 0 ? output.size()
                                     : static_cast<std::size_t>(sent));
      return true;
    }
    if (!peer.wants()) {
      return false;
    }
    Bytes buffer(*peer.wants());
    const ssize_t count =
        ::recv(theirs_.raw(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count <= 0) {
      return false;
    }
    peer.engine().Feed(ByteView(buffer).first(static_cast<std::size_t>(count)));
    return true;
  }

  bool AnswerRequests(const handshake::Credential& ours) {
    if (!services_.signature_requests.empty()) {
      const auto request = services_.signature_requests.back();
      services_.signature_requests.clear();
      connection_->OnSignature(
          ours.Sign(request.scheme, request.signer, request.transcript_hash));
      return true;
    }
    if (!services_.verdict_requests.empty()) {
      services_.verdict_requests.clear();
      connection_->OnVerdict(verdict_);
      return true;
    }
    return AnswerAboutPsks();
  }

  // As the monitor would, with psks_.
  bool AnswerAboutPsks() {
    if (services_.offered != nullptr) {
      const auto* offered = std::exchange(services_.offered, nullptr);
      connection_->OnPskChoice(psks_.Choose(*offered, services_.hashes));
      return true;
    }
    if (services_.binder_request != nullptr) {
      const auto* request = std::exchange(services_.binder_request, nullptr);
      connection_->OnPskBinder(psks_.Binder(*request));
      return true;
    }
    if (services_.psk_proof != nullptr) {
      const auto* proof = std::exchange(services_.psk_proof, nullptr);
      const auto verdict = psks_.Judge(*proof);
      connection_->OnPskVerdict(verdict.ok() ? Status(Ok{})
                                             : Status(verdict.error()));
      return true;
    }
    if (services_.secret_request != nullptr) {
      const auto* request = std::exchange(services_.secret_request, nullptr);
      connection_->OnPskSecret(psk_failure_ ? Result<HashSecret>(*psk_failure_)
                                            : psks_.HandshakeSecret(*request));
      return true;
    }
    return false;
  }

  // Ours, of a job with PSKs; a client offers those of psks_.
  void StartWithPsks(Side side) {
    Job job = JobOf(side);
    job.credentials = {};
    job.flags = kUsePsk;
    job.server_name = {};
    OurSide ours;
    if (side == Side::kClient) {
      ours.psks = psks_.names();
    }
    connection_ = std::make_unique<Connection>(
        job, std::move(ours_), std::move(ours), services_, ktls_, clock_);
    connection_->Resume();
  }

  static handshake::LocalPeer PeerWithPsks(Side side,
                                           const handshake::LocalPsks& psks) {
    handshake::LocalPeerSetup setup;
    setup.psks = &psks;
    setup.server.psk = handshake::PskPolicy::kRequire;
    return side == Side::kServer ? handshake::LocalPeer::Server(setup)
                                 : handshake::LocalPeer::Client(setup);
  }

  std::string_view ReportedCode() const {
    if (!connection_->report()) {
      return "none";
    }
    return connection_->report()->outcome.ok()
               ? "success"
               : Describe(connection_->report()->outcome.code()).label;
  }

  handshake::TestPki pki_;
  handshake::Credential server_;
  handshake::Credential client_;
  handshake::TrustStore trust_;
  OwnedFd ours_;
  OwnedFd theirs_;
  OwnedFd observer_;  // as the monitor has one
  ConnectionClock clock_;
  ConnectionServices services_;
  ktls::FakeSocketOps ktls_;
  Status verdict_ = Ok{};
  handshake::ClientAuth client_auth_ = handshake::ClientAuth::kRequest;
  handshake::LocalPsks psks_;
  std::optional<Error> psk_failure_;
  std::unique_ptr<Connection> connection_;
};

class ConnectionOfEachSide : public ConnectionTest,
                             public testing::WithParamInterface<Side> {
 protected:
  const handshake::Credential& OurCredential() const {
    return GetParam() == Side::kServer ? server_ : client_;
  }
};

}  // namespace ktlsd::agent
