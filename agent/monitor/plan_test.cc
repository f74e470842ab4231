#include "agent/monitor/plan.h"

#include <gtest/gtest.h>

namespace ktlsd::agent {
namespace {

using enum AuthMode;
using enum HandshakeKind;

class PlanTest : public ::testing::Test {
 protected:
  Planning Make(HandshakeKind kind, AuthMode mode, std::string name = "") {
    Request request;
    request.kind = kind;
    request.auth_mode = mode;
    request.peer_name = std::move(name);
    request.well_formed = well_formed_;
    request.certificate = own_keys_;
    request.peer_identities = psks_;
    request.keyring = keyring_;
    const bool server = kind == kServerHello;
    Profile profile{"name",
                    server ? Side::kServer : Side::kClient,
                    {},
                    {},
                    server ? server_ : client_};
    profile.standing = standing_;
    profile.netns = served_netns_;
    profile.request_keys = request_keys_;
    profile.keyrings = keyrings_;
    return MakePlan(
        request, InferConsumer(request), facts_, netns_, profile,
        {CipherSuite::kAes256GcmSha384, CipherSuite::kChaCha20Poly1305Sha256});
  }
  void ExpectRefused(const Planning& planning, Code code) {
    const Refused* refused = std::get_if<Refused>(&planning);
    ASSERT_NE(refused, nullptr);
    EXPECT_EQ(refused->code, code);
    EXPECT_FALSE(refused->reason.empty());
  }

