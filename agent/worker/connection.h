// One job in a worker: a handshake on the socket that the kernel handed over,
// up to the keys in the kernel.
//
// Scope:     moves bytes between the socket and the Engine, keeps the
//            deadlines, asks keeper and verifier through JobServices, and ends
//            with a JobReport. The order of the hand-over is rules of the
//            kernel, written down in docs/design/exact-reads.md.
// Layer:     agent/worker.
// Threads:   belongs to one event loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "agent/ipc/messages.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "handshake/config.h"
#include "handshake/engine.h"
#include "handshake/peer_proof.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {

// What a connection asks of the other processes. Each call sends one request;
// the answer comes back through the connection's On...() methods. An error
// means that it could not be sent; kTooBusy that it may be tried again when
// the link has room (Connection::Resume).
class JobServices {
 public:
  virtual ~JobServices() = default;
  virtual Status RequestSignature(
      JobId job, const handshake::SignatureRequest& request) = 0;
  virtual Status RequestVerdict(JobId job,
                                const handshake::PeerProof& proof) = 0;
  // The socket is about to be used by the kernel: nothing of ours may watch
  // it any longer.
  virtual void StopWatching(BorrowedFd socket) = 0;
};

class Connection {
 public:
  // `certificate` is ours, when the job names a credential. `services`,
  // `ktls_ops` and `clock` must outlive the connection.
  Connection(const Job& job, OwnedFd socket,
             std::optional<handshake::LocalCertificate> certificate,
             JobServices& services, ktls::SocketOps& ktls_ops,
             const Clock& clock);

  JobId job() const { return job_.job; }
  BorrowedFd socket() const { return socket_.borrow(); }

  // Goes on until it has to wait. Call after any event.
  void Resume();

  void OnSignature(Result<Bytes> signature);
  void OnVerdict(Status verdict);
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
  enum class Asked : uint8_t { kNothing, kSignature, kVerdict };

  handshake::Engine MakeEngine(
      std::optional<handshake::LocalCertificate> certificate);
  Step Advance();
  Step UnexpectedPsk();
  Step Write();
  Step Read(std::size_t bytes);
  Step Configure();
  Step AskSignature(const handshake::SignatureRequest& request);
  Step AskVerdict(const handshake::PeerProof& proof);
  Step HandOver();
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
  std::optional<handshake::LocalCertificate> certificate_;  // a server's
  handshake::Engine engine_;
  Asked asked_ = Asked::kNothing;

  const MonotonicTime started_;
  std::optional<MonotonicTime> last_byte_;
  std::optional<handshake::Failed> failed_;  // set: draining
  MonotonicTime drain_until_{};
  std::size_t drained_bytes_ = 0;
  std::optional<JobReport> report_;
};

}  // namespace ktlsd::agent
