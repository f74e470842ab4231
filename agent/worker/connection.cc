#include "agent/worker/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error_codes.h"
#include "base/overload.h"
#include "handshake/server_name.h"
#include "handshake/verdict_source.h"
#include "ktls/installer.h"

namespace ktlsd::agent {
namespace {

using handshake::Failed;

// After a fatal alert the peer's bytes are read for a moment, until it hangs
// up: closing a socket with unread bytes sends RST, which destroys the alert on
// its way. Our FIN comes after that. A client has finished before its
// certificate is refused; an alert and a FIN that reach it together while its
// kernel takes the socket over go unnoticed there, and with the RPC that it
// sends next read and dropped here it would wait for ever. A FIN that comes
// later wakes it.
constexpr std::chrono::milliseconds kDrainTime{100};
constexpr std::size_t kDrainBytes = 1U << 16;

void SetNoDelay(BorrowedFd socket, int value) {
  // Best effort: only latency depends on it.
  ::setsockopt(socket.raw(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

Error SocketError(int error) {
  switch (error) {
    case ECONNRESET:
    case EPIPE:
      return {Code::kPeerReset, "the peer reset the connection", error};
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return {Code::kPeerClosed, "the connection was lost", error};
    case ENOMEM:
    case ENOBUFS:
      return {Code::kNoMemory, "no memory for the socket", error};
    default:
      return {Code::kSocketFailed, "the socket failed", error};
  }
}

// SNI for a DNS name; nothing for an address (RFC 6066 section 3).
std::string ServerNameIndication(std::string_view name) {
  const auto parsed = handshake::ServerName::Parse(name);
  return parsed.ok() ? parsed->dns() : std::string();
}

std::vector<Bytes> Protocols(const Job& job) {
  if ((job.flags & kOfferSunrpc) == 0) {
    return {};
  }
  constexpr std::string_view kSunrpc = "sunrpc";  // RFC 9289 section 8.2
  return {Bytes(kSunrpc.begin(), kSunrpc.end())};
}

uint32_t Microseconds(MonotonicTime::duration duration) {
  return static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

}  // namespace

Connection::Connection(const Job& job, OwnedFd socket, OurSide ours,
                       JobServices& services, ktls::SocketOps& ktls_ops,
                       const Clock& clock)
    : job_(job),
      socket_(std::move(socket)),
      services_(services),
      ktls_ops_(ktls_ops),
      clock_(clock),
      engine_(MakeEngine(std::move(ours))),
      started_(clock.Now()) {
  if (job_.tcp_nodelay == 0) {
    SetNoDelay(socket_.borrow(), 1);
  }
}

std::vector<CipherSuite> Connection::Suites(const Job& job) {
  std::vector<CipherSuite> suites;
  for (const uint16_t suite : job.suites) {
    if (suite != 0) {
      suites.push_back(static_cast<CipherSuite>(suite));
    }
  }
  return suites;
}

std::vector<handshake::NamedGroup> Connection::Groups(const Job& job) {
  std::vector<handshake::NamedGroup> groups;
  for (const uint16_t group : job.groups) {
    if (group != 0) {
      groups.push_back(static_cast<handshake::NamedGroup>(group));
    }
  }
  return groups.empty() ? handshake::DefaultGroups() : groups;
}

handshake::Engine Connection::MakeEngine(OurSide ours) {
  if (job_.side == Side::kServer) {
    certificates_ = std::move(ours.certificates);
    return handshake::Engine::Server();
  }
  handshake::ClientConfig config;
  config.server_name = ServerNameIndication(job_.server_name.view());
  config.suites = Suites(job_);
  config.groups = Groups(job_);
  config.share_groups = handshake::DefaultShares(config.groups);
  config.alpn_protocols = Protocols(job_);
  config.require_alpn = (job_.flags & kRequireSunrpc) != 0;
  config.record_size_limit = (job_.flags & kRecordSizeLimit) != 0;
  config.certificates = std::move(ours.certificates);
  config.must_show_certificate = !config.certificates.empty();
  psks_ = ours.psks;
  config.psks = std::move(ours.psks);
  return handshake::Engine::Client(std::move(config));
}

void Connection::Resume() {
  while (!report_ && asked_ == Asked::kNothing && Advance() == Step::kAgain) {
  }
}

Connection::Step Connection::Advance() {
  if (failed_ && engine_.output().empty()) {
    return Drain();
  }
  return std::visit(
      Overload{
          [this](handshake::HaveOutput) { return Write(); },
          [this](handshake::NeedInput need) { return Read(need.bytes); },
          [this](handshake::NeedServerConfig) { return Configure(); },
          [this](const handshake::NeedSignature& need) {
            return AskSignature(need.request);
          },
          [this](handshake::NeedPeerVerdict need) {
            return AskVerdict(*need.proof);
          },
          [this](const handshake::NeedPskChoice& need) { return Ask(need); },
          [this](const handshake::NeedPskBinder& need) { return Ask(need); },
          [this](handshake::NeedPskVerdict need) { return Ask(need); },
          [this](const handshake::NeedPskSecret& need) { return Ask(need); },
          [this](handshake::Done) { return HandOver(); },
          [this](const Failed& failed) { return StartDraining(failed); },
      },
      engine_.wait());
}

Connection::Step Connection::Write() {
  const ByteView bytes = engine_.output();
  const ssize_t sent = ::send(socket_.raw(), bytes.data(), bytes.size(),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) {
    engine_.Written(static_cast<std::size_t>(sent));
    return Step::kAgain;
  }
  if (errno == EINTR) {
    return Step::kAgain;
  }
  if (WouldBlock(errno)) {
    return AwaitRoom();
  }
  engine_.Abort(SocketError(errno));
  engine_.Written(engine_.output().size());  // it can never be sent
  return Step::kAgain;
}

// Rare enough for sockets to be watched for input only until then: each would
// have room at once, and tell it.
Connection::Step Connection::AwaitRoom() {
  if (std::exchange(awaits_room_, true)) {
    return Step::kWait;
  }
  const Status awaited = services_.AwaitRoom(job_.job, socket_.borrow());
  if (!awaited.ok()) {
    engine_.Abort(awaited.error());
    engine_.Written(engine_.output().size());
    return Step::kAgain;
  }
  return Step::kWait;
}

Connection::Step Connection::Read(std::size_t bytes) {
  std::array<uint8_t, handshake::kMaxCiphertext> buffer;
  const ssize_t count = ::recv(socket_.raw(), buffer.data(),
                               std::min(bytes, buffer.size()), MSG_DONTWAIT);
  if (count > 0) {
    last_byte_ = clock_.Now();
    engine_.Feed(ByteView(buffer).first(static_cast<std::size_t>(count)));
    return Step::kAgain;
  }
  if (count == 0) {
    engine_.PeerClosed(/*reset=*/false);
    return Step::kAgain;
  }
  if (errno == EINTR) {
    return Step::kAgain;
  }
  if (WouldBlock(errno)) {
    return Step::kWait;
  }
  engine_.Abort(SocketError(errno));
  return Step::kAgain;
}

Connection::Step Connection::Configure() {
  if ((job_.flags & kUsePsk) != 0) {
    engine_.Configure(PskServerConfig());
    return Step::kAgain;
  }
  if (certificates_.empty()) {
    engine_.Configure(Error{Code::kNoCertificateConfigured,
                            "no certificate for this server"});
    return Step::kAgain;
  }
  handshake::ServerConfig config;
  config.certificates = std::move(certificates_);
  config.suites = Suites(job_);
  config.groups = Groups(job_);
  config.alpn_protocols = Protocols(job_);
  config.require_alpn = (job_.flags & kRequireSunrpc) != 0;
  config.record_size_limit = (job_.flags & kRecordSizeLimit) != 0;
  if ((job_.flags & kRequestClientCertificate) != 0) {
    config.client_auth = handshake::ClientAuth::kRequest;
  }
  engine_.Configure(std::move(config));
  return Step::kAgain;
}

Connection::Step Connection::AskSignature(
    const handshake::SignatureRequest& request) {
  return OnSent(
      services_.RequestSignature(
          job_.job, job_.credentials.at(request.certificate), request),
      Asked::kSignature);
}

Connection::Step Connection::AskVerdict(const handshake::PeerProof& proof) {
  return OnSent(services_.RequestVerdict(job_.job, proof), Asked::kVerdict);
}

Connection::Step Connection::OnSent(Status sent, Asked what) {
  if (sent.ok()) {
    asked_ = what;
    return Step::kWait;
  }
  if (sent.error().code == Code::kTooBusy) {
    return Step::kWait;
  }
  engine_.Abort(sent.error());
  return Step::kAgain;
}

void Connection::OnSignature(Result<Bytes> signature) {
  if (asked_ == Asked::kSignature) {
    asked_ = Asked::kNothing;
    engine_.Sign(std::move(signature));
    Resume();
  }
}

void Connection::OnVerdict(Status verdict) {
  if (asked_ != Asked::kVerdict) {
    return;
  }
  asked_ = Asked::kNothing;
  if (verdict.ok()) {
    engine_.Judge(handshake::VerdictSource::Accepted());
  } else {
    engine_.Judge(verdict.error());
  }
  Resume();
}

void Connection::OnServiceLost(const Error& error) {
  const bool keeper = error.code == Code::kKeeperUnavailable;
  if (asked_ == (keeper ? Asked::kSignature : Asked::kVerdict)) {
    asked_ = Asked::kNothing;
    engine_.Abort(error);
    Resume();
  }
}

MonotonicTime Connection::deadline() const {
  using std::chrono::milliseconds;
  const MonotonicTime total = started_ + milliseconds(job_.total_ms);
  if (failed_) {
    return std::min(drain_until_, total);
  }
  return std::min(total, last_byte_
                             ? *last_byte_ + milliseconds(job_.progress_ms)
                             : started_ + milliseconds(job_.first_byte_ms));
}

void Connection::OnDeadline() {
  const MonotonicTime now = clock_.Now();
  if (report_ || now < deadline()) {
    return;
  }
  if (failed_) {
    return Finish(failed_, {});
  }
  engine_.Abort(Missed(now));
  asked_ = Asked::kNothing;
  Resume();
  // A peer that does not read either gets no alert.
  if (!report_ && !failed_) {
    Finish(*engine_.failure(), {});
  }
}

// What we waited for ourselves is no fault of the peer's.
Error Connection::Missed(MonotonicTime now) const {
  if (asked_ == Asked::kSignature) {
    return {Code::kKeeperUnavailable, "the keeper did not sign in time"};
  }
  if (asked_ == Asked::kVerdict) {
    return {Code::kVerifierUnavailable, "the verifier did not judge in time"};
  }
  if (now >= started_ + std::chrono::milliseconds(job_.total_ms)) {
    return {Code::kDeadlineTotal, "the handshake took too long"};
  }
  if (last_byte_) {
    return {Code::kDeadlineProgress, "the peer fell silent"};
  }
  return {Code::kDeadlineFirstByte, "the peer never answered"};
}

// The order is fixed: the peer's Finished verified, nothing over-read, all of
// ours written (the three proofs), nobody watching the socket any more, keys,
// options, close, report.
Connection::Step Connection::HandOver() {
  if (TicketIsThere()) {
    engine_.ReadTicket();
    return Step::kAgain;
  }
  const MonotonicTime start = clock_.Exact();
  const Status installed = Install();
  std::optional<Failed> failed;
  if (!installed.ok()) {
    failed = Failed{installed.error(), std::nullopt};
  }
  Finish(failed,
         std::chrono::microseconds(Microseconds(clock_.Exact() - start)));
  return Step::kWait;
}

// An NVMe host speaks first, and takes the first record for the target's
// answer. What is there by now was sent without being asked.
bool Connection::TicketIsThere() const {
  std::array<uint8_t, 1> first;
  return job_.side == Side::kClient && (job_.flags & kUsePsk) != 0 &&
         ::recv(socket_.raw(), first.data(), first.size(),
                MSG_PEEK | MSG_DONTWAIT) > 0;
}

Status Connection::Install() {
  RETURN_IF_ERROR(StopWatching());
  ASSIGN_OR_RETURN(handshake::EstablishedSession taken,
                   std::move(engine_).TakeSession());
  return ktls::Install(ktls_ops_, socket_.borrow(),
                       std::move(taken.session.keys), std::move(taken.finished),
                       std::move(taken.drained), std::move(taken.flushed));
}

Status Connection::StopWatching() {
  return std::exchange(watched_, false)
             ? services_.StopWatching(socket_.borrow())
             : Status(Ok{});
}

Connection::Step Connection::StartDraining(const Failed& failed) {
  failed_ = failed;
  drain_until_ = clock_.Now() + kDrainTime;
  if (!failed.alert_sent) {
    Finish(failed_, {});
    return Step::kWait;
  }
  return Step::kAgain;
}

Connection::Step Connection::Drain() {
  std::array<uint8_t, 4096> discarded;
  const ssize_t count =
      ::recv(socket_.raw(), discarded.data(), discarded.size(), MSG_DONTWAIT);
  if (count > 0) {
    drained_bytes_ += static_cast<std::size_t>(count);
  }
  const bool over = count == 0 || (count < 0 && !WouldBlock(errno)) ||
                    drained_bytes_ > kDrainBytes;
  if (over) {
    Finish(failed_, {});
  }
  return count > 0 && !over ? Step::kAgain : Step::kWait;
}

void Connection::RestoreOptions() {
  if (job_.tcp_nodelay == 0) {
    SetNoDelay(socket_.borrow(), 0);
  }
}

void Connection::Finish(const std::optional<Failed>& failed,
                        std::chrono::microseconds ktls) {
  const handshake::HandshakeInfo& info = engine_.info();
  JobReport report;
  report.job = job_.job;
  report.outcome = Outcome::Success();
  report.tls_us = Microseconds(clock_.Now() - started_) -
                  static_cast<uint32_t>(ktls.count());
  report.ktls_us = static_cast<uint32_t>(ktls.count());
  report.suite = static_cast<uint16_t>(info.suite);
  report.group = static_cast<uint16_t>(info.group);
  report.our_scheme =
      info.our_scheme ? static_cast<uint16_t>(*info.our_scheme) : uint16_t{0};
  report.peer_scheme =
      info.peer_scheme ? static_cast<uint16_t>(*info.peer_scheme) : uint16_t{0};
  report.payload_limit = info.send_limit.value_or(0);
  report.hello_retry = info.hello_retry ? 1 : 0;
  if (failed) {
    report.outcome = Outcome::Failure(failed->error.code);
    report.os_error = failed->error.os_error;
    report.what = Text<kDetailSize>::Of(failed->error.what);
    if (failed->error.code == Code::kAlertReceived) {
      report.alert_received = failed->error.alert;
    }
    if (failed->alert_sent) {
      report.alert_sent = static_cast<uint8_t>(*failed->alert_sent);
    }
  }
  // Of a failed job nothing else depends on it.
  static_cast<void>(StopWatching());
  RestoreOptions();
  if (failed) {
    ::shutdown(socket_.raw(), SHUT_WR);
  }
  socket_.Close();
  report_ = report;
}

}  // namespace ktlsd::agent
