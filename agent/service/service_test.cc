#include "agent/service/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <map>
#include <optional>
#include <string>

namespace ktlsd::agent {
namespace {

using testing::ElementsAre;

// Writes down what it is handed, and answers or refuses as told.
class RecordingRole {
 public:
  using FromMonitor = ToKeeper;
  using FromWorker = WorkerToKeeper;
  using Notice = FromKeeper;
  using Answer = KeeperToWorker;
  using Output = RoleOutput<Notice, Answer>;
  struct Script {
    std::vector<std::string> seen;
    std::optional<Error> refusal;  // of the next worker's message
    int replies = 0;               // to each worker's message
    ByteView payload;              // the monitor's last, in the link's buffer
  };

  RecordingRole(Output& output, Script& script)
      : output_(output), script_(script) {}

  void HandleMonitorMessage(const Received<FromMonitor>& received) {
    const bool terms = std::holds_alternative<SigningTerms>(received.message);
    script_.seen.push_back(terms ? "terms" : "other");
    script_.payload = received.payload;
  }
  Status HandleWorkerMessage(WorkerId worker, const Received<FromWorker>&) {
    script_.seen.push_back("worker " + std::to_string(worker));
    if (script_.refusal) {
      return *script_.refusal;
    }
    for (int i = 0; i < script_.replies; ++i) {
      RETURN_IF_ERROR(output_.Reply(worker, ChainReply{}, Bytes(30000)));
    }
    return Ok{};
  }
  void DropWorker(WorkerId worker) {
    script_.seen.push_back("drop " + std::to_string(worker));
  }

 private:
  Output& output_;
  Script& script_;
};

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : ServiceTest(MakeLinkPair()) {}

  Link& AddWorkerLink(WorkerId id) {
    auto pair = MakeLinkPair();
    AddWorker add;
    add.worker = id;
    const BorrowedFd theirs = pair->second.borrow();
    EXPECT_TRUE(monitor_.Send(add, {}, std::span(&theirs, 1)).ok());
    workers_.emplace(id, Link(std::move(pair->first)));
    Turn();
    script_.seen.clear();
    return workers_.at(id);
  }

  void Turn() { EXPECT_TRUE(service_.Turn(0).ok()); }

  // The one message that waits for the monitor; nothing else may.
  std::string TakeMisbehaved(WorkerId worker) {
    auto received = monitor_.Receive<FromKeeper>();
    if (!received.ok() || !received->has_value()) {
      return "(no message)";
    }
    const auto report = std::get<Misbehaved>((*received)->message);
    EXPECT_EQ(report.worker, worker);
    return std::string(report.what.view());
  }

