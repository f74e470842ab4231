#include "handshake/credential.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <string>

#include "handshake/crypto/signature.h"
#include "handshake/testing/test_pki.h"

namespace ktlsd::handshake {
namespace {

HashValue TranscriptHash() { return HashValue(Bytes(32, 0x5a)); }

const TestPki& Pki() {
  static const TestPki pki = MakeTestPki();
  return pki;
}

Result<Credential> FromPem(const std::string& certificates,
                           const std::string& key) {
  return Credential::FromPem(BytesOf(certificates), BytesOf(key));
}

Bytes Concatenated(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

Code CodeOf(const Result<Credential>& credential) {
  return credential.ok() ? Code::kInternal : credential.error().code;
}

std::string EncryptedKeyPem(const TestCertificate& certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()),
                                                      BIO_free);
  EXPECT_EQ(PEM_write_bio_PKCS8PrivateKey(bio.get(), certificate.key(),
                                          EVP_aes_128_cbc(), "secret", 6,
                                          nullptr, nullptr),
            1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string TraditionalKeyPem(const TestCertificate& certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()),
                                                      BIO_free);
  EXPECT_EQ(
      PEM_write_bio_PrivateKey_traditional(
          bio.get(), certificate.key(), nullptr, nullptr, 0, nullptr, nullptr),
      1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

class EveryKind : public testing::TestWithParam<KeyKind> {};

TEST_P(EveryKind, SignsWhatItsCertificateVerifies) {
  const TestPki pki = MakeTestPki(GetParam());
  const auto credential =
      FromPem(pki.ChainPemOf(pki.server), pki.server.key_pem());
  ASSERT_TRUE(credential.ok()) << credential.error().what;
  EXPECT_EQ(credential->chain(), pki.ChainOf(pki.server));
  ASSERT_FALSE(credential->schemes().empty());

  for (const SignatureScheme scheme : credential->schemes()) {
    const auto signature =
        credential->Sign(scheme, Role::kServer, TranscriptHash());
    ASSERT_TRUE(signature.ok());
    EXPECT_TRUE(CheckCertificateVerify(pki.server.key(), scheme, Role::kServer,
                                       TranscriptHash(), *signature)
                    .ok());
  }
}

TEST_P(EveryKind, IsTheSameFromDer) {
  const TestPki pki = MakeTestPki(GetParam());

  const auto credential = Credential::FromDer(
      Concatenated(pki.ChainOf(pki.server)), pki.server.key_der());

  ASSERT_TRUE(credential.ok()) << credential.error().what;
  EXPECT_EQ(credential->chain(), pki.ChainOf(pki.server));
}

INSTANTIATE_TEST_SUITE_P(Credential, EveryKind,
                         testing::ValuesIn(UsableKeyKinds()));

TEST(Credential, TakesACertificateAndItsKeyFromOneFile) {
  const std::string both = Pki().server.key_pem() + Pki().server.pem();

  EXPECT_TRUE(FromPem(both, both).ok());
}

TEST(Credential, TakesTheTraditionalKeyForm) {
  EXPECT_TRUE(
      FromPem(Pki().server.pem(), TraditionalKeyPem(Pki().server)).ok());
}

TEST(Credential, RefusesAKeyThatIsNotTheCertificates) {
  EXPECT_EQ(CodeOf(FromPem(Pki().server.pem(), Pki().client.key_pem())),
            Code::kPrivateKeyUnusable);
  // The end entity comes first.
  EXPECT_EQ(CodeOf(FromPem(Pki().intermediate.pem() + Pki().server.pem(),
                           Pki().server.key_pem())),
            Code::kPrivateKeyUnusable);
}

TEST(Credential, RefusesAnEncryptedKeyWithoutAsking) {
  const auto credential =
      FromPem(Pki().server.pem(), EncryptedKeyPem(Pki().server));

  ASSERT_EQ(CodeOf(credential), Code::kPrivateKeyUnusable);
  EXPECT_EQ(credential.error().what, "the private key is encrypted");
}

TEST(Credential, RefusesNoKey) {
  EXPECT_EQ(CodeOf(FromPem(Pki().server.pem(), "")), Code::kPrivateKeyUnusable);
  EXPECT_EQ(CodeOf(FromPem(Pki().server.pem(), Pki().server.pem())),
            Code::kPrivateKeyUnusable);
  EXPECT_EQ(CodeOf(Credential::FromDer(Pki().server.der(), {})),
            Code::kPrivateKeyUnusable);
}

TEST(Credential, RefusesNoCertificate) {
  EXPECT_EQ(CodeOf(FromPem("", Pki().server.key_pem())),
            Code::kCertificateUnusable);
  EXPECT_EQ(CodeOf(FromPem(Pki().server.key_pem(), Pki().server.key_pem())),
            Code::kCertificateUnusable);
  EXPECT_EQ(CodeOf(Credential::FromDer({}, Pki().server.key_der())),
            Code::kCertificateUnusable);
}

TEST(Credential, RefusesDamagedDer) {
  Bytes certificate = Pki().server.der();
  Bytes key = Pki().server.key_der();
  certificate.push_back(0);
  EXPECT_EQ(CodeOf(Credential::FromDer(certificate, key)),
            Code::kCertificateUnusable);
  certificate.resize(certificate.size() - 2);
  EXPECT_EQ(CodeOf(Credential::FromDer(certificate, key)),
            Code::kCertificateUnusable);
  key.push_back(0);
  EXPECT_EQ(CodeOf(Credential::FromDer(Pki().server.der(), key)),
            Code::kPrivateKeyUnusable);
}

TEST(Credential, RefusesABlockThatIsNoCertificate) {
  EXPECT_EQ(CodeOf(FromPem("-----BEGIN CERTIFICATE-----\nAAAA\n"
                           "-----END CERTIFICATE-----\n",
                           Pki().server.key_pem())),
            Code::kCertificateUnusable);
}

TEST(Credential, RefusesKeysThatNoPeerWouldAccept) {
  const auto weak = TestCertificate::SelfSigned({.key = KeyKind::kRsa1024});

  EXPECT_EQ(CodeOf(FromPem(weak.pem(), weak.key_pem())),
            Code::kPrivateKeyUnusable);
}

TEST(Credential, RefusesACertificateBelowVersion3) {
  const auto old = TestCertificate::SelfSigned({.version = 1});
  EXPECT_EQ(CodeOf(FromPem(old.pem(), old.key_pem())),
            Code::kCertificateUnusable);
}

TEST(Credential, RefusesAChainThatNoMessageHolds) {
  std::string chain = Pki().server.pem();
  for (std::size_t i = 0; i < kMaxChainLength; ++i) {
    chain += Pki().intermediate.pem();
  }
  EXPECT_EQ(CodeOf(FromPem(chain, Pki().server.key_pem())),
            Code::kCertificateUnusable);
}

TEST(Credential, RefusesToSignWithAnotherKindOfScheme) {
  const auto credential = FromPem(Pki().server.pem(), Pki().server.key_pem());
  ASSERT_TRUE(credential.ok());

  const auto signature = credential->Sign(SignatureScheme::kRsaPssRsaeSha256,
                                          Role::kServer, TranscriptHash());

  ASSERT_FALSE(signature.ok());
  EXPECT_EQ(signature.error().code, Code::kNoCommonSignatureScheme);
}

}  // namespace
}  // namespace ktlsd::handshake
