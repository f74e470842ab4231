// One job in a worker: a handshake on the socket that the kernel handed over,
// up to the keys in the kernel.
//
// Scope:     moves bytes between the socket and the Engine, keeps the
//            deadlines, asks keeper, verifier and monitor through JobServices,
//            and ends with a JobReport. The order of the hand-over is rules of
//            the kernel, written down in docs/design/exact-reads.md.
// Layer:     agent/worker.
// Threads:   belongs to one event loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "agent/ipc/messages.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hkdf.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/engine.h"
#include "handshake/peer_proof.h"
#include "handshake/psk_wait.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

// What a connection asks of the other processes. Each call sends one request;
// the answer comes back through the connection's On...() methods. An error
// means that it could not be sent; kTooBusy that it may be tried again when
// the link has room (Connection::Resume).
class JobServices {
 public:
  virtual ~JobServices() = default;
  // By `credential`, one of the job's.
  virtual Status RequestSignature(
      JobId job, CredentialId credential,
      const handshake::SignatureRequest& request) = 0;
  virtual Status RequestVerdict(JobId job,
                                const handshake::PeerProof& proof) = 0;
  // `index`: the place of the PSK in its job.
  virtual Status RequestPskChoice(JobId job,
                                  const handshake::OfferedPsks& offered,
                                  std::span<const HashAlgorithm> hashes) = 0;
  virtual Status RequestPskBinder(
      JobId job, std::size_t index,
      const handshake::PskBinderRequest& request) = 0;
  virtual Status RequestPskVerdict(JobId job,
                                   const handshake::PskProof& proof) = 0;
  virtual Status RequestPskSecret(
      JobId job, std::size_t index,
      const handshake::PskSecretRequest& request) = 0;
  // The socket takes no more now: Resume is to be called once it does, too.
  virtual Status AwaitRoom(JobId job, BorrowedFd socket) = 0;
  // The socket is about to be used by the kernel: nothing of ours may watch
  // it any longer. After an error something may.
  virtual Status StopWatching(BorrowedFd socket) = 0;
};

// Who we are in a handshake: the certificates of the credentials that the job
// names, in their order, or a client's PSKs.
struct OurSide {
  handshake::LocalCertificates certificates;
  std::vector<handshake::PskName> psks;
};

class Connection {
 public:
  // `services`, `ktls_ops` and `clock` must outlive the connection.
  Connection(const Job& job, OwnedFd socket, OurSide ours,
             JobServices& services, ktls::SocketOps& ktls_ops,
             const Clock& clock);

  JobId job() const { return job_.job; }
  BorrowedFd socket() const { return socket_.borrow(); }

  // Goes on until it has to wait. Call after any event.
  void Resume();

  void OnSignature(Result<Bytes> signature);
  void OnVerdict(Status verdict);
  void OnPskChoice(Result<std::optional<handshake::PskChoice>> choice);
  void OnPskBinder(Result<HashSecret> binder);
  void OnPskVerdict(Status verdict);
  void OnPskSecret(Result<HashSecret> secret);
  void OnDeadline();
  // The keeper or the verifier is gone, and with it what was asked of it.
  void OnServiceLost(const Error& error);

  // The next moment at which OnDeadline wants to be called.
  MonotonicTime deadline() const;

  // Set once the job is over; the socket is closed by then.
  const std::optional<JobReport>& report() const { return report_; }

 private:
  enum class Step : uint8_t { kAgain, kWait };
  // What was asked of another process and has not been answered.
  enum class Asked : uint8_t { kNothing, kSignature, kVerdict, kPsk };

  static std::vector<CipherSuite> Suites(const Job& job);
  static std::vector<handshake::NamedGroup> Groups(const Job& job);
  handshake::Engine MakeEngine(OurSide ours);
  handshake::ServerConfig PskServerConfig() const;
  Step Advance();
  Step Ask(const handshake::NeedPskChoice& need);
  Step Ask(const handshake::NeedPskBinder& need);
  Step Ask(handshake::NeedPskVerdict need);
  Step Ask(const handshake::NeedPskSecret& need);
  std::size_t PlaceOf(ByteView identity) const;
  template <typename Give>
  void OnPsk(Give give);
  Step Write();
  Step AwaitRoom();
  Step Read(std::size_t bytes);
  Step Configure();
  Step AskSignature(const handshake::SignatureRequest& request);
  Step AskVerdict(const handshake::PeerProof& proof);
  bool TicketIsThere() const;
  Step HandOver();
  Status Install();
  Status StopWatching();
  Step StartDraining(const handshake::Failed& failed);
  Step Drain();
  Step OnSent(Status sent, Asked what);
  void Finish(const std::optional<handshake::Failed>& failed,
              std::chrono::microseconds ktls);
  Error Missed(MonotonicTime now) const;
  void RestoreOptions();

  const Job job_;
  OwnedFd socket_;
  JobServices& services_;
  ktls::SocketOps& ktls_ops_;
  const Clock& clock_;
  handshake::LocalCertificates certificates_;  // a server's
  std::vector<handshake::PskName> psks_;       // a client's
  handshake::Engine engine_;
  Asked asked_ = Asked::kNothing;
  bool watched_ = true;
  bool awaits_room_ = false;

  const MonotonicTime started_;
  std::optional<MonotonicTime> last_byte_;
  std::optional<handshake::Failed> failed_;  // set: draining
  MonotonicTime drain_until_{};
  std::size_t drained_bytes_ = 0;
  std::optional<JobReport> report_;
};

}  // namespace ktlsd::agent
