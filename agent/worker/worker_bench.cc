// What the event loop costs a worker, by kind; and what a handshake under way
// holds.
//
// "cpu_us" is the worker's thread for one handshake, libcrypto included;
// "loop_calls" the system calls of the event loop for one handshake, without
// the reads and writes, which both kinds make alike.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "agent/ipc/chain.h"
#include "agent/ipc/link.h"
#include "agent/ipc/messages.h"
#include "agent/sandbox/loop_kind.h"
#include "agent/worker/connection.h"
#include "agent/worker/open_readiness.h"
#include "agent/worker/readiness.h"
#include "agent/worker/ring_calls.h"
#include "agent/worker/testing/no_services.h"
#include "agent/worker/worker.h"
#include "base/clock.h"
#include "base/owned_fd.h"
#include "base/result.h"
#include "handshake/credential.h"
#include "handshake/peer_verifier.h"
#include "handshake/server_name.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"
#include "handshake/wire.h"
#include "ktls/socket_ops.h"

namespace ktlsd::agent {
namespace {

using handshake::BytesOf;
using handshake::Credential;
using handshake::LocalPeer;

constexpr CredentialId kCredential = 5;

[[noreturn]] void Give(const char* why) { throw std::runtime_error(why); }

struct Ends {
  OwnedFd ours;
  OwnedFd theirs;
};

Ends Connected() {
  int ends[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
    Give("no sockets: raise the limit of descriptors");
  }
  return {OwnedFd(ends[0]), OwnedFd(ends[1])};
}

std::atomic<int64_t> loop_calls;

class CountedCalls final : public RingCalls {
  int Enter(int ring, unsigned submit, unsigned least, unsigned flags,
            const io_uring_getevents_arg& argument) override {
    loop_calls.fetch_add(1, std::memory_order_relaxed);
    return RingCalls::Enter(ring, submit, least, flags, argument);
  }
};

// Each call of epoll's is one system call.
class CountedEpoll final : public Readiness {
 public:
  LoopKind kind() const override { return LoopKind::kEpoll; }
  Status Watch(BorrowedFd fd, Token token, Interest interest) override {
    ++loop_calls;
    return epoll_->Watch(fd, token, interest);
  }
  Status Unwatch(BorrowedFd fd) override {
    ++loop_calls;
    return epoll_->Unwatch(fd);
  }
  Status Wait(std::optional<std::chrono::milliseconds> at_most,
              std::vector<Token>& ready) override {
    ++loop_calls;
    return epoll_->Wait(at_most, ready);
  }

 private:
  std::unique_ptr<Readiness> epoll_ = OpenEpoll().value();
};

std::unique_ptr<Readiness> OpenCounted(LoopKind kind, RingCalls& calls) {
  if (kind == LoopKind::kEpoll) {
    return std::make_unique<CountedEpoll>();
  }
  auto opened = OpenReadiness(kind, calls);
  if (opened->readiness->kind() != kind) {
    Give("no io_uring here");
  }
  return std::move(opened->readiness);
}

// A kernel that takes any keys.
class AnyKeys final : public ktls::SocketOps {
 public:
  Status SetOption(BorrowedFd, int, int, ByteView) override { return Ok{}; }
  Result<std::size_t> GetOption(BorrowedFd, int, int,
                                std::span<uint8_t>) override {
    return std::size_t{0};
  }
  Result<short> Poll(BorrowedFd, short) override { return short{0}; }
  Status Shutdown(BorrowedFd, int) override { return Ok{}; }
};

struct Client {
  OwnedFd socket;
  LocalPeer peer;
};

// A worker in its thread; this one is monitor, keeper, verifier and clients.
class World {
 public:
  explicit World(LoopKind kind) {
    auto monitor = MakeLinkPair().value();
    monitor_.emplace(std::move(monitor.first));
    thread_ =
        std::thread([this, kind, end = std::move(monitor.second)]() mutable {
          CountedCalls calls;
          Worker worker(Link(std::move(end)), OpenCounted(kind, calls), ktls_,
                        clock_);
          static_cast<void>(worker.Run());
        });
    keeper_.emplace(GiveLink(LinkTo::kKeeper));
    verifier_.emplace(GiveLink(LinkTo::kVerifier));
  }
  ~World() {
    monitor_.reset();
    thread_.join();
  }

