#include "agent/keeper/token_keys.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "agent/keeper/testing/tokens.h"
#include "agent/keeper/token_url.h"
#include "handshake/credential.h"
#include "handshake/testing/peer_trial.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::agent {
namespace {

using handshake::BytesOf;
using handshake::KeyKind;
using handshake::Role;
using handshake::TestPki;

// --- URLs ---

std::string WhyNot(std::string_view url) {
  const auto parsed = ParseTokenUrl(url);
  return parsed.ok() ? "ok" : std::string(parsed.error().what);
}

TEST(TokenUrl, IsNoFile) {
  EXPECT_TRUE(IsTokenUrl("pkcs11:token=a"));
  EXPECT_TRUE(IsTokenUrl("tpmkey:file=/a"));
  EXPECT_TRUE(IsTokenUrl("handle:0x81000001"));
  EXPECT_FALSE(IsTokenUrl("/etc/pkcs11:a"));
}

TEST(TokenUrl, TellsModuleAndPinFromTheObject) {
  const auto url = ParseTokenUrl(
      "pkcs11:token=a;object=b%20c?module-path=/m.so&pin-source=/a%20pin");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->kind, TokenKind::kPkcs11);
  EXPECT_EQ(url->object, "pkcs11:token=a;object=b%20c");
  EXPECT_EQ(url->module, "/m.so");
  EXPECT_EQ(url->pin_source, "/a pin");
}

TEST(TokenUrl, NamesATpmsKeyByFileOrHandle) {
  EXPECT_EQ(ParseTokenUrl("tpmkey:file=/etc/k%65y")->object, "/etc/key");
  EXPECT_EQ(ParseTokenUrl("handle:0x81000001")->object, "handle:0x81000001");
  EXPECT_EQ(ParseTokenUrl("handle:0x81000001?pin-source=/p")->pin_source, "/p");
  for (const char* url : {"tpmkey:uuid=1", "tpmkey:file=key",
                          "tpmkey:", "handle:0x81000001?module-path=/m.so"}) {
    EXPECT_NE(WhyNot(url), "ok") << url;
  }
}

TEST(TokenUrl, RefusesAPinInIt) {
  EXPECT_EQ(WhyNot("pkcs11:object=a?pin-value=1234"),
            "a PIN in the URL: name its file with pin-source");
  EXPECT_EQ(WhyNot("pkcs11:object=a;pin-value=1234"),
            "a PIN's attributes go behind a ?");
}

TEST(TokenUrl, RefusesWhatItDoesNotKnow) {
  for (const char* url :
       {"pkcs11:", "pkcs11:object=a?module-name=m",
        "pkcs11:object=a?pin-source",
        "pkcs11:object=a?pin-source=", "pkcs11:object=a?pin-source=%0",
        "pkcs11:object=a?pin-source=%00", "pkcs11:object=a?pin-source=%zz",
        "pkcs11:object=a?pin-source=/a&pin-source=/b", "file:/a"}) {
    EXPECT_NE(WhyNot(url), "ok") << url;
  }
}

TEST(TokenUrl, ShowsNoPin) {
  EXPECT_EQ(LoggableUrl("pkcs11:object=a?pin-source=/p"),
            "pkcs11:object=a?pin-source=/p");
  EXPECT_EQ(LoggableUrl("pkcs11:object=a?pin-value=12&34;5"),
            "pkcs11:object=a?pin-value=...");
}

// --- keys ---

const TestPki& Pki(KeyKind kind) {
  static const TestPki ecdsa = handshake::MakeTestPki(KeyKind::kEcdsaP256);
  static const TestPki rsa = handshake::MakeTestPki(KeyKind::kRsa2048);
  return kind == KeyKind::kRsa2048 ? rsa : ecdsa;
}

// Modules keep what they know of a token as long as their process lives, so
// each trial has one of its own. Returns what `act` does.
template <typename Act>
std::string InChild(const Act& act) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return "no pipe";
  }
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = act();
    ::_exit(::write(ends[1], said.data(), said.size()) ==
                    static_cast<ssize_t>(said.size())
                ? 0
                : 1);
  }
  ::close(ends[1]);
  std::array<char, 512> said{};
  const ssize_t size = ::read(ends[0], said.data(), said.size());
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) {
    return "the child failed";
  }
  return {said.data(), static_cast<std::size_t>(std::max(size, ssize_t{0}))};
}

