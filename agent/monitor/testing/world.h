// A monitor with a kernel, a keeper, a verifier and workers that a test plays.
//
// Scope:     real links and real TCP sockets; everything else is a fake.
// Layer:     agent/monitor, tests only.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/ipc/chain.h"
#include "agent/keyring/testing/fake_keyrings.h"
#include "agent/monitor/job_desk.h"
#include "agent/monitor/switchboard.h"
#include "agent/netlink/keyring_uses.h"
#include "agent/netlink/testing/fake_handshake_kernel.h"
#include "ktls/loopback.h"
#include "ktls/testing/fake_socket_ops.h"

namespace ktlsd::agent {

class FakeClock final : public Clock {
 public:
  MonotonicTime Now() const override { return now_; }
  CalendarTime Today() const override { return {}; }
  void Advance(std::chrono::milliseconds by) { now_ += by; }

 private:
  MonotonicTime now_{std::chrono::hours(1)};
};

class RecordingLog final : public LogSink {
 public:
  void Write(const LogEvent& event) override {
    lines_.push_back(Logfmt(event));
  }
  // How many lines hold all of `words`.
  template <typename... Words>
  int Count(const Words&... words) const {
    int count = 0;
    for (const std::string& line : lines_) {
      count += (... && (line.find(words) != std::string::npos)) ? 1 : 0;
    }
    return count;
  }
  std::string All() const {
    std::string all;
    for (const std::string& line : lines_) {
      all += line + '\n';
    }
    return all;
  }

 private:
  std::vector<std::string> lines_;
};

class World : public ::testing::Test {
 protected:
  static constexpr WorkerId kServerWorker = 1;
  static constexpr WorkerId kClientWorker = 2;
  static constexpr WorkerId kPskWorker = 3;
  static constexpr uint16_t kSuite = 0x1302;

  // The desk takes so many requests at once.
  explicit World(std::size_t capacity = 4) : capacity_(capacity) {
    ShowKeys(52);
  }

  // --- The kernel ---

  Request Make(HandshakeKind kind, AuthMode mode, std::string name = "") {
    auto pair = ktls::ConnectLoopback();
    EXPECT_TRUE(pair.ok());
    Request request;
    request.socket = std::move(pair->server);
    peers_.push_back(std::move(pair->client));
    request.kind = kind;
    request.auth_mode = mode;
    request.peer_name = std::move(name);
    request.well_formed = true;
    return request;
  }
  Request Nfsd() { return Make(HandshakeKind::kServerHello, AuthMode::kX509); }
  Request NfsTls() {
    return Make(HandshakeKind::kClientHello, AuthMode::kUnauth, "server");
  }
  Request NfsMtls() {
    return Make(HandshakeKind::kClientHello, AuthMode::kX509, "server");
  }
  Request NvmeHost(std::vector<KeySerial> keys) {
    Request request = Make(HandshakeKind::kClientHello, AuthMode::kPsk);
    request.peer_identities = std::move(keys);
    return request;
  }
  Request NvmeTarget(std::optional<KeySerial> keyring = std::nullopt) {
    Request request = Make(HandshakeKind::kServerHello, AuthMode::kPsk);
    request.keyring = keyring;
    return request;
  }
  void Ask(Request request) {
    kernel_.Queue(std::move(request));
    desk_.TakeRequests(JobDesk::Age::kFresh);
  }
  // The kernel's TLS has keys of this cipher both ways.
  void ShowKeys(uint8_t cipher) {
    socket_ops_.ReadBackAs(IPPROTO_TCP, 31, {'t', 'l', 's', 0});
    for (const int direction : {1, 2}) {
      socket_ops_.ReadBackAs(282, direction, {0x04, 0x03, cipher, 0});
    }
  }
  void ExpectAnswers(std::vector<uint32_t> statuses) {
    std::vector<uint32_t> seen;
    for (const auto& answer : kernel_.answers()) {
      seen.push_back(answer.status);
    }
    EXPECT_EQ(seen, statuses) << log_.All();
    EXPECT_LE(kernel_.answers().size(), kernel_.accepted());
  }

  // --- The roles ---