  // So many mutual handshakes at once, until each is reported.
  void Run(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      Begin();
    }
    for (std::size_t reports = 0; reports < count;) {
      Wait();
      for (Client& client : clients_) {
        Turn(client);
      }
      Serve<WorkerToKeeper>(*keeper_);
      Serve<WorkerToVerifier>(*verifier_);
      reports += TakeReports();
    }
    clients_.clear();
  }

  double WorkerSeconds() {
    clockid_t clock{};
    timespec time{};
    ::pthread_getcpuclockid(thread_.native_handle(), &clock);
    ::clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_nsec) * 1e-9;
  }

 private:
  Link GiveLink(LinkTo to) {
    auto pair = MakeLinkPair().value();
    TakeLink take;
    take.to = to;
    const std::array end = {pair.second.borrow()};
    if (!monitor_->Send(take, {}, end).ok()) {
      Give("no link");
    }
    return Link(std::move(pair.first));
  }

  void Begin() {
    Ends ends = Connected();
    Job job;
    job.job = ++last_job_;
    job.side = Side::kServer;
    job.credentials = {kCredential};
    job.suites = {0x1302};
    job.flags = kVerifyPeer | kRequestClientCertificate;
    job.first_byte_ms = job.progress_ms = job.total_ms = 60'000;
    const std::array socket = {ends.ours.borrow()};
    if (!monitor_->Send(job, {}, socket).ok()) {
      Give("the worker's link is full");
    }
    handshake::LocalPeerSetup setup;
    setup.trust = &trust_;
    setup.policy = {handshake::Role::kServer,
                    {*handshake::ServerName::Parse("server.example")},
                    handshake::kTestNow};
    setup.credentials = {&client_};
    clients_.push_back({std::move(ends.theirs), LocalPeer::Client(setup)});
  }

  void Wait() const {
    std::vector<pollfd> polled = {{monitor_->socket().raw(), POLLIN, 0},
                                  {keeper_->socket().raw(), POLLIN, 0},
                                  {verifier_->socket().raw(), POLLIN, 0}};
    for (const Client& client : clients_) {
      const bool writes = !client.peer.engine().output().empty();
      polled.push_back({client.peer.done() ? -1 : client.socket.raw(),
                        static_cast<short>(writes ? POLLOUT : POLLIN), 0});
    }
    ::poll(polled.data(), polled.size(), 1000);
  }

  static void Turn(Client& client) {
    for (;;) {
      client.peer.Settle();
      if (client.peer.failure() != nullptr) {
        Give("a client failed");
      }
      handshake::Engine& engine = client.peer.engine();
      if (const ByteView output = engine.output(); !output.empty()) {
        const ssize_t sent = ::send(client.socket.raw(), output.data(),
                                    output.size(), MSG_DONTWAIT);
        if (sent <= 0) {
          return;
        }
        engine.Written(static_cast<std::size_t>(sent));
      } else if (const auto wanted = client.peer.wants()) {
        Bytes bytes(*wanted);
        const ssize_t count = ::recv(client.socket.raw(), bytes.data(),
                                     bytes.size(), MSG_DONTWAIT);
        if (count <= 0) {
          return;
        }
        engine.Feed(ByteView(bytes).first(static_cast<std::size_t>(count)));
      } else {
        return;
      }
    }
  }

  template <typename Set>
  void Serve(Link& link) {
    for (;;) {
      auto received = link.Receive<Set>();
      if (!received.ok() || !received->has_value()) {
        return;
      }
      std::visit([&](const auto& request) { Answer(link, request); },
                 (*received)->message);
    }
  }

  void Answer(Link& keeper, const ChainRequest& request) {
    ChainReply reply;
    reply.job = request.job;
    reply.credential = request.credential;
    reply.outcome = Outcome::Success();
    reply.certificates = static_cast<uint16_t>(server_.chain().size());
    reply.schemes[0] = static_cast<uint16_t>(server_.schemes()[0]);
    Bytes payload;
    AppendChain(server_.chain(), payload);
    static_cast<void>(keeper.Send(reply, payload));
  }

  void Answer(Link& keeper, const SignRequest& request) {
    SignReply reply;
    reply.job = request.job;
    reply.scheme = request.scheme;
    reply.outcome = Outcome::Success();
    const auto signature =
        server_.Sign(static_cast<handshake::SignatureScheme>(request.scheme),
                     handshake::Role::kServer,
                     handshake::HashValue(request.transcript_hash.view()));
    static_cast<void>(keeper.Send(reply, *signature));
  }