// The verdict of a client on what a server signs by `credential`.
std::string Sign(const TestPki& pki, const handshake::Credential& credential) {
  handshake::PeerProof proof;
  proof.chain = credential.chain();
  proof.scheme = credential.schemes().front();
  proof.transcript_hash = handshake::TranscriptHash();
  auto signature =
      credential.Sign(proof.scheme, Role::kServer, proof.transcript_hash);
  if (!signature.ok()) {
    return std::string(signature.error().what);
  }
  proof.signature = std::move(signature).value();
  return handshake::Verdict(handshake::Trust(pki.root.pem()),
                            handshake::Server(), proof);
}

class SoftTokenTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string missing = SoftToken::Missing(); !missing.empty()) {
      GTEST_SKIP() << missing;
    }
    token_ = std::make_unique<SoftToken>();
    token_->Import(Pki(KeyKind::kEcdsaP256).server.key_pem(), "ecdsa", "01");
    token_->Import(Pki(KeyKind::kRsa2048).server.key_pem(), "rsa", "02");
    pin_ = token_->scratch().Write("pin", "1234\n");
  }

  std::string Url(const std::string& object, const std::string& pin_source) {
    return "pkcs11:" + object + "?module-path=" + SoftToken::Module() +
           "&pin-source=" + pin_source;
  }
  // Opens a key and signs with it; "ok", or what went wrong.
  std::string Try(const std::string& url, KeyKind kind = KeyKind::kEcdsaP256) {
    return InChild([&] {
      TokenKeys keys;
      keys.Open(url);
      return Use(keys, url, kind);
    });
  }
  static std::string Use(const TokenKeys& keys, const std::string& url,
                         KeyKind kind) {
    const auto credential =
        keys.Use(url, BytesOf(Pki(kind).ChainPemOf(Pki(kind).server)));
    return credential.ok() ? Sign(Pki(kind), *credential)
                           : std::string(credential.error().what);
  }

  std::unique_ptr<SoftToken> token_;
  std::string pin_;
};

TEST_F(SoftTokenTest, SignsWithEachKindOfKey) {
  EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", pin_)), "ok");
  EXPECT_EQ(Try(Url("token=ktlsd;id=%02", "file:" + pin_), KeyKind::kRsa2048),
            "ok");
}

TEST_F(SoftTokenTest, ReadsThePinOfACredential) {
  ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY",
                     token_->scratch().PathOf("").c_str(), 1),
            0);
  EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", "credential:pin")), "ok");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", "credential:pin")),
            "pin-source names no credential of the service");
}

// As of a key's file: agent/config.
TEST_F(SoftTokenTest, TakesNoPathForTheNameOfACredential) {
  ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY",
                     token_->scratch().PathOf("").c_str(), 1),
            0);
  for (const char* source : {"credential:.", "credential:..", "credential:",
                             "credential:../pin", "credential:/pin"}) {
    EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", source)),
              "pin-source names no credential of the service")
        << source;
  }
  ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY", "", 1), 0);
  EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", "credential:pin")),
            "pin-source names no credential of the service");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  for (const char* source : {"pin", "file:pin", "file:credential:pin"}) {
    EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", source)),
              "pin-source is neither a whole path nor a credential")
        << source;
  }
}

TEST_F(SoftTokenTest, KeepsSeveralKeys) {
  const std::string first = Url("token=ktlsd;object=ecdsa", pin_);
  const std::string second = Url("token=ktlsd;object=rsa", pin_);
  EXPECT_EQ(InChild([&] {
              TokenKeys keys;
              keys.Open(first);
              keys.Open(second);
              keys.Open(first);
              return std::to_string(keys.size()) + ' ' +
                     Use(keys, first, KeyKind::kEcdsaP256) + ' ' +
                     Use(keys, second, KeyKind::kRsa2048);
            }),
            "2 ok ok");
}

