#include "agent/monitor/resources.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <variant>
#include <vector>

#include "agent/ipc/link.h"
#include "agent/monitor/testing/world.h"
#include "agent/sandbox/process_role.h"

namespace ktlsd::agent {
namespace {

class ResourcesTest : public World {
 protected:
  ResourcesTest() { StartServices(); }
  const SideSettings& client() const { return resources_.side(Side::kClient); }
  // One for "server", one for the loopback network of clients.
  Config WithSections() {
    Config config = GoodConfig();
    Section named{"peer.named",
                  Consumer::kNfsClient,
                  {*PeerPattern::Parse("server")},
                  config.client};
    named.config.truststore = File("other_trust");
    const Section loopback{"peer.loopback",
                           Consumer::kNfsd,
                           {*PeerPattern::Parse("127.0.0.0/8")},
                           config.server};
    config.sections = {named, loopback};
    return config;
  }
  const Profile& ChosenFor(const Request& request) {
    return resources_.Choose(request, InferConsumer(request),
                             ReadSocketFacts(request.socket.borrow()));
  }
  void ExpectProblem(const Slot& slot, Code code) {
    const Problem* problem = std::get_if<Problem>(&slot);
    ASSERT_NE(problem, nullptr);
    EXPECT_EQ(problem->code, code);
  }
};

TEST_F(ResourcesTest, IsLoadingAtFirst) {
  EXPECT_TRUE(std::holds_alternative<Loading>(client().trust));
  EXPECT_EQ(ChosenFor(NfsTls()).standing, Standing::kUnread);
  resources_.Reload(GoodConfig());
  EXPECT_EQ(ChosenFor(NfsTls()).standing, Standing::kRead);
  EXPECT_TRUE(std::holds_alternative<Loading>(client().trust));
  LoadAll();
  EXPECT_TRUE(client().sound());
  EXPECT_TRUE(std::holds_alternative<Loaded>(client().trust));
}

TEST_F(ResourcesTest, PutsNothingInThePlaceOfAnAbsentFile) {
  Config config = GoodConfig();
  config.client.truststore = "/no/such/file";
  config.server.crl = "";
  resources_.Reload(config);
  LoadAll();
  ExpectProblem(client().trust, Code::kTrustStoreUnusable);
  ExpectProblem(resources_.side(Side::kServer).trust, Code::kCrlUnusable);
  EXPECT_EQ(log_.Count("side=client code=trust_store_unusable",
                       "file=/no/such/file", "No such file"),
            1)
      << log_.All();
}

TEST_F(ResourcesTest, RefusesHalfACredential) {
  Config config = GoodConfig();
  config.client.private_key.reset();
  resources_.Reload(config);
  LoadAll();
  ExpectProblem(client().credential, Code::kConfigUnusable);
}

// --- a post-quantum certificate beside the classic one ---

TEST_F(ResourcesTest, LoadsAPostQuantumCertificateAsSuch) {
  Config config = GoodConfig();
  config.client.pq_certificate = File("pq_certificate");
  config.client.pq_private_key = File("pq_key");
  resources_.Reload(config);
  std::vector<int> post_quantum;
  while (auto load = Next<LoadCredential, ToKeeper>(*keeper_)) {
    post_quantum.push_back(load->post_quantum);
  }
  // One classic, which both sides share, and the client's.
  std::ranges::sort(post_quantum);
  EXPECT_EQ(post_quantum, (std::vector<int>{0, 1}));
}

TEST_F(ResourcesTest, IsNotSoundWithoutItsPostQuantumCertificate) {
  Config config = GoodConfig();
  config.client.pq_certificate = "/no/such/file";
  config.client.pq_private_key = File("pq_key");
  config.server.pq_certificate = File("pq_certificate");
  resources_.Reload(config);
  LoadAll();
  ExpectProblem(client().pq_credential, Code::kCertificateUnusable);
  EXPECT_FALSE(client().sound());
  ExpectProblem(resources_.side(Side::kServer).pq_credential,
                Code::kConfigUnusable);
  EXPECT_EQ(log_.Count("side=client", "file=/no/such/file", "No such file",
                       "handshakes that need it are refused"),
            1)
      << log_.All();
  EXPECT_EQ(log_.Count("side=server", "x509.pq.private_key go together"), 1)
      << log_.All();
}

TEST_F(ResourcesTest, NamesTheFileOfAPostQuantumCertificateThatFails) {
  Config config = GoodConfig();
  config.client.pq_certificate = File("pq_certificate");
  config.client.pq_private_key = File("pq_key");
  resources_.Reload(config);
  LoadAll(Outcome::Failure(Code::kPrivateKeyUnusable));
  EXPECT_EQ(log_.Count("code=private_key_unusable", "reason=words",
                       "/pq_certificate"),
            1)
      << log_.All();
}

TEST_F(ResourcesTest, HoldsAndForgetsBothCertificates) {
  Config config = GoodConfig();
  config.client.pq_certificate = File("pq_certificate");
  config.client.pq_private_key = File("pq_key");
  resources_.Reload(config);
  LoadAll();
  const JobCredentials held = {std::get<Loaded>(client().pq_credential).id,
                               std::get<Loaded>(client().credential).id};
  resources_.Hold(held);
  resources_.Reload(config);
  LoadAll();
  EXPECT_TRUE(resources_.TakeForgotten().empty());
  resources_.Release(held);
  EXPECT_EQ(resources_.TakeForgotten(),
            std::vector<CredentialId>(held.begin(), held.end()));
}

TEST_F(ResourcesTest, WatchesTheFilesOfBothCertificates) {
  Config config;
  config.server.certificate = "/c";
  config.server.pq_certificate = "/pq/c";
  config.server.pq_private_key = "/pq/k";
  const auto files = resources_.FilesOf(config);
  for (const char* file : {"/c", "/pq/c", "/pq/k"}) {
    EXPECT_EQ(std::ranges::count(files, file), 1) << file;
  }
}

TEST_F(ResourcesTest, UsesNoPostQuantumKeyOfAKeeperThatDied) {
  Config config = GoodConfig();
  config.client.pq_certificate = File("pq_certificate");
  config.client.pq_private_key = File("pq_key");
  resources_.Reload(config);
  LoadAll();
  resources_.LoseKeeper();
  EXPECT_TRUE(std::holds_alternative<Loading>(client().pq_credential));
}

TEST_F(ResourcesTest, OpensTheTokensOfBothCertificates) {
  Config config = GoodConfig();
  config.client.pq_certificate = File("pq_certificate");
  config.client.pq_private_key = "pkcs11:object=pq";
  resources_.Reload(config);
  EXPECT_EQ(resources_.keeper_role(), ProcessRole::kTokenKeeper);
}

// --- expected volume ---

TEST_F(ResourcesTest, WarnsOfMoreThanAKeyIsGoodFor) {
  Config config = WithSections();
  config.client.expected_volume = 500'000'000'000;
  config.server.expected_volume = 500'000'000'000;
  config.server.suites = {CipherSuite::kChaCha20Poly1305Sha256};
  resources_.Reload(config);
  LoadAll();
  EXPECT_EQ(log_.Count("expected.volume"), 1) << log_.All();
  EXPECT_EQ(log_.Count("event=config_problem", "settings=authenticate.client",
                       "TLS_AES_256_GCM_SHA384 for 388G"),
            1)
      << log_.All();
  EXPECT_TRUE(client().sound());
}

// --- session tags ---

// All of them are seen by FileStamps; what appears in a directory by its name
// with a slash.
TEST_F(ResourcesTest, WatchesWhereFilesMayAppear) {
  const std::string directory = ::testing::TempDir() + "/new-tags.d";
  std::filesystem::remove_all(directory);
  resources_.set_tags_directory(directory);
  const auto changes = [this](const auto& change) {
    const FileStamps stamps(resources_.PlacesOf(GoodConfig()));
    change();
    return stamps.Changed();
  };
  EXPECT_FALSE(changes([] {}));
  EXPECT_TRUE(changes([&] { std::filesystem::create_directory(directory); }));
  // An empty one too is watched, not only as an entry of the one above it.
  const FileStamps stamps(resources_.PlacesOf(GoodConfig()));
  EXPECT_EQ(std::ranges::count(stamps.Directories(), directory), 1);
  EXPECT_TRUE(changes([&] { std::ofstream(directory + "/a.yml") << "a"; }));
  EXPECT_TRUE(changes([&] { std::ofstream(directory + "/a.yml") << "ab"; }));

  // Which of its places the system's store will be at is not known.
  const std::vector<std::string> files = resources_.PlacesOf(Config());
  for (const char* place : SystemTrustStorePlaces()) {
    EXPECT_EQ(std::ranges::count(files, place), 1) << place;
  }
}

// More than a link holds: 64 lists of 40 KiB and 64 files of 64 KiB.
TEST_F(ResourcesTest, LoadsAConfigurationAtAllItsLimits) {
  const std::string directory = ::testing::TempDir() + "/large-tags.d";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  resources_.set_tags_directory(directory);
  for (std::size_t i = 0; i < kMaxTagFiles; ++i) {
    std::ofstream(directory + "/" + std::to_string(i) + ".yml")
        << std::string(LoadTags::kCarries.payload, 'a');
  }
  Config config = GoodConfig();
  for (std::size_t i = 0; i < kMaxSections; ++i) {
    Section section = WithSections().sections[0];
    section.name = "peer." + std::to_string(i);
    section.config.allowed.emplace();
    for (std::size_t n = 0; n < 150; ++n) {
      section.config.allowed->push_back(
          {AllowedBy::kDns, std::string(250, 'a') + std::to_string(i)});
    }
    config.sections.push_back(section);
  }
  resources_.Reload(config);
  std::size_t tags = 0;
  std::size_t trusts = 0;
  switchboard_.OnTime();
  // Soon again: nothing tells when there is room.
  ASSERT_LE(switchboard_.NextWake(),
            clock_.Now() + std::chrono::milliseconds(10));
  for (int i = 0; i < 100 && trusts <= kMaxSections; ++i) {
    switchboard_.OnTime();
    for (;;) {
      auto received = verifier_->Receive<ToVerifier>(Descriptors::kTake);
      ASSERT_TRUE(received.ok());
      if (!received->has_value()) {
        break;
      }
      tags += std::holds_alternative<LoadTags>((*received)->message) ? 1 : 0;
      if (const auto* load = std::get_if<LoadTrust>(&(*received)->message)) {
        ++trusts;
        TrustLoaded loaded;
        loaded.id = load->id;
        loaded.outcome = Outcome::Success();
        EXPECT_TRUE(verifier_->Send(loaded).ok());
        EXPECT_TRUE(switchboard_.ReadVerifier().ok());
      }
    }
    LoadAll();
  }
  EXPECT_EQ(tags, kMaxTagFiles);
  EXPECT_EQ(trusts, kMaxSections + 1);
  EXPECT_EQ(resources_.tags_problem(), std::nullopt);
  ASSERT_EQ(resources_.profiles().size(), kMaxSections + 2);
  for (const Profile& profile : resources_.profiles()) {
    EXPECT_TRUE(profile.settings.sound()) << profile.name;
  }
}

TEST_F(ResourcesTest, SendsTheFilesOfTags) {
  const std::string directory = ::testing::TempDir() + "/tags.d";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  resources_.set_tags_directory(directory);
  for (const char* name : {"/b.yml", "/a.yaml", "/c.example"}) {
    std::ofstream(directory + name) << name;
  }

  resources_.Reload(GoodConfig());

  for (const char* name : {"/a.yaml", "/b.yml"}) {
    const auto load = Next<LoadTags, ToVerifier>(*verifier_);
    ASSERT_TRUE(load.has_value());
    EXPECT_EQ(load->files, 2U);
    EXPECT_EQ(std::string(payload_.begin(), payload_.end()), name);
  }
  TagsLoaded failed;
  failed.outcome = Outcome::Failure(Code::kConfigUnusable);
  failed.file = 1;
  failed.text = decltype(failed.text)::Of("line 1: words");
  ASSERT_TRUE(verifier_->Send(failed).ok());
  LoadAll();
  EXPECT_EQ(log_.Count("event=config_problem", "/b.yml", "line 1: words",
                       "the old tags stay in use"),
            1)
      << log_.All();

  // None any more: that is told, once.
  std::filesystem::remove_all(directory);
  resources_.Reload(GoodConfig());
  const auto none = Next<LoadTags, ToVerifier>(*verifier_);
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ(none->files, 0U);
  resources_.Reload(GoodConfig());
  EXPECT_FALSE((Next<LoadTags, ToVerifier>(*verifier_).has_value()));
}

TEST_F(ResourcesTest, SendsNoTagsWhenOneFileCannotBeRead) {
  const std::string directory = ::testing::TempDir() + "/unreadable.d";
  std::filesystem::create_directories(directory + "/b.yml");
  resources_.set_tags_directory(directory);
  std::ofstream(directory + "/a.yml") << "a";

  resources_.Reload(GoodConfig());

  EXPECT_FALSE((Next<LoadTags, ToVerifier>(*verifier_).has_value()));
  EXPECT_EQ(log_.Count("b.yml", "not a regular file"), 1) << log_.All();
}

// --- files ---

TEST_F(ResourcesTest, RefusesAKeyThatOthersMayRead) {
  Config config = GoodConfig();
  config.client.private_key = File("open_key");
  ::chmod(config.client.private_key->c_str(), 0640);
  resources_.Reload(config);
  LoadAll();
  ExpectProblem(client().credential, Code::kPrivateKeyUnusable);
  EXPECT_EQ(log_.Count("open_key", "mode 0640", "0400 or 0600"), 1)
      << log_.All();
}

TEST_F(ResourcesTest, SaysWhatTheLoaderFound) {
  resources_.Reload(GoodConfig());
  LoadAll(Outcome::Failure(Code::kPrivateKeyUnusable));
  ExpectProblem(client().credential, Code::kPrivateKeyUnusable);
  EXPECT_EQ(
      log_.Count("code=private_key_unusable", "reason=words", "/certificate"),
      2)
      << log_.All();
}

TEST_F(ResourcesTest, KeepsWhatWasSoundWhenTheNewIsNot) {
  resources_.Reload(GoodConfig());
  LoadAll();
  const uint64_t trust = std::get<Loaded>(client().trust).id;
  const uint64_t credential = std::get<Loaded>(client().credential).id;
  Config config = GoodConfig();
  config.client.crl = "/no/such/file";
  resources_.Reload(config);
  LoadAll();
  // The whole side, or nobody knows what serves.
  EXPECT_EQ(std::get<Loaded>(client().trust).id, trust);
  EXPECT_EQ(std::get<Loaded>(client().credential).id, credential);
  EXPECT_EQ(log_.Count("the old settings stay in use"), 1);
  EXPECT_NE(std::get<Loaded>(resources_.side(Side::kServer).trust).id, trust);
}

// A keeper that dies takes no trust with it, whose file is not sound any more.
TEST_F(ResourcesTest, KeepsWhatWasNotLostWithAKeeper) {
  const Config config = GoodConfig();
  resources_.Reload(config);
  LoadAll();
  const uint64_t trust = std::get<Loaded>(client().trust).id;
  std::filesystem::remove(*config.client.truststore);
  resources_.Reload(config);
  LoadAll();
  ASSERT_TRUE(client().sound());
  switchboard_.LoseKeeper();
  switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
  LoadAll();
  EXPECT_TRUE(client().sound());
  EXPECT_EQ(std::get<Loaded>(client().trust).id, trust);
}

TEST_F(ResourcesTest, TakesTheNewWhenTheOldWasNotSound) {
  Config config = GoodConfig();
  config.client.crl = "/no/such/file";
  resources_.Reload(config);
  LoadAll();
  ExpectProblem(client().trust, Code::kCrlUnusable);
  resources_.Reload(GoodConfig());
  LoadAll();
  EXPECT_TRUE(client().sound());
}

TEST_F(ResourcesTest, ForgetsWhatWasReplacedWhenItsLastJobEnded) {
  Config config = GoodConfig();
  config.server.certificate = File("server_certificate");
  resources_.Reload(config);
  LoadAll();
  const uint64_t held = std::get<Loaded>(client().credential).id;
  resources_.Hold(held);
  resources_.Reload(config);
  LoadAll();
  EXPECT_EQ(resources_.TakeForgotten().size(), 1U);  // the server's
  resources_.Release(held);
  EXPECT_EQ(resources_.TakeForgotten(), std::vector<CredentialId>{held});
}

TEST_F(ResourcesTest, UsesNothingOfAKeeperThatDied) {
  resources_.Reload(GoodConfig());
  LoadAll();
  const uint64_t old = std::get<Loaded>(client().credential).id;
  resources_.LoseKeeper();
  EXPECT_TRUE(std::holds_alternative<Loading>(client().credential));
  switchboard_.AddKeeper(PlayedBy(keeper_, ends_));
  LoadAll();
  EXPECT_GT(std::get<Loaded>(client().credential).id, old);
}

TEST_F(ResourcesTest, ForgetsWhatCouldNotBeLoaded) {
  resources_.Reload(GoodConfig());
  LoadAll(Outcome::Failure(Code::kPrivateKeyUnusable),
          Outcome::Failure(Code::kTrustStoreUnusable));
  EXPECT_TRUE((Next<Forget, ToKeeper>(*keeper_).has_value()));
  EXPECT_TRUE((Next<Forget, ToVerifier>(*verifier_).has_value()));
}

TEST_F(ResourcesTest, ForgetsAtTheVerifierWhatADyingKeeperInterrupted) {
  resources_.Reload(GoodConfig());
  resources_.LoseKeeper();
  EXPECT_TRUE((Next<Forget, ToVerifier>(*verifier_).has_value()));
}

TEST_F(ResourcesTest, ForgetsAtTheKeeperWhatADyingVerifierInterrupted) {
  resources_.Reload(GoodConfig());
  resources_.LoseVerifier();
  EXPECT_TRUE((Next<Forget, ToKeeper>(*keeper_).has_value()));
}

// --- Sections ---

TEST_F(ResourcesTest, ChoosesTheSectionOfAPeer) {
  resources_.Reload(WithSections());
  LoadAll();
  EXPECT_EQ(ChosenFor(NfsTls()).name, "peer.named");  // "server"
  EXPECT_EQ(ChosenFor(Nfsd()).name, "peer.loopback");
  Request by_address = NfsTls();
  by_address.peer_name = "127.0.0.1";
  EXPECT_EQ(ChosenFor(std::move(by_address)).name, "authenticate.client");
}

// It has the files of its group, and what it shares is loaded once.
TEST_F(ResourcesTest, LoadsWhatSectionsName) {
  const Config config = WithSections();
  resources_.Reload(config);
  std::vector<uint64_t> trusts;
  while (auto load = Next<LoadTrust, ToVerifier>(*verifier_)) {
    trusts.push_back(load->id);
  }
  EXPECT_EQ(trusts.size(), 2U);  // the general ones, and peer.named's
  const std::vector<std::string> files = resources_.FilesOf(config);
  EXPECT_EQ(std::ranges::count(files, *config.sections[0].config.truststore),
            1);
}

// And never the wider one's settings in its place.
TEST_F(ResourcesTest, LetsABrokenSectionRefuse) {
  Config config = WithSections();
  config.sections[0].config.truststore = "/no/such/file";
  resources_.Reload(config);
  LoadAll();
  EXPECT_TRUE(client().sound());
  const Profile& chosen = ChosenFor(NfsTls());
  EXPECT_EQ(chosen.name, "peer.named");
  ExpectProblem(chosen.settings.trust, Code::kTrustStoreUnusable);
  EXPECT_EQ(log_.Count("settings=peer.named", "/no/such/file",
                       "handshakes that need it are refused"),
            1)
      << log_.All();
}

// The list is the verifier's; it makes a trust of its own.
TEST_F(ResourcesTest, SendsTheListOfClients) {
  Config config = GoodConfig();
  config.server.allowed = {{AllowedBy::kDns, "a"},
                           {AllowedBy::kSubject, "CN=b"}};
  config.server.rpc_certificates = true;
  resources_.Reload(config);
  const auto client = Next<LoadTrust, ToVerifier>(*verifier_);
  ASSERT_TRUE(client.has_value());
  EXPECT_EQ(client->allowed, 0U);
  EXPECT_EQ(client->rpc_certificates, 0U);
  EXPECT_TRUE(payload_.empty());
  const auto server = Next<LoadTrust, ToVerifier>(*verifier_);
  ASSERT_TRUE(server.has_value());
  EXPECT_EQ(server->allowed, 2U);
  EXPECT_EQ(server->rpc_certificates, 1U);
  EXPECT_EQ(payload_, (Bytes{0, 2, 1, 'a', 0, 5, 5, 'C', 'N', '=', 'b'}));
}

TEST_F(ResourcesTest, HasTheChoicesOfEachSection) {
  Config config = WithSections();
  config.client.suites = {CipherSuite::kAes128GcmSha256};
  config.sections[0].config.suites = {CipherSuite::kChaCha20Poly1305Sha256};
  config.sections[0].config.groups = {handshake::NamedGroup::kX25519};
  config.sections[0].config.alpn_required = true;
  resources_.Reload(config);
  LoadAll();
  const SideSettings& named = ChosenFor(NfsTls()).settings;
  EXPECT_EQ(named.suites, config.sections[0].config.suites);
  EXPECT_EQ(named.groups, *config.sections[0].config.groups);
  EXPECT_TRUE(named.require_alpn);
  EXPECT_EQ(client().suites, config.client.suites);
  EXPECT_TRUE(client().groups.empty());
  EXPECT_FALSE(client().require_alpn);
}

// With the option on, no policy means no handshakes.
TEST_F(ResourcesTest, RefusesWithoutTheCryptoPolicyThatItWasToRead) {
  Config config = WithSections();
  const std::string path = ::testing::TempDir() + "/policy.cnf";
  ASSERT_EQ(::setenv("OPENSSL_CONF", path.c_str(), 1), 0);
  std::ofstream(path) << "openssl_conf=a\n[a]\nssl_conf=b\n[b]\n"
                         "system_default=c\n[c]\n"
                         "Ciphersuites=TLS_AES_256_GCM_SHA384\nOptions=d\n";
  resources_.Reload(config);  // the option is off
  LoadAll();
  EXPECT_FALSE(client().suites.has_value());
  config.system_crypto_policy = true;
  EXPECT_EQ(std::ranges::count(resources_.FilesOf(config), path), 1);
  resources_.Reload(config);
  LoadAll();
  EXPECT_EQ(client().suites, std::vector{CipherSuite::kAes256GcmSha384});
  EXPECT_EQ(log_.Count("policy.cnf", "key=Options", "ignoring"), 1);
  ::unlink(path.c_str());
  resources_.Reload(config);
  LoadAll();
  EXPECT_TRUE(client().sound());  // the old one stays
  EXPECT_EQ(log_.Count("policy.cnf", "the old settings stay in use"), 4);
  config.sections[0].match.push_back(*PeerPattern::Parse("other"));
  resources_.Reload(config);
  LoadAll();
  EXPECT_TRUE(ChosenFor(NfsTls()).settings.problem.has_value());
  ::unsetenv("OPENSSL_CONF");
}

// That takes no keeper and no verifier: pre-shared keys have no use for them.
TEST_F(ResourcesTest, AgreesOnWhatIsConfiguredBeforeAnythingIsLoaded) {
  resources_.LoseKeeper();
  Config config = WithSections();
  config.client.suites = {CipherSuite::kAes128GcmSha256};
  Section host{"consumer.nvme-host", Consumer::kNvmeHost, {}, config.client};
  host.config.groups = {handshake::NamedGroup::kX25519};
  config.sections.push_back(host);
  resources_.Reload(config);
  const Profile& chosen = ChosenFor(NvmeHost({7}));
  EXPECT_EQ(chosen.name, "consumer.nvme-host");
  EXPECT_EQ(chosen.settings.suites, config.client.suites);
  EXPECT_EQ(chosen.settings.groups, *host.config.groups);
  EXPECT_EQ(ChosenFor(NfsTls()).name, "peer.named");
  EXPECT_TRUE(
      std::holds_alternative<Loading>(ChosenFor(NfsTls()).settings.trust));
  // And those of the next one, while nothing of the first served.
  config.client.suites = {CipherSuite::kChaCha20Poly1305Sha256};
  resources_.Reload(config);
  EXPECT_EQ(client().suites, config.client.suites);
}

TEST_F(ResourcesTest, SwapsAllSettingsAtOnce) {
  resources_.Reload(WithSections());
  LoadAll();
  const Slot before = ChosenFor(NfsTls()).settings.trust;
  resources_.Reload(GoodConfig());
  EXPECT_EQ(ChosenFor(NfsTls()).name, "peer.named");  // until all is there
  LoadAll();
  EXPECT_EQ(ChosenFor(NfsTls()).name, "authenticate.client");
  EXPECT_NE(std::get<Loaded>(client().trust).id, std::get<Loaded>(before).id);
}

TEST_F(ResourcesTest, KeepsASoundSectionWhenTheNewOneIsNot) {
  resources_.Reload(WithSections());
  LoadAll();
  const uint64_t old = std::get<Loaded>(ChosenFor(NfsTls()).settings.trust).id;
  const uint64_t general = std::get<Loaded>(client().trust).id;
  Config config = WithSections();
  config.sections[0].config.truststore = "/no/such/file";
  resources_.Reload(config);
  LoadAll();
  EXPECT_EQ(std::get<Loaded>(ChosenFor(NfsTls()).settings.trust).id, old);
  EXPECT_NE(std::get<Loaded>(client().trust).id, general);
  EXPECT_EQ(log_.Count("settings=peer.named", "the old settings stay in use"),
            1);
  // For other peers it would be a new one: nothing of the old is for them.
  config.sections[0].match.push_back(*PeerPattern::Parse("other"));
  resources_.Reload(config);
  LoadAll();
  ExpectProblem(ChosenFor(NfsTls()).settings.trust, Code::kTrustStoreUnusable);
}

TEST_F(ResourcesTest, SettlesWhenAReloadOvertakesAnother) {
  resources_.Reload(GoodConfig());
  resources_.Reload(GoodConfig());
  LoadAll();
  EXPECT_TRUE(client().sound());
}

}  // namespace
}  // namespace ktlsd::agent