  static void Answer(Link& verifier, const ProofRequest& request) {
    ProofReply reply;
    reply.job = request.job;
    reply.outcome = Outcome::Success();
    static_cast<void>(verifier.Send(reply));
  }

  std::size_t TakeReports() {
    for (std::size_t reports = 0;; ++reports) {
      auto received = monitor_->Receive<FromWorker>();
      if (!received.ok() || !received->has_value()) {
        return reports;
      }
      if (!std::get<JobReport>((*received)->message).outcome.ok()) {
        Give("a handshake failed");
      }
    }
  }

  const handshake::TestPki pki_ = handshake::MakeTestPki();
  const Credential server_ =
      Credential::FromPem(BytesOf(pki_.ChainPemOf(pki_.server)),
                          BytesOf(pki_.server.key_pem()))
          .value();
  const Credential client_ =
      Credential::FromPem(BytesOf(pki_.ChainPemOf(pki_.client)),
                          BytesOf(pki_.client.key_pem()))
          .value();
  const handshake::TrustStore trust_ =
      handshake::TrustStore::FromPem(BytesOf(pki_.root.pem()), {}).value();
  const SystemClock clock_;
  AnyKeys ktls_;
  std::optional<Link> monitor_;
  std::optional<Link> keeper_;
  std::optional<Link> verifier_;
  std::vector<Client> clients_;
  JobId last_job_ = 0;
  std::thread thread_;
};

void Handshakes(benchmark::State& state, LoopKind kind) {
  const auto at_once = static_cast<std::size_t>(state.range(0));
  World world(kind);
  world.Run(at_once);  // the chain, libcrypto's first uses
  double seconds = 0;
  const int64_t calls_before = loop_calls;
  for (auto unused : state) {
    const double before = world.WorkerSeconds();
    world.Run(at_once);
    const double used = world.WorkerSeconds() - before;
    state.SetIterationTime(used);
    seconds += used;
  }
  const double handshakes =
      static_cast<double>(state.iterations()) * static_cast<double>(at_once);
  state.counters["cpu_us"] = seconds * 1e6 / handshakes;
  state.counters["loop_calls"] =
      static_cast<double>(loop_calls - calls_before) / handshakes;
}
BENCHMARK_CAPTURE(Handshakes, epoll, LoopKind::kEpoll)
    ->Arg(1)
    ->Arg(16)
    ->Arg(128)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Handshakes, io_uring, LoopKind::kIoUring)
    ->Arg(1)
    ->Arg(16)
    ->Arg(128)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// Connections that wait for their peer's first byte: a server's, and a client's
// whose hello has gone out. libcrypto's key shares are in it.
void Parked(benchmark::State& state, Side side) {
  constexpr std::size_t kCount = 2000;
  const SystemClock clock;
  AnyKeys ktls;
  NoServices services;
  Job job;
  job.job = 1;
  job.side = side;
  job.suites = {0x1302};
  job.first_byte_ms = job.progress_ms = job.total_ms = 60'000;
  if (side == Side::kClient) {
    job.server_name = Text<kNameSize>::Of("server.example");
  }
  for (auto unused : state) {
    RingCalls calls;
    const auto loop = OpenReadiness(LoopKind::kIoUring, calls);
    std::vector<Ends> ends(kCount);
    std::vector<std::unique_ptr<Connection>> connections(kCount);
    const std::size_t before = ::mallinfo2().uordblks;
    for (std::size_t i = 0; i < kCount; ++i) {
      ends[i] = Connected();
      connections[i] = std::make_unique<Connection>(
          job, std::move(ends[i].ours), OurSide(), services, ktls, clock);
      static_cast<void>(loop->readiness->Watch(connections[i]->socket(), i,
                                               Readiness::Interest::kInput));
      connections[i]->Resume();
    }
    state.counters["bytes_each"] =
        static_cast<double>(::mallinfo2().uordblks - before) / kCount;
  }
}
BENCHMARK_CAPTURE(Parked, server, Side::kServer)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);
BENCHMARK_CAPTURE(Parked, client, Side::kClient)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

}  // namespace
}  // namespace ktlsd::agent