  SocketFacts facts_{"192.0.2.1:1", true, true};
  static SideSettings Settings(uint64_t trust, uint64_t credential) {
    SideSettings settings;
    settings.trust = Loaded{trust};
    settings.credential = Loaded{credential};
    settings.pq_credential = Absent();
    return settings;
  }
  SideSettings client_ = Settings(1, 2);
  SideSettings server_ = Settings(3, 4);
  std::string netns_;  // of the request
  std::vector<std::string> served_netns_;
  Standing standing_ = Standing::kRead;
  bool well_formed_ = true;
  std::optional<CertificateSerials> own_keys_;
  std::vector<KeySerial> psks_;
  std::optional<KeySerial> keyring_;
  bool request_keys_ = false;
  std::vector<std::string> keyrings_;
};

// Whatever is wrong with the certificates.
TEST_F(PlanTest, NeedsNoCertificateForAPsk) {
  client_.trust = Problem{Code::kTrustStoreUnusable, "", "a"};
  client_.credential = Loading();
  server_ = client_;
  psks_ = {7};
  for (const HandshakeKind kind : {kClientHello, kServerHello}) {
    const Planning planning = Make(kind, kPsk);
    const Plan* plan = std::get_if<Plan>(&planning);
    ASSERT_NE(plan, nullptr);
    EXPECT_TRUE(plan->psk);
    EXPECT_EQ(plan->side, kind == kClientHello ? Side::kClient : Side::kServer);
    EXPECT_EQ(plan->trust, 0U);
    EXPECT_EQ(plan->credentials[0], 0U);
    EXPECT_FALSE(plan->offer_sunrpc);
    EXPECT_FALSE(plan->request_client_certificate);
  }
}

TEST_F(PlanTest, RefusesWhatItCannotServe) {
  ExpectRefused(Make(kClientHello, kPsk), Code::kKeyUnavailable);
  ExpectRefused(Make(HandshakeKind{3}, kPsk), Code::kUnsupportedAuthMode);
  ExpectRefused(Make(HandshakeKind{3}, kX509, "a"), Code::kUnsupportedAuthMode);
  ExpectRefused(Make(kServerHello, AuthMode{4}), Code::kUnsupportedAuthMode);
  ExpectRefused(Make(kClientHello, kX509), Code::kNoPeerName);
  ExpectRefused(Make(kClientHello, kUnauth), Code::kNoPeerName);
  well_formed_ = false;
  ExpectRefused(Make(kServerHello, kX509), Code::kRequestMalformed);
  well_formed_ = true;
  facts_.is_tcp = false;
  ExpectRefused(Make(kServerHello, kX509), Code::kUnsupportedTransport);
}

// RFC 9289 section 8.2: "sunrpc" is the protocol of NFS, in both roles.
TEST_F(PlanTest, NamesTheProtocolOfNfs) {
  for (const Planning& planning :
       {Make(kClientHello, kX509, "nas"), Make(kClientHello, kUnauth, "nas"),
        Make(kServerHello, kX509)}) {
    const Plan* plan = std::get_if<Plan>(&planning);
    ASSERT_NE(plan, nullptr);
    EXPECT_TRUE(plan->offer_sunrpc);
  }
  const Planning unknown = Make(kServerHello, kUnauth);
  const Plan* plan = std::get_if<Plan>(&unknown);
  ASSERT_NE(plan, nullptr);
  EXPECT_FALSE(plan->offer_sunrpc);
}

TEST_F(PlanTest, LooksAtEveryServer) {
  for (const AuthMode mode : {kUnauth, kX509}) {
    const Planning planning = Make(kClientHello, mode, "a");
    const Plan* plan = std::get_if<Plan>(&planning);
    ASSERT_NE(plan, nullptr);
    EXPECT_EQ(plan->trust, 1U);
    EXPECT_EQ(plan->server_name, "a");
    EXPECT_EQ(plan->credentials[0], mode == kX509 ? 2U : 0U);
  }
}

TEST_F(PlanTest, RefusesWhatIsConfiguredAndUnusable) {
  const Problem problem{Code::kCrlUnusable, "/crl", "unreadable"};
  client_.trust = problem;
  server_.trust = problem;
  ExpectRefused(Make(kClientHello, kUnauth, "a"), Code::kCrlUnusable);
  ExpectRefused(Make(kClientHello, kX509, "a"), Code::kCrlUnusable);
  ExpectRefused(Make(kServerHello, kX509), Code::kCrlUnusable);
}

TEST_F(PlanTest, NeedsACertificateWhereOneIsShown) {
  client_.credential = Absent();
  server_.credential = Absent();
  ExpectRefused(Make(kClientHello, kX509, "a"), Code::kNoCertificateConfigured);
  ExpectRefused(Make(kServerHello, kX509), Code::kNoCertificateConfigured);
  EXPECT_TRUE(std::holds_alternative<Plan>(Make(kClientHello, kUnauth, "a")));
}

// Who cannot verify the first is shown the second.
TEST_F(PlanTest, ShowsThePostQuantumCertificateFirst) {
  const auto shown = [](const Planning& planning) {
    const Plan* plan = std::get_if<Plan>(&planning);
    return plan == nullptr ? JobCredentials{99} : plan->credentials;
  };
  client_.pq_credential = server_.pq_credential = Loaded{7};
  EXPECT_EQ(shown(Make(kClientHello, kX509, "a")), (JobCredentials{7, 2}));
  EXPECT_EQ(shown(Make(kServerHello, kX509)), (JobCredentials{7, 4}));
  EXPECT_EQ(shown(Make(kClientHello, kUnauth, "a")), JobCredentials{});
  server_.credential = Absent();
  EXPECT_EQ(shown(Make(kServerHello, kX509)), JobCredentials{7});
}

// Not with the other one alone: that would be weaker than what is configured.
TEST_F(PlanTest, RefusesWithAPostQuantumCertificateThatIsUnusable) {
  client_.pq_credential = server_.pq_credential =
      Problem{Code::kPrivateKeyUnusable, "/pq", "no ML-DSA"};
  ExpectRefused(Make(kClientHello, kX509, "a"), Code::kPrivateKeyUnusable);
  ExpectRefused(Make(kServerHello, kX509), Code::kPrivateKeyUnusable);
  server_.pq_credential = Loading();
  EXPECT_TRUE(std::holds_alternative<NotYet>(Make(kServerHello, kX509)));
}

TEST_F(PlanTest, WaitsForWhatIsBeingLoaded) {
  client_.trust = Loading{1, ""};
  server_.credential = Loading{1, ""};
  EXPECT_TRUE(std::holds_alternative<NotYet>(Make(kClientHello, kUnauth, "a")));
  EXPECT_TRUE(std::holds_alternative<NotYet>(Make(kServerHello, kX509)));
}

TEST_F(PlanTest, RefusesOnASideThatHasNoSettings) {
  standing_ = Standing::kNone;
  psks_ = {7};
  for (const AuthMode mode : {kX509, kPsk}) {
    ExpectRefused(Make(kClientHello, mode, "a"), Code::kConfigUnusable);
    ExpectRefused(Make(kServerHello, mode), Code::kConfigUnusable);
  }
}

// Whoever chose them.
TEST_F(PlanTest, RefusesWithSettingsOfAnotherNetworkNamespace) {
  psks_ = {7};
  const auto expect_refused = [this] {
    for (const AuthMode mode : {kX509, kPsk}) {
      ExpectRefused(Make(kClientHello, mode, "a"), Code::kConfigUnusable);
      ExpectRefused(Make(kServerHello, mode), Code::kConfigUnusable);
    }
  };
  netns_ = "blue";
  expect_refused();
  served_netns_ = {"red"};
  expect_refused();
  netns_ = "";
  expect_refused();
  netns_ = "red";
  request_keys_ = true;
  EXPECT_TRUE(std::holds_alternative<Plan>(Make(kServerHello, kPsk)));
}

// They may be the host's, which has a serial like any other.
TEST_F(PlanTest, TakesKeysOfRequestsFromElsewhereOnlyWhereItIsSaid) {
  netns_ = "red";
  served_netns_ = {"red"};
  own_keys_ = CertificateSerials{5, 6};
  psks_ = {7};
  const auto all_refused = [this](bool expected) {
    for (const AuthMode mode : {kX509, kPsk}) {
      for (const HandshakeKind kind : {kClientHello, kServerHello}) {
        const Planning planning = Make(kind, mode, "a");
        EXPECT_EQ(std::holds_alternative<Refused>(planning), expected);
      }
    }
  };
  all_refused(true);
  request_keys_ = true;
  all_refused(false);
  request_keys_ = false;
  netns_ = "";
  served_netns_ = {};
  all_refused(false);  // the host's own requests
}

TEST_F(PlanTest, GivesTargetsElsewhereTheKeyringsOfTheirGroup) {
  netns_ = "red";
  served_netns_ = {"red"};
  keyring_ = 100;
  ExpectRefused(Make(kServerHello, kPsk), Code::kConfigUnusable);
  keyrings_ = {"reds"};
  for (const std::optional<KeySerial> named : {keyring_, {}}) {
    keyring_ = named;
    const Planning planning = Make(kServerHello, kPsk);
    const Plan* plan = std::get_if<Plan>(&planning);
    ASSERT_NE(plan, nullptr);
    EXPECT_TRUE(plan->elsewhere);
    EXPECT_EQ(plan->keyrings, keyrings_);
  }
  // They hold the keys of clients to come, not of our own.
  psks_ = {7};
  ExpectRefused(Make(kClientHello, kPsk), Code::kConfigUnusable);
}

// Nobody knows which ciphers and groups it may have, with a PSK or without.
TEST_F(PlanTest, WaitsForSettingsThatWereNotRead) {
  standing_ = Standing::kUnread;
  psks_ = {7};
  for (const AuthMode mode : {kX509, kPsk}) {
    EXPECT_TRUE(std::holds_alternative<NotYet>(Make(kClientHello, mode, "a")));
    EXPECT_TRUE(std::holds_alternative<NotYet>(Make(kServerHello, mode)));
  }
}

TEST_F(PlanTest, PrefersTheKeysOfTheRequest) {
  own_keys_ = CertificateSerials{5, 6};
  client_.credential = Absent();
  const Planning planning = Make(kClientHello, kX509, "a");
  const Plan* plan = std::get_if<Plan>(&planning);
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->own_keys->certificate, 5);
  EXPECT_EQ(plan->credentials[0], 0U);
}

// In the order that is configured, and only what the kernel takes.
TEST_F(PlanTest, PrefersTheCiphersThatAreConfigured) {
  const auto suites = [](const Planning& planning) {
    const Plan* plan = std::get_if<Plan>(&planning);
    return plan == nullptr ? std::vector<CipherSuite>() : plan->suites;
  };
  EXPECT_EQ(suites(Make(kServerHello, kX509)),
            (std::vector{CipherSuite::kAes256GcmSha384,
                         CipherSuite::kChaCha20Poly1305Sha256}));
  server_.suites = {CipherSuite::kChaCha20Poly1305Sha256,
                    CipherSuite::kAes128GcmSha256,
                    CipherSuite::kAes256GcmSha384};
  for (const AuthMode mode : {kX509, kPsk}) {
    EXPECT_EQ(suites(Make(kServerHello, mode)),
              (std::vector{CipherSuite::kChaCha20Poly1305Sha256,
                           CipherSuite::kAes256GcmSha384}));
  }
  server_.suites = {CipherSuite::kAes128GcmSha256};
  ExpectRefused(Make(kServerHello, kX509), Code::kCipherNotOffloadable);
}

TEST_F(PlanTest, HandsGroupsOn) {
  client_.groups = {handshake::NamedGroup::kSecp384r1};
  psks_ = {7};
  for (const AuthMode mode : {kX509, kPsk}) {
    const Planning planning = Make(kClientHello, mode, "a");
    const Plan* plan = std::get_if<Plan>(&planning);
    ASSERT_NE(plan, nullptr);
    EXPECT_EQ(plan->groups, client_.groups);
  }
}

TEST_F(PlanTest, RequiresTheProtocolOfNfsWhereThatIsConfigured) {
  client_.require_alpn = true;
  server_.require_alpn = true;
  const auto required = [](const Planning& planning) {
    return std::get<Plan>(planning).require_sunrpc;
  };
  EXPECT_TRUE(required(Make(kClientHello, kX509, "nas")));
  EXPECT_TRUE(required(Make(kServerHello, kX509)));
  EXPECT_FALSE(required(Make(kServerHello, kUnauth)));  // of who knows what
  EXPECT_FALSE(required(Make(kServerHello, kPsk)));
  client_.require_alpn = false;
  EXPECT_FALSE(required(Make(kClientHello, kX509, "nas")));
}

// Also of handshakes with pre-shared keys.
TEST_F(PlanTest, RefusesWithAProblemOfItsSettings) {
  server_.problem = Problem{Code::kConfigUnusable, "/policy", "broken"};
  ExpectRefused(Make(kServerHello, kX509), Code::kConfigUnusable);
  ExpectRefused(Make(kServerHello, kPsk), Code::kConfigUnusable);
}

}  // namespace
}  // namespace ktlsd::agent