TEST_F(SoftTokenTest, RefusesAWrongPin) {
  const std::string wrong = token_->scratch().Write("wrong", "4321");
  EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", wrong)),
            "the token refuses the PIN");
}

TEST_F(SoftTokenTest, NamesWhatIsNotThere) {
  constexpr char kNotFound[] =
      "no token, or no private key in it, that the URL names; or it needs a "
      "PIN";
  EXPECT_EQ(Try(Url("token=other;object=ecdsa", pin_)), kNotFound);
  EXPECT_EQ(Try(Url("token=ktlsd;object=other", pin_)), kNotFound);
  EXPECT_EQ(
      Try("pkcs11:token=ktlsd;object=ecdsa?module-path=" + SoftToken::Module()),
      kNotFound);
  EXPECT_EQ(Try("pkcs11:object=a?module-path=/no/such.so"),
            "the PKCS#11 module (module-path) cannot be read");
  EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", "/no/such/pin")),
            "the PIN's file cannot be opened");
}

TEST_F(SoftTokenTest, RefusesAModuleThatIsNone) {
  const std::string module = token_->scratch().Write("none.so", "text");
  EXPECT_NE(Try("pkcs11:object=a?module-path=" + module), "ok");
}

TEST_F(SoftTokenTest, RefusesAPinForEverybodysEyes) {
  const std::string open = token_->scratch().Write("open", "1234", 0644);
  constexpr char kOpen[] =
      "its group or others may access the PIN's file: make it 0400 or 0600";
  EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", open)), kOpen);
  const std::string group = token_->scratch().Write("group", "1234", 0640);
  EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", group)), kOpen);
  const std::string others = token_->scratch().Write("others", "1234");
  if (::chown(others.c_str(), 54321, 54321) == 0) {
    EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", others)),
              "the PIN's file must be root's");
  }
  const std::string empty = token_->scratch().Write("empty", "\n");
  EXPECT_EQ(Try(Url("token=ktlsd;object=ecdsa", empty)),
            "the PIN's file is empty, or cannot be read");
}

TEST_F(SoftTokenTest, RefusesTheKeyOfAnotherCertificate) {
  EXPECT_EQ(Try(Url("token=ktlsd;object=rsa", pin_), KeyKind::kEcdsaP256),
            "the private key is not the first certificate's");
}

TEST_F(SoftTokenTest, TakesOneModule) {
  const std::string other = "pkcs11:object=a?module-path=/other.so";
  EXPECT_EQ(InChild([&] {
              TokenKeys keys;
              keys.Open(Url("token=ktlsd;object=ecdsa", pin_));
              keys.Open(other);
              return Use(keys, other, KeyKind::kEcdsaP256);
            }),
            "URLs with different modules (module-path)");
}

TEST(TokenKeys, OpensNothingLater) {
  EXPECT_EQ(TokenKeys().Use("pkcs11:object=a", {}).error().what,
            "a token's key that was not opened at the start");
}

TEST(TpmTest, SignsWithAPersistentKey) {
  if (const std::string missing = TpmEmulator::Missing(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  const TestPki& pki = Pki(KeyKind::kEcdsaP256);
  TpmEmulator tpm;
  tpm.Import(pki.server.key_pem(), "0x81000001");
  const std::string chain = pki.ChainPemOf(pki.server);
  EXPECT_EQ(
      InChild([&] {
        TokenKeys keys;
        keys.Open("handle:0x81000001");
        const auto credential = keys.Use("handle:0x81000001", BytesOf(chain));
        if (!credential.ok()) {
          return std::string(credential.error().what);
        }
        // Ours is not done in the TPM, and its provider is not asked.
        return Sign(pki, *credential) + ' ' +
               Sign(pki, handshake::Credential::FromPem(
                             BytesOf(chain), BytesOf(pki.server.key_pem()))
                             .value());
      }),
      "ok ok");
  EXPECT_EQ(InChild([&] {
              TokenKeys keys;
              keys.Open("handle:0x81000002");
              return std::string(
                  keys.Use("handle:0x81000002", BytesOf(chain)).error().what);
            }),
            "no token, or no private key in it, that the URL names; or it "
            "needs a PIN");
}

}  // namespace
}  // namespace ktlsd::agent
