#include "agent/check/try_peer.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "agent/check/rpc.h"
#include "agent/check/stream.h"
#include "agent/keyring/testing/fake_keyrings.h"
#include "base/bytes.h"
#include "base/owned_fd.h"
#include "handshake/config.h"
#include "handshake/credential.h"
#include "handshake/local_psks.h"
#include "handshake/peer_verifier.h"
#include "handshake/record_protection.h"
#include "handshake/testing/local_peer.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

using handshake::BytesOf;
using handshake::kTestNow;
using handshake::LocalPeer;
using handshake::LocalPeerSetup;
using handshake::TestCertificate;
using handshake::TestPki;
using std::chrono::milliseconds;

class TestClock final : public Clock {
 public:
  MonotonicTime Now() const override { return {}; }
  CalendarTime Today() const override { return kTestNow; }
};

MonotonicTime Soon() { return SystemClock().Now() + std::chrono::seconds(20); }

// A server of one connection, on a thread.
class OneServer {
 public:
  using Serve = std::function<void(Stream&)>;
  explicit OneServer(Serve serve)
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.raw(), generic, size), 0);
    EXPECT_EQ(::listen(listener_.raw(), 1), 0);
    EXPECT_EQ(::getsockname(listener_.raw(), generic, &size), 0);
    port_ = std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, serve = std::move(serve)] {
      OwnedFd socket(
          ::accept4(listener_.raw(), nullptr, nullptr, SOCK_CLOEXEC));
      Stream stream(std::move(socket), Soon());
      serve(stream);
    });
  }
  ~OneServer() { thread_.join(); }
  OneServer(const OneServer&) = delete;
  OneServer& operator=(const OneServer&) = delete;
  const std::string& port() const { return port_; }

 private:
  OwnedFd listener_;
  std::string port_;
  std::thread thread_;
};

// Reads until the client closes: what was sent before arrives.
void WaitForEnd(Stream& stream) {
  Bytes buffer(4096);
  for (;;) {
    const auto count = stream.Read(buffer);
    if (!count.ok() || *count == 0) {
      return;
    }
  }
}

Bytes ReadCall(Stream& stream) {
  Bytes mark(kRecordMark);
  EXPECT_TRUE(stream.ReadAll(mark).ok());
  Bytes call(RecordSize(mark).value_or(0));
  EXPECT_TRUE(stream.ReadAll(call).ok());
  return call;
}

// The reply of `words`, each of four bytes, to the call number 1.
Bytes Reply(const std::vector<std::string>& words) {
  std::string reply("\x80\0\0\0\0\0\0\1\0\0\0\1", 12);
  for (const std::string& word : words) {
    reply += word;
  }
  reply[3] = static_cast<char>(reply.size() - kRecordMark);
  return {reply.begin(), reply.end()};
}
const std::string kZero(4, '\0');
const std::string kEight("\0\0\0\x08", 4);

Bytes StartTls() { return Reply({kZero, kZero, kEight, "STARTTLS", kZero}); }

void GreetWith(Stream& stream, const Bytes& reply) {
  EXPECT_EQ(ReadCall(stream).size(), 40U);
  EXPECT_TRUE(stream.Write(reply).ok());
}

// The reply that the first call over TLS, number 2, wants.
Bytes Done() {
  Bytes reply = Reply({kZero, kZero, kZero, kZero});
  reply[kRecordMark + 3] = 2;
  return reply;
}

// The server's end of a handshake; then records of data to the client.
void ServeTls(Stream& stream, LocalPeerSetup setup,
              const std::vector<Bytes>& records = {Done()}) {
  LocalPeer peer = LocalPeer::Server(std::move(setup));
  while (!peer.done()) {
    const Bytes output(peer.engine().output().begin(),
                       peer.engine().output().end());
    if (!output.empty()) {
      if (!stream.Write(output).ok()) {
        return;
      }
      peer.engine().Written(output.size());
    } else if (!peer.wants()) {
      return WaitForEnd(stream);  // it failed
    } else {
      Bytes buffer(*peer.wants());
      const auto count = stream.Read(buffer);
      if (!count.ok() || *count == 0) {
        return;
      }
      peer.engine().Feed(ByteView(buffer).first(*count));
    }
    peer.Settle();
  }
  auto session = std::move(peer.engine()).TakeSession();
  ASSERT_TRUE(session.ok());
  const SessionKeys& keys = session->session.keys;
  auto sealer =
      handshake::RecordSealer::Create(keys.suite, keys.send.traffic_secret);
  for (const Bytes& content : records) {
    Bytes record;
    ASSERT_TRUE(
        sealer->Seal(handshake::ContentType::kApplicationData, content, record)
            .ok());
    EXPECT_TRUE(stream.Write(record).ok());
  }
  WaitForEnd(stream);
}