  static Link PlayedBy(Link*& end, std::vector<std::unique_ptr<Link>>& ends) {
    auto pair = MakeLinkPair();
    ends.push_back(std::make_unique<Link>(std::move(pair->second)));
    end = ends.back().get();
    return Link(std::move(pair->first));
  }
  void StartServices() {
    switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
    switchboard_.AddVerifier(PlayedBy(verifier_, ends_));
  }
  void StartWorkers() {
    switchboard_.AddWorker(kServerWorker, Pool::kServer,
                           PlayedBy(workers_[kServerWorker], ends_));
    switchboard_.AddWorker(kClientWorker, Pool::kClient,
                           PlayedBy(workers_[kClientWorker], ends_));
    switchboard_.AddWorker(kPskWorker, Pool::kPsk,
                           PlayedBy(workers_[kPskWorker], ends_));
  }
  void Start() {
    StartServices();
    resources_.Reload(GoodConfig());
    LoadAll();
    StartWorkers();
  }
  std::string File(const std::string& name) {
    const std::string path = ::testing::TempDir() + "/" + name;
    std::ofstream(path) << name;
    ::chmod(path.c_str(), 0600);
    return path;
  }
  Config GoodConfig() {
    Config config;
    for (SideConfig* side : {&config.client, &config.server}) {
      side->truststore = File("trust");
      side->certificate = File("certificate");
      side->private_key = File("key");
    }
    return config;
  }
  // What the keeper was sent, read until `M` comes.
  template <typename M, typename Set>
  std::optional<M> Next(Link& end) {
    for (;;) {
      auto received = end.Receive<Set>(Descriptors::kTake);
      if (!received.ok() || !received->has_value()) {
        return std::nullopt;
      }
      if (const M* found = std::get_if<M>(&(*received)->message)) {
        payload_ =
            Bytes((*received)->payload.begin(), (*received)->payload.end());
        descriptors_ = (*received)->descriptors.size();
        return *found;
      }
    }
  }
  // Everything that was to be loaded is, with these outcomes.
  void LoadAll(Outcome credential = Outcome::Success(),
               Outcome trust = Outcome::Success()) {
    while (auto load = Next<LoadCredential, ToKeeper>(*keeper_)) {
      CredentialLoaded loaded;
      loaded.id = load->id;
      loaded.outcome = credential;
      loaded.text = Text<kDetailSize>::Of("words");
      EXPECT_TRUE(keeper_->Send(loaded).ok());
    }
    while (auto load = Next<LoadTrust, ToVerifier>(*verifier_)) {
      TrustLoaded loaded;
      loaded.id = load->id;
      loaded.outcome = trust;
      EXPECT_TRUE(verifier_->Send(loaded).ok());
    }
    EXPECT_TRUE(switchboard_.ReadKeeper().ok());
    EXPECT_TRUE(switchboard_.ReadVerifier().ok());
  }
  Job TakeJob(WorkerId worker) {
    const auto job = Next<Job, ToWorker>(*workers_[worker]);
    EXPECT_TRUE(job.has_value());
    return job.value_or(Job());
  }

  void SendSigned(JobId job) {
    Signed notice;
    notice.job = job;
    EXPECT_TRUE(keeper_->Send(notice).ok());
  }
  void SendVerdict(JobId job, Outcome outcome = Outcome::Success()) {
    Verdict verdict;
    verdict.job = job;
    verdict.transcript_hash.size = 32;
    verdict.outcome = outcome;
    verdict.subject = Text<kSubjectSize>::Of("CN=peer");
    verdict.detail = Text<kDetailSize>::Of("detail");
    EXPECT_TRUE(verifier_->Send(verdict).ok());
  }
  void SendChain(JobId job, const std::vector<Bytes>& chain) {
    PeerChain shown;
    shown.job = job;
    shown.certificates = static_cast<uint16_t>(chain.size());
    Bytes payload;
    AppendChain(chain, payload);
    EXPECT_TRUE(verifier_->Send(shown, payload).ok());
  }
  static JobReport Report(JobId job, Outcome outcome = Outcome::Success()) {
    JobReport report;
    report.job = job;
    report.outcome = outcome;
    report.suite = kSuite;
    return report;
  }
  // Returns what the monitor thinks of the worker.
  Status SendReport(WorkerId worker, const JobReport& report) {
    EXPECT_TRUE(workers_[worker]->Send(report).ok());
    return switchboard_.ReadWorker(worker);
  }
  void Advance(std::chrono::milliseconds by) {
    clock_.Advance(by);
    switchboard_.OnTime();
  }

  // What another desk than desk_ works with.
  Surroundings Around(HandshakeKernel& kernel, std::vector<CipherSuite> suites,
                      bool record_size_limit = false) {
    return {kernel,
            keyrings_,
            keyring_uses_,
            socket_ops_,
            clock_,
            log_,
            resources_,
            roster_,
            live_,
            std::move(suites),
            record_size_limit};
  }

  const std::size_t capacity_;
  FakeHandshakeKernel kernel_;
  FakeKeyrings keyrings_;
  KeyringUses keyring_uses_{
      [this](KeySerial keyring) { keyrings_.Unlink(keyring); }};
  ktls::FakeSocketOps socket_ops_;
  FakeClock clock_;
  RecordingLog log_;
  Resources resources_{log_};
  Roster roster_;
  LiveSessions live_{log_, clock_, resources_};
  JobDesk desk_{
      Around(kernel_,
             {CipherSuite::kAes256GcmSha384, CipherSuite::kAes128GcmSha256},
             /*record_size_limit=*/true),
      capacity_};
  Switchboard switchboard_{desk_, resources_, roster_};

  std::vector<std::unique_ptr<Link>> ends_;
  Link* keeper_ = nullptr;
  Link* verifier_ = nullptr;
  std::map<WorkerId, Link*> workers_;
  std::vector<OwnedFd> peers_;
  Bytes payload_;                // of the last message of Next
  std::size_t descriptors_ = 0;  // the same
};

}  // namespace ktlsd::agent