  template <typename M>
  static std::string Raw(M message, std::size_t extra = 0) {
    message.header = {kIpcVersion, M::kType,
                      static_cast<uint32_t>(sizeof(M) + extra)};
    return std::string(reinterpret_cast<const char*>(&message), sizeof(M)) +
           std::string(extra, 'x');
  }
  static SignRequest SomeRequest() {
    SignRequest request;
    request.job = 7;
    request.credential = 1;
    request.scheme = 0x0403;
    request.transcript_hash = WireHash::Of(Bytes(32, 1));
    return request;
  }
  static void SendRaw(Link& from, const std::string& bytes) {
    ASSERT_EQ(::send(from.socket().raw(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  static bool IsClosed(Link& link) {
    const auto received = link.Receive<KeeperToWorker>();
    return !received.ok() && received.error().code == Code::kPeerClosed;
  }

  Link monitor_;
  RecordingRole::Script script_;
  Service<RecordingRole> service_;
  std::map<WorkerId, Link> workers_;

 private:
  explicit ServiceTest(Result<std::pair<OwnedFd, OwnedFd>> pair)
      : monitor_(std::move(pair->first)),
        service_(Link(std::move(pair->second)), script_) {}
};

TEST_F(ServiceTest, ReadsTheMonitorBeforeTheWorkers) {
  Link& worker = AddWorkerLink(1);
  SigningTerms terms;
  terms.job = 7;
  terms.credentials = {1};
  terms.worker = 1;

  ASSERT_TRUE(worker.Send(SomeRequest()).ok());
  ASSERT_TRUE(monitor_.Send(terms).ok());
  ASSERT_TRUE(monitor_.Send(terms).ok());
  Turn();

  EXPECT_THAT(script_.seen, ElementsAre("terms", "terms", "worker 1"));
}

TEST_F(ServiceTest, TakesOneMessageOfAWorkerBetweenLooksAtTheMonitor) {
  Link& worker = AddWorkerLink(1);
  ASSERT_TRUE(worker.Send(SomeRequest()).ok());
  ASSERT_TRUE(worker.Send(SomeRequest()).ok());

  Turn();
  EXPECT_THAT(script_.seen, ElementsAre("worker 1"));
  Turn();
  EXPECT_THAT(script_.seen, ElementsAre("worker 1", "worker 1"));
}

class ServiceWithABell : public ServiceTest {
 protected:
  ServiceWithABell() {
    monitor_.GiveBell();
    Turn();
    terms_.job = 7;
    terms_.credentials = {1};
    terms_.worker = 1;
  }

  SigningTerms terms_;
};

TEST_F(ServiceWithABell, LeavesWhatIsSentSilentlyUntilItRings) {
  ASSERT_TRUE(monitor_.SendSilently(terms_).ok());
  Turn();
  EXPECT_THAT(script_.seen, ElementsAre());

  monitor_.Ring();
  Turn();
  EXPECT_THAT(script_.seen, ElementsAre("terms"));
  ASSERT_TRUE(monitor_.SendSilently(terms_).ok());
  Turn();
  EXPECT_THAT(script_.seen, ElementsAre("terms")) << "the bell was not hushed";
}

TEST_F(ServiceWithABell, ReadsWhatWasSentSilentlyBeforeAWorkersMessage) {
  Link& worker = AddWorkerLink(1);
  ASSERT_TRUE(monitor_.SendSilently(terms_).ok());
  ASSERT_TRUE(worker.Send(SomeRequest()).ok());
  Turn();
  EXPECT_THAT(script_.seen, ElementsAre("terms", "worker 1"));
}

TEST_F(ServiceWithABell, IsToldOfAnythingElse) {
  EndJob end;
  end.job = 7;
  ASSERT_TRUE(monitor_.SendSilently(terms_).ok());
  ASSERT_TRUE(monitor_.Send(end).ok());
  Turn();
  EXPECT_THAT(script_.seen, ElementsAre("terms", "other"));
}

TEST_F(ServiceWithABell, IsToldBeforeTheQueueIsFull) {
  std::size_t sent = 0;
  for (; script_.seen.empty(); ++sent) {
    ASSERT_TRUE(monitor_.SendSilently(terms_).ok()) << "after " << sent;
    Turn();
  }
  EXPECT_EQ(script_.seen.size(), sent);
  EXPECT_GT(sent, 1U);
}

TEST_F(ServiceWithABell, EndsWhenTheMonitorsLinkCloses) {
  ASSERT_EQ(::shutdown(monitor_.socket().raw(), SHUT_RDWR), 0);
  EXPECT_TRUE(service_.Run().ok());
  EXPECT_TRUE(service_.closed());
}

TEST_F(ServiceTest, WipesPrivateKeysFromTheBuffer) {
  LoadCredential load;
  load.id = 1;
  ASSERT_TRUE(monitor_.Send(load, Bytes(100, 0x5a)).ok());

  Turn();

  ASSERT_EQ(script_.payload.size(), 100U);
  EXPECT_THAT(script_.payload, testing::Each(0));
}

TEST_F(ServiceTest, EndsWhenTheMonitorsLinkCloses) {
  monitor_ = Link(OwnedFd());

  EXPECT_TRUE(service_.Run().ok());
  EXPECT_TRUE(service_.closed());
}

TEST_F(ServiceTest, FailsWhenTheMonitorsMessagesAreBroken) {
  SendRaw(monitor_, "nonsense");

  EXPECT_FALSE(service_.Run().ok());
}

TEST_F(ServiceTest, ClosesTheLinkOfARemovedWorker) {
  Link& worker = AddWorkerLink(1);
  RemoveWorker remove;
  remove.worker = 1;
  ASSERT_TRUE(worker.Send(SomeRequest()).ok());
  ASSERT_TRUE(monitor_.Send(remove).ok());

  Turn();

  EXPECT_THAT(script_.seen, ElementsAre("drop 1"));
  EXPECT_TRUE(IsClosed(worker));
  EXPECT_EQ(service_.worker_count(), 0U);
}

TEST_F(ServiceTest, ForgetsAWorkerThatWent) {
  AddWorkerLink(1) = Link(OwnedFd());

  Turn();

  EXPECT_THAT(script_.seen, ElementsAre("drop 1"));
  EXPECT_EQ(TakeMisbehaved(1), "(no message)");
}

TEST_F(ServiceTest, HoldsABoundedNumberOfWorkers) {
  for (WorkerId id = 1; id <= kMaxServedWorkers; ++id) {
    AddWorkerLink(id);
  }
  EXPECT_TRUE(IsClosed(AddWorkerLink(kMaxServedWorkers + 1)));
  EXPECT_EQ(service_.worker_count(), kMaxServedWorkers);
}

// --- hostile workers ---

class HostileMessage
    : public ServiceTest,
      public testing::WithParamInterface<std::pair<const char*, std::string>> {
 public:
  static std::string Version(uint16_t version) {
    std::string raw = Raw(SomeRequest());
    std::memcpy(raw.data() + offsetof(Header, version), &version,
                sizeof(version));
    return raw;
  }
  static std::string Type(uint16_t type) {
    std::string raw = Raw(SomeRequest());
    std::memcpy(raw.data() + offsetof(Header, type), &type, sizeof(type));
    return raw;
  }
  static std::string Size(uint32_t size) {
    std::string raw = Raw(SomeRequest());
    std::memcpy(raw.data() + offsetof(Header, size), &size, sizeof(size));
    return raw;
  }
  static std::string HashSize(uint16_t size) {
    SignRequest request = SomeRequest();
    request.transcript_hash.size = size;
    return Raw(request);
  }
  static std::string TermsOfItsOwn() {
    SigningTerms terms;
    terms.job = terms.worker = 1;
    terms.credentials = {1};
    return Raw(terms);
  }
};

TEST_P(HostileMessage, CostsItsSenderTheLinkAndIsReported) {
  Link& hostile = AddWorkerLink(1);
  Link& honest = AddWorkerLink(2);

  SendRaw(hostile, GetParam().second);
  ASSERT_TRUE(honest.Send(SomeRequest()).ok());
  Turn();

  EXPECT_THAT(script_.seen,
              testing::UnorderedElementsAre("drop 1", "worker 2"));
  EXPECT_THAT(TakeMisbehaved(1), testing::HasSubstr("message"));
  EXPECT_TRUE(IsClosed(hostile));
  EXPECT_EQ(service_.worker_count(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Service, HostileMessage,
    testing::Values(
        std::pair("OneByte", std::string("x")),
        std::pair("HeaderOnly",
                  HostileMessage::Size(sizeof(Header)).substr(0, 8)),
        std::pair("Truncated", HostileMessage::Size(71).substr(0, 71)),
        std::pair("TrailingBytes", HostileMessage::Size(73) + "x"),
        std::pair("LyingSize", HostileMessage::Size(1000)),
        std::pair("OtherVersion", HostileMessage::Version(2)),
        std::pair("UnknownType", HostileMessage::Type(0x7777)),
        std::pair("MonitorsMessage", HostileMessage::TermsOfItsOwn()),
        std::pair("VerifiersMessage", HostileMessage::Type(0x0605)),
        std::pair("LongHash", HostileMessage::HashSize(49)),
        std::pair("NoHash", HostileMessage::HashSize(0)),
        std::pair("Oversize", std::string(kMaxMessageBytes + 1, 'x'))),
    [](const auto& instance) { return std::string(instance.param.first); });

TEST_F(ServiceTest, TakesNoDescriptorsFromAWorker) {
  Link& worker = AddWorkerLink(1);
  const BorrowedFd any = worker.socket();
  ASSERT_TRUE(worker.Send(SomeRequest(), {}, std::span(&any, 1)).ok());

  Turn();

  EXPECT_THAT(script_.seen, ElementsAre("drop 1"));
  EXPECT_EQ(TakeMisbehaved(1), "a message was cut off");
}

TEST_F(ServiceTest, ReportsWhatTheRoleRefuses) {
  Link& worker = AddWorkerLink(1);
  script_.refusal = Error{Code::kApiMisuse, "asked for the moon"};
  ASSERT_TRUE(worker.Send(SomeRequest()).ok());

  Turn();

  EXPECT_THAT(script_.seen, ElementsAre("worker 1", "drop 1"));
  EXPECT_EQ(TakeMisbehaved(1), "asked for the moon");
  EXPECT_TRUE(IsClosed(worker));
}

// Were a send to wait, one worker could stop all others.
TEST_F(ServiceTest, DropsAWorkerThatDoesNotRead) {
  Link& worker = AddWorkerLink(1);
  script_.replies = 1000;
  ASSERT_TRUE(worker.Send(SomeRequest()).ok());

  Turn();

  EXPECT_EQ(TakeMisbehaved(1), "a link's queue is full");
  EXPECT_EQ(service_.worker_count(), 0U);
}

}  // namespace
}  // namespace ktlsd::agent