class TryPeerTest : public ::testing::Test {
 protected:
  TryPeerTest() {
    Write("ca", pki_.root.pem());
    Write("client.pem", pki_.ChainPemOf(pki_.client));
    Write("client.key", pki_.client.key_pem());
    kernel_.tls->tls = true;
    kernel_.tls->suites = handshake::DefaultSuites();
    server_.credentials = {&server_credential_};
    server_.trust = &trust_;
    server_.policy = {handshake::Role::kClient, {}, kTestNow};
    server_.server.client_auth = handshake::ClientAuth::kRequest;
    server_.server.alpn_protocols = {{'s', 'u', 'n', 'r', 'p', 'c'}};
    question_.consumer = Consumer::kNfsClient;
    question_.host = "127.0.0.1";
    question_.name = "server.example";
    question_.patience = milliseconds(20'000);
  }

  std::string Write(const std::string& name, const std::string& text,
                    mode_t mode = 0600) {
    const std::string path = ::testing::TempDir() + "/try_" + name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  std::string Plain() {
    return "[authenticate.client]\nx509.truststore=" + Path("ca") + "\n";
  }
  std::string Mutual() {
    return Plain() + "x509.certificate=" + Path("client.pem") +
           "\nx509.private_key=" + Path("client.key") + "\n";
  }
  std::string Path(const std::string& name) {
    return ::testing::TempDir() + "/try_" + name;
  }

  // Tries a server that does `serve`.
  bool Try(const std::string& config, OneServer::Serve serve) {
    const OneServer server(std::move(serve));
    question_.port = server.port();
    return Try(config);
  }
  bool Try(const std::string& config) {
    const TestClock clock;
    const auto link = [](const std::vector<std::string>&) {
      return std::vector<std::string>();
    };
    const Answer answer = TryPeer(Write("config", config), question_,
                                  {kernel_, 0, keyrings_, link, clock});
    text_ = answer.text;
    return answer.ok;
  }
  // A mount: RPC first, then TLS, then what is sent over it.
  bool Mount(const std::string& config,
             const std::vector<Bytes>& records = {Done()}) {
    return Try(config, [this, &records](Stream& stream) {
      GreetWith(stream, StartTls());
      ServeTls(stream, server_, records);
    });
  }
  bool Nvme(const handshake::LocalPsks& targets) {
    question_.consumer = Consumer::kNvmeHost;
    server_.psks = &targets;
    server_.server.psk = handshake::PskPolicy::kRequire;
    server_.server.alpn_protocols.clear();
    return Try("", [this](Stream& stream) { ServeTls(stream, server_); });
  }
  bool Says(const std::string& words) const {
    return text_.find(words) != std::string::npos;
  }

  const TestPki pki_ = handshake::MakeTestPki();
  const handshake::Credential server_credential_ =
      handshake::Credential::FromPem(BytesOf(pki_.ChainPemOf(pki_.server)),
                                     BytesOf(pki_.server.key_pem()))
          .value();
  handshake::TrustStore trust_ =
      handshake::TrustStore::FromPem(BytesOf(pki_.root.pem()), {}).value();
  LocalPeerSetup server_;
  PeerQuestion question_;
  KernelFacts kernel_;
  FakeKeyrings keyrings_;
  std::string text_;
};

// --- What works ---

TEST_F(TryPeerTest, SaysWhatWasAgreedOn) {
  EXPECT_TRUE(Mount(Plain())) << text_;
  EXPECT_TRUE(Says("connected: 127.0.0.1:")) << text_;
  EXPECT_TRUE(Says("settings: authenticate.client\n")) << text_;
  EXPECT_TRUE(Says("rpc: the server offers TLS\n")) << text_;
  EXPECT_TRUE(Says("tls: TLS_AES_256_GCM_SHA384, ")) << text_;
  EXPECT_TRUE(Says("asked for a certificate and got none, sunrpc\n")) << text_;
  EXPECT_TRUE(
      Says("peer: CN=Test Server, of CN=Test Intermediate, from "
           "2020-01-01 until 2045-01-01, for server.example"))
      << text_;
  EXPECT_TRUE(Says("answers over TLS\nok\n")) << text_;
}

TEST_F(TryPeerTest, ShowsTheCertificateThatIsConfigured) {
  EXPECT_TRUE(Mount(Mutual())) << text_;
  EXPECT_TRUE(Says(", we by ecdsa_secp256r1_sha256")) << text_;
  question_.security = Security::kTls;
  EXPECT_TRUE(Mount(Mutual())) << text_;
  EXPECT_FALSE(Says(", we by")) << text_;
}

TEST_F(TryPeerTest, OffersWhatTheKernelTakes) {
  kernel_.tls->suites = {CipherSuite::kChaCha20Poly1305Sha256};
  EXPECT_TRUE(Mount(Plain())) << text_;
  EXPECT_TRUE(Says("TLS_CHACHA20_POLY1305_SHA256")) << text_;
}

TEST_F(TryPeerTest, FollowsTheSettingsForTheServer) {
  EXPECT_TRUE(Mount(Plain() + "ciphers=TLS_AES_128_GCM_SHA256\n"
                              "groups=secp256r1\nalpn.required=true\n"))
      << text_;
  EXPECT_TRUE(Says("tls: TLS_AES_128_GCM_SHA256, secp256r1, ")) << text_;
  EXPECT_FALSE(Mount(Plain() + "eku=rpc\n"));
  EXPECT_TRUE(Says("(certificate_wrong_purpose, fault: peer)")) << text_;
  server_.server.alpn_protocols.clear();
  EXPECT_FALSE(Mount(Plain() + "alpn.required=true\n"));
  EXPECT_TRUE(Says("(no_application_protocol, fault: peer)")) << text_;
}

// --- What the server is refused for ---

TEST_F(TryPeerTest, ExplainsAWrongName) {
  question_.name = "other.example";
  EXPECT_FALSE(Mount(Plain()));
  EXPECT_TRUE(Says("(certificate_name_mismatch, fault: peer)")) << text_;
  EXPECT_TRUE(Says("  do:   mount by a name")) << text_;
  EXPECT_TRUE(Says("told the peer: bad_certificate")) << text_;
  EXPECT_TRUE(Says("for server.example")) << text_;
}

TEST_F(TryPeerTest, ExplainsAnUnknownAuthority) {
  Write("ca",
        TestCertificate::SelfSigned({.common_name = "other", .authority = true})
            .pem());
  EXPECT_FALSE(Mount(Plain()));
  EXPECT_TRUE(Says("(certificate_unknown_issuer, fault: peer)")) << text_;
  EXPECT_TRUE(Says("(depth 1, CN=Test Intermediate)")) << text_;
  EXPECT_TRUE(Says("told the peer: unknown_ca")) << text_;
}

TEST_F(TryPeerTest, ExplainsThatTheServerDoesNotWantOurCertificate) {
  server_.server.certificate_authorities = {{0x30, 0x00}};  // an empty name
  EXPECT_FALSE(Mount(Mutual()));
  EXPECT_TRUE(Says("(certificate_required, fault: peer)")) << text_;
  EXPECT_TRUE(Says("our certificate is none that the server asks for"))
      << text_;
  server_.server.client_auth = handshake::ClientAuth::kNone;
  EXPECT_FALSE(Mount(Mutual()));
  EXPECT_TRUE(Says("the server did not ask for our certificate")) << text_;
}

// --- What the server refuses ---

TEST_F(TryPeerTest, ExplainsThatOurCertificateIsRefused) {
  trust_ = handshake::TrustStore::FromPem(
               BytesOf(TestCertificate::SelfSigned(
                           {.common_name = "other", .authority = true})
                           .pem()),
               {})
               .value();
  EXPECT_FALSE(Mount(Mutual()));
  EXPECT_TRUE(Says("tls: TLS_AES_256_GCM_SHA384")) << text_;
  EXPECT_TRUE(Says("behind the handshake")) << text_;
  EXPECT_TRUE(Says("the peer's alert: unknown_ca")) << text_;
  EXPECT_TRUE(Says("(alert_received, fault: peer)")) << text_;
}

TEST_F(TryPeerTest, ExplainsThatACertificateIsRequired) {
  server_.server.client_auth = handshake::ClientAuth::kRequire;
  EXPECT_FALSE(Mount(Plain()));
  EXPECT_TRUE(Says("the peer's alert: certificate_required")) << text_;
}

TEST_F(TryPeerTest, ExplainsThatNothingIsInCommon) {
  kernel_.tls->suites = {CipherSuite::kAes256GcmSha384};
  server_.server.suites = {CipherSuite::kAes128CcmSha256};
  EXPECT_FALSE(Mount(Plain()));
  EXPECT_TRUE(Says("the peer's alert: handshake_failure")) << text_;
}

// --- What is answered over TLS ---

TEST_F(TryPeerTest, ReadsAReplyInPieces) {
  const Bytes reply = Done();
  const auto at = [&reply](std::ptrdiff_t from, std::ptrdiff_t to) {
    return Bytes(reply.begin() + from, reply.begin() + to);
  };
  EXPECT_TRUE(Mount(Plain(), {at(0, 3), at(3, 20), at(20, 28)})) << text_;
}

TEST_F(TryPeerTest, ExplainsAServerThatRefusesTheCall) {
  Bytes failed = Done();
  failed.back() = 2;
  EXPECT_FALSE(Mount(Plain(), {failed}));
  EXPECT_TRUE(Says("refused over TLS: the server does not do the call"))
      << text_;
}

TEST_F(TryPeerTest, TakesNoDataForAReply) {
  EXPECT_FALSE(Mount(Plain(), {{'H', 'T', 'T', 'P'}}));
  EXPECT_TRUE(Says("refused over TLS: what answers is no RPC")) << text_;
  Bytes foreign = Done();
  foreign[kRecordMark + 3] = 3;
  EXPECT_FALSE(Mount(Plain(), {foreign}));
  EXPECT_TRUE(Says("no reply of RPC to our call")) << text_;
}

// --- What goes wrong before and around it ---

TEST_F(TryPeerTest, ExplainsAServerWithoutTls) {
  EXPECT_FALSE(Try(Plain(), [](Stream& stream) {
    GreetWith(stream, Reply({kZero, kZero, kZero, kZero}));
  }));
  EXPECT_TRUE(Says("refused before TLS: ")) << text_;
  EXPECT_TRUE(Says("does not offer TLS (no STARTTLS)")) << text_;
}

TEST_F(TryPeerTest, ExplainsAServerThatDenies) {
  const std::string one("\0\0\0\1", 4);
  EXPECT_FALSE(Try(Plain(), [&](Stream& stream) {
    GreetWith(stream, Reply({one, one, std::string("\0\0\0\2", 4)}));
  }));
  EXPECT_TRUE(Says("(AUTH_TLS; reason 2)")) << text_;
  EXPECT_FALSE(Try(Plain(), [&](Stream& stream) {
    GreetWith(stream, Reply({one, kZero, one, one}));
  }));
  EXPECT_TRUE(Says("does not speak this version of RPC")) << text_;
}

TEST_F(TryPeerTest, ExplainsAServerOfAnotherVersion) {
  EXPECT_FALSE(Try(Plain(), [](Stream& stream) {
    GreetWith(stream, Reply({kZero, kZero, kEight, "STARTTLS",
                             std::string("\0\0\0\2", 4)}));
  }));
  EXPECT_TRUE(Says("offers TLS, but not NFS version 4")) << text_;
}

TEST_F(TryPeerTest, ExplainsWhatIsNoRpc) {
  EXPECT_FALSE(Try(Plain(), [](Stream& stream) {
    GreetWith(stream, {'H', 'T', 'T', 'P'});
  }));
  EXPECT_TRUE(Says("what answers is no RPC")) << text_;
  EXPECT_FALSE(Try(Plain(), [](Stream& stream) {
    GreetWith(stream, {0x80, 0, 0, 4, 0, 0, 0, 9});
  }));
  EXPECT_TRUE(Says("no reply of RPC to our call")) << text_;
}

TEST_F(TryPeerTest, ExplainsWhatIsNoTls) {
  EXPECT_FALSE(Try(Plain(), [](Stream& stream) {
    GreetWith(stream, StartTls());
    EXPECT_TRUE(stream.Write(Bytes(64, 'x')).ok());
    WaitForEnd(stream);
  }));
  EXPECT_TRUE(Says("(not_tls, fault: peer)")) << text_;
  EXPECT_TRUE(Says("told the peer: unexpected_message")) << text_;
}

TEST_F(TryPeerTest, ExplainsAServerThatHangsUp) {
  EXPECT_FALSE(Try(Plain(), [](Stream& stream) { ReadCall(stream); }));
  EXPECT_TRUE(Says("failed before TLS: ")) << text_;
  EXPECT_TRUE(Says("(peer_closed, fault: peer)")) << text_;
  EXPECT_FALSE(Try(Plain(), [](Stream& stream) {
    GreetWith(stream, StartTls());
    Bytes header(5);
    EXPECT_TRUE(stream.ReadAll(header).ok());
    Bytes hello(std::size_t{header[3]} << 8 | header[4]);
    EXPECT_TRUE(stream.ReadAll(hello).ok());
  }));
  EXPECT_TRUE(Says("(peer_closed, fault: peer)")) << text_;
}

TEST_F(TryPeerTest, ExplainsASilentServer) {
  question_.patience = milliseconds(50);
  EXPECT_FALSE(Try(Plain(), WaitForEnd));
  EXPECT_TRUE(Says("(deadline_first_byte, fault: peer)")) << text_;
  EXPECT_FALSE(Try(Plain(), [](Stream& stream) {
    GreetWith(stream, StartTls());
    WaitForEnd(stream);
  }));
  EXPECT_TRUE(Says("(deadline_progress, fault: peer)")) << text_;
}

TEST_F(TryPeerTest, SaysWhyThereIsNoConnection) {
  {
    const OneServer server(WaitForEnd);
    question_.port = server.port();
    EXPECT_FALSE(Try(Plain() + "x509.crl=/no/such/file\n"));
    EXPECT_TRUE(Says("failed: /no/such/file: No such file")) << text_;
    question_.patience = milliseconds(50);
    EXPECT_FALSE(Try(Plain()));
  }
  EXPECT_FALSE(Try(Plain()));
  EXPECT_TRUE(Says("no connection: cannot connect: Connection refused"))
      << text_;
}

TEST_F(TryPeerTest, SaysThatTheDaemonWouldRefuseToTry) {
  question_.port = "1";
  question_.security = Security::kMtls;
  EXPECT_FALSE(Try(Plain()));
  EXPECT_TRUE(Says("(no_certificate_configured, fault: config)")) << text_;
  EXPECT_FALSE(Try("no key file"));
  EXPECT_TRUE(Says("(config_unusable, fault: config)")) << text_;
  question_.security = Security::kTls;
  question_.name = "127.1";
  EXPECT_FALSE(Try(Plain()));
  EXPECT_TRUE(Says("(no_peer_name, fault: kernel)")) << text_;
}

// --- Pre-shared keys ---

constexpr std::string_view kIdentity = "NVMe1R01 nqn.host nqn.subsystem";

handshake::LocalPsks Target(std::string_view identity, uint8_t fill) {
  handshake::LocalPsks psks;
  EXPECT_TRUE(psks.Add(BytesOf(identity), Bytes(32, fill)).ok());
  return psks;
}

TEST_F(TryPeerTest, OffersTheKeysOfTheKeyrings) {
  keyrings_.AddPsk(7, std::string(kIdentity));
  EXPECT_TRUE(Nvme(Target(kIdentity, 7))) << text_;
  EXPECT_TRUE(Says(", by the key of NVMe1R01 nqn.host nqn.subsystem\nok\n"))
      << text_;
  EXPECT_FALSE(Says("rpc:")) << text_;
}

TEST_F(TryPeerTest, OffersTheKeyThatIsGiven) {
  std::string digits;
  for (int i = 0; i < 32; ++i) {
    digits += i == 16 ? "\n0A" : "0a";
  }
  question_.psk = {std::string(kIdentity), Write("psk", digits + "\n")};
  EXPECT_TRUE(Nvme(Target(kIdentity, 10))) << text_;
}

TEST_F(TryPeerTest, ExplainsKeysThatDiffer) {
  keyrings_.AddPsk(7, std::string(kIdentity));
  EXPECT_FALSE(Nvme(Target(kIdentity, 8)));
  EXPECT_TRUE(Says("the peer's alert: decrypt_error")) << text_;
  EXPECT_FALSE(Nvme(Target("NVMe1R01 nqn.other nqn.subsystem", 7)));
  EXPECT_TRUE(Says("the peer's alert: unknown_psk_identity")) << text_;
}

TEST_F(TryPeerTest, SaysWhichKeyCannotBeUsed) {
  question_.consumer = Consumer::kNvmeHost;
  question_.port = "1";
  EXPECT_FALSE(Try(""));
  EXPECT_TRUE(Says("(key_unavailable, fault: config)")) << text_;
  question_.psk = {std::string(kIdentity), Write("open", "00", 0644)};
  EXPECT_FALSE(Try(""));
  EXPECT_TRUE(Says("(private_key_unusable, fault: config)")) << text_;
  for (const char* const text : {"", "xy", "abc"}) {
    question_.psk->file = Write("bad", text);
    EXPECT_FALSE(Try(""));
    EXPECT_TRUE(Says("not a key in hexadecimal digits")) << text_;
  }
  question_.psk->file = Write("short", "0011");
  EXPECT_FALSE(Try(""));
  EXPECT_TRUE(Says("(key_rejected, fault: config)")) << text_;
}

}  // namespace
}  // namespace ktlsd::agent
