// The variant whose workers are taken over. Each makes the one attempt that
// KTLSD_HOSTILE_ATTEMPT names, as soon as it has a job of the attempt's side;
// one of the other side it holds. KTLSD_HOSTILE_IDENTITY is that of a PSK which
// the monitor knows. For a kernel test.
#include <linux/io_uring.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/ipc/chain.h"
#include "agent/ipc/identities.h"
#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/ipc/wire_types.h"
#include "agent/worker/event_loop.h"
#include "agent/worker/open_readiness.h"
#include "agent/worker/readiness.h"
#include "agent/worker/testing/forger.h"
#include "agent/worker/worker_main.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hkdf.h"

namespace ktlsd::agent {
namespace {

constexpr uint16_t kAes256Gcm = 0x1302;  // the suite that the monitor prefers
constexpr uint16_t kEcdsaP256 = 0x0403;  // what the test's key signs with
constexpr uint16_t kRsaPss256 = 0x0804;  // and what it does not
constexpr int kSolTls = 282;             // SOL_TLS of <linux/socket.h>

class HostileWorker {
 public:
  HostileWorker(Link monitor, std::unique_ptr<Readiness> readiness,
                std::string_view attempt, const Clock& clock, Forger& forger)
      : monitor_(std::move(monitor)),
        forger_(forger),
        loop_(std::move(readiness), clock,
              {[this](EventLoop::Token token) { OnReady(token); },
               [](EventLoop::Token) {}}) {
    const auto* found = std::ranges::find(kAttempts, attempt, &Attempt::name);
    attempt_ = found == kAttempts.end() ? nullptr : found;
  }

  Status Run() {
    if (attempt_ == nullptr) {
      return Error{Code::kConfigUnusable, "no such attempt"};
    }
    RETURN_IF_ERROR(loop_.Watch(monitor_.socket(), kMonitor));
    OnReady(kMonitor);
    return loop_.Run();
  }

 private:
  enum Token : EventLoop::Token { kMonitor, kKeeper, kVerifier };
  using Make = void (HostileWorker::*)();
  struct Attempt {
    std::string_view name;
    Make make;
    Side side = Side::kServer;
  };
  static const std::array<Attempt, 30> kAttempts;

  void OnReady(EventLoop::Token token) {
    switch (token) {
      case kMonitor:
        return ReadMonitor();
      case kKeeper:
        return ReadReplies<KeeperToWorker>(*keeper_);
      case kVerifier:
        return ReadReplies<VerifierToWorker>(*verifier_);
      default:
        break;
    }
  }

  void ReadMonitor() {
    for (;;) {
      auto received = monitor_.Receive<ToWorker>(Descriptors::kTake);
      if (!received.ok()) {
        return loop_.Stop();
      }
      if (!received->has_value()) {
        return;
      }
      Take(**received);
    }
  }

  void Take(Received<ToWorker>& received) {
    if (const auto* take = std::get_if<TakeLink>(&received.message)) {
      const bool keeper = take->to == LinkTo::kKeeper;
      std::optional<Link>& link = keeper ? keeper_ : verifier_;
      link.emplace(std::move(received.descriptors.front()));
      static_cast<void>(
          loop_.Watch(link->socket(), keeper ? kKeeper : kVerifier));
    } else if (const auto* job = std::get_if<Job>(&received.message)) {
      sockets_.push_back(std::move(received.descriptors.front()));
      job_ = job->job;
      credential_ = job->credentials[0];
      if (job->side == attempt_->side) {
        (this->*attempt_->make)();
      }
    } else if (std::holds_alternative<EndJob>(received.message) && on_end_) {
      on_end_();
    }
  }

  template <typename Set>
  void ReadReplies(Link& link) {
    for (;;) {
      auto received = link.Receive<Set>();
      if (!received.ok() || !received->has_value()) {
        return;
      }
      if (--replies_ == 0) {
        on_replies_();
      }
    }
  }

  // `act` follows so many replies of keeper and verifier.
  void After(int replies, std::function<void()> act) {
    replies_ = replies;
    on_replies_ = std::move(act);
  }

  void Report(JobId job, Outcome outcome, std::string_view what = "made up") {
    JobReport report;
    report.job = job;
    report.outcome = outcome;
    report.suite = kAes256Gcm;
    report.what = Text<kDetailSize>::Of(what);
    static_cast<void>(monitor_.Send(report));
  }
  void ReportSuccess() { Report(job_, Outcome::Success()); }

  void AskSignature(JobId job, uint16_t scheme = kEcdsaP256,
                    std::size_t hash_size = 48) {
    SignRequest request;
    request.job = job;
    request.credential = credential_;
    request.scheme = scheme;
    request.transcript_hash = WireHash::Of(Bytes(hash_size, 0x5a));
    static_cast<void>(keeper_->Send(request));
  }

  void AskVerdict() {
    Bytes payload;
    AppendChain({Bytes(64, 0x30)}, payload);
    ProofRequest request;
    request.job = job_;
    request.chain_size = static_cast<uint32_t>(payload.size());
    request.certificates = 1;
    request.scheme = kEcdsaP256;
    request.transcript_hash = WireHash::Of(Bytes(48, 0x5a));
    payload.push_back(0x5a);  // the signature
    static_cast<void>(verifier_->Send(request, payload));
  }

  static void SendTooMuch(const Link& link) {
    const Bytes huge(kMaxMessageBytes + 1, 0x5a);
    ::send(link.socket().raw(), huge.data(), huge.size(),
           MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  // --- Attempts, in the order of their table ---

  void SucceedAtOnce() { ReportSuccess(); }
  void SucceedWithoutKeys() {
    After(1, [this] { ReportSuccess(); });
    AskSignature(job_);
  }
  void SucceedWithOwnKeys() {
    After(1, [this] {
      InstallOwnKeys();
      ReportSuccess();
    });
    AskSignature(job_);
  }
  void SucceedWithRefusedPeer() {
    After(2, [this] { ReportSuccess(); });
    AskSignature(job_);
    AskVerdict();
  }
  void SignTwice() {
    AskSignature(job_);
    AskSignature(job_);
  }
  void SignWithOtherScheme() { AskSignature(job_, kRsaPss256); }
  void SignNoHash() { AskSignature(job_, kEcdsaP256, 20); }
  // The client's job came just before.
  void SignAnothersJob() { AskSignature(job_ - 1); }
  void ReportAnothersJob() { Report(job_ - 1, Outcome::Success()); }
  void JudgeTwice() {
    AskVerdict();
    AskVerdict();
  }
  // Its client sent nothing that shows a PSK.
  void VouchForPskClient() {
    const char* const known = std::getenv("KTLSD_HOSTILE_IDENTITY");
    const std::string_view identity = known == nullptr ? "" : known;
    ChoiceRequest choice;
    choice.job = job_;
    choice.identities = 1;
    choice.sha384 = 1;
    Bytes identities;
    AppendIdentity(Bytes(identity.begin(), identity.end()), identities);
    static_cast<void>(monitor_.Send(choice, identities));
    PskProofRequest proof;
    proof.job = job_;
    proof.hash = ToWire(HashAlgorithm::kSha384);
    proof.transcript_hash = WireHash::Of(Bytes(48, 0x5a));
    proof.binder = WireHash::Of(Bytes(48, 0x5a));
    static_cast<void>(monitor_.Send(proof));
    SendSecretRequest();
    InstallOwnKeys();
    ReportSuccess();
  }
  // Its server said nothing at all.
  void VouchForPskServer() {
    BinderRequest binder;
    binder.job = job_;
    binder.hash = ToWire(HashAlgorithm::kSha384);
    binder.transcript_hash = WireHash::Of(Bytes(48, 0x5a));
    static_cast<void>(monitor_.Send(binder));
    SendSecretRequest();
    InstallOwnKeys();
    ReportSuccess();
  }
  void SendSecretRequest() {
    SecretRequest request;
    request.job = job_;
    request.hash = ToWire(HashAlgorithm::kSha384);
    static_cast<void>(monitor_.Send(request, Bytes(32, 0x5a)));
  }
  // Its own job is by certificate, and so is the client's.
  void AskForPskSecret() {
    SecretRequest request;
    request.job = job_;
    request.hash = ToWire(HashAlgorithm::kSha256);
    static_cast<void>(monitor_.Send(request, Bytes(32, 0x5a)));
  }
  void AskForPskOfAnothersJob() {
    BinderRequest request;
    request.job = job_ - 1;
    request.hash = ToWire(HashAlgorithm::kSha256);
    request.transcript_hash = WireHash::Of(Bytes(32, 0x5a));
    static_cast<void>(monitor_.Send(request));
  }
  // The monitor ends it when it is late. From then on no answer has to be read.
  void AskWithoutEnd() {
    on_end_ = [this] {
      BinderRequest request;
      request.job = job_;
      request.hash = ToWire(HashAlgorithm::kSha256);
      request.transcript_hash = WireHash::Of(Bytes(32, 0x5a));
      for (;;) {
        const Status sent = monitor_.Send(request);
        if (!sent.ok() && sent.error().code != Code::kTooBusy) {
          return;
        }
      }
    };
  }
  void KeepDescriptor() { Report(job_, Outcome::Failure(Code::kInternal)); }
  void CopyDescriptor() { ::syscall(SYS_dup, sockets_.back().raw()); }
  void SendDescriptor() {
    EndJob message;
    message.job = job_;
    const BorrowedFd socket = sockets_.back().borrow();
    static_cast<void>(monitor_.Send(message, {}, std::span(&socket, 1)));
  }
  void SendTooMuchToMonitor() { SendTooMuch(monitor_); }
  void SendTooMuchToKeeper() { SendTooMuch(*keeper_); }
  void SendTooMuchToVerifier() { SendTooMuch(*verifier_); }
  void Open() { ::syscall(SYS_openat, -100, "/", 0); }
  void MakeSocket() { ::syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }
  void Connect() {
    sockaddr_in address{};
    ::syscall(SYS_connect, sockets_.back().raw(), &address, sizeof address);
  }
  void Trace() { ::syscall(SYS_ptrace, 16, 1, 0, 0); }
  void Execute() { ::syscall(SYS_execve, "/proc/self/exe", nullptr, nullptr); }
  void Kill() { ::syscall(SYS_kill, 1, SIGKILL); }
  void MakeRing() { ::syscall(SYS_io_uring_setup, 1, nullptr); }
  void OpenRing() { ::syscall(SYS_io_uring_register, 0, 0, nullptr, 0); }
  // The one thing that is left to do with the ring; the monitor is told how it
  // went.
  void SendByRing() {
    io_uring_sqe entry{};
    entry.opcode = IORING_OP_SENDMSG;
    entry.fd = monitor_.socket().raw();
    if (forger_.Submit(entry) == -EACCES) {
      Report(job_, Outcome::Failure(Code::kInternal), "the ring refused");
    }
  }

  void InstallOwnKeys() {
    const int socket = sockets_.back().raw();
    tls12_crypto_info_aes_gcm_256 keys{};
    keys.info = {TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_256};
    ::setsockopt(socket, IPPROTO_TCP, TCP_ULP, "tls", 3);
    for (const int direction : {TLS_RX, TLS_TX}) {
      ::setsockopt(socket, kSolTls, direction, &keys, sizeof keys);
    }
    sockets_.pop_back();
  }

  Link monitor_;
  Forger& forger_;
  std::optional<Link> keeper_;
  std::optional<Link> verifier_;
  EventLoop loop_;
  const Attempt* attempt_ = nullptr;
  JobId job_ = 0;
  CredentialId credential_ = 0;
  std::vector<OwnedFd> sockets_;
  int replies_ = 0;
  std::function<void()> on_replies_;
  std::function<void()> on_end_;
};

const std::array<HostileWorker::Attempt, 30> HostileWorker::kAttempts = {{
    {"success-at-once", &HostileWorker::SucceedAtOnce},
    {"success-without-keys", &HostileWorker::SucceedWithoutKeys},
    {"success-with-own-keys", &HostileWorker::SucceedWithOwnKeys},
    {"success-with-refused-peer", &HostileWorker::SucceedWithRefusedPeer},
    {"second-signature", &HostileWorker::SignTwice},
    {"other-scheme", &HostileWorker::SignWithOtherScheme},
    {"no-hash", &HostileWorker::SignNoHash},
    {"anothers-signature", &HostileWorker::SignAnothersJob},
    {"anothers-report", &HostileWorker::ReportAnothersJob},
    {"second-verdict", &HostileWorker::JudgeTwice},
    {"secret-of-no-psk", &HostileWorker::AskForPskSecret},
    {"anothers-psk", &HostileWorker::AskForPskOfAnothersJob},
    {"success-for-psk-client", &HostileWorker::VouchForPskClient},
    {"success-for-psk-server", &HostileWorker::VouchForPskServer,
     Side::kClient},
    {"questions-without-end", &HostileWorker::AskWithoutEnd},
    {"kept-descriptor", &HostileWorker::KeepDescriptor},
    {"copied-descriptor", &HostileWorker::CopyDescriptor},
    {"sent-descriptor", &HostileWorker::SendDescriptor},
    {"oversize-to-monitor", &HostileWorker::SendTooMuchToMonitor},
    {"oversize-to-keeper", &HostileWorker::SendTooMuchToKeeper},
    {"oversize-to-verifier", &HostileWorker::SendTooMuchToVerifier},
    {"open", &HostileWorker::Open},
    {"socket", &HostileWorker::MakeSocket},
    {"connect", &HostileWorker::Connect},
    {"ptrace", &HostileWorker::Trace},
    {"execve", &HostileWorker::Execute},
    {"kill", &HostileWorker::Kill},
    {"io_uring_setup", &HostileWorker::MakeRing},
    {"io_uring_register", &HostileWorker::OpenRing},
    {"sendmsg-by-ring", &HostileWorker::SendByRing},
}};

}  // namespace

int RunWorker(OwnedFd monitor_link, const LockDownCall& lock_down) {
  const char* const named = std::getenv("KTLSD_HOSTILE_ATTEMPT");
  const std::string attempt = named == nullptr ? "" : named;
  Link monitor(std::move(monitor_link));
  Forger forger;
  Result<OpenedReadiness> opened = OpenReadiness(LoopKind::kIoUring, forger);
  if (!opened.ok() ||
      !StartRole(monitor, lock_down, opened->readiness->kind())) {
    return EXIT_FAILURE;
  }
  const SystemClock clock;
  HostileWorker worker(std::move(monitor), std::move(opened->readiness),
                       attempt, clock, forger);
  return worker.Run().ok() ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace ktlsd::agent
