#include "handshake/crypto/signature.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/libcrypto.h"
#include "base/testing/hex.h"
#include "base/testing/rfc8448.h"
#include "gtest/gtest.h"

namespace ktlsd::handshake {
namespace {

using Key = std::unique_ptr<EVP_PKEY, FnDeleter<EVP_PKEY_free>>;
using Schemes = std::vector<SignatureScheme>;
using enum SignatureScheme;

const HashValue kHash(Bytes(32, 0x5a));

Key EcKey(const char* curve) { return Key(EVP_EC_gen(curve)); }
Key Ed25519Key() { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }

Key RsaKey(const char* type, unsigned bits, const char* digest = nullptr) {
  std::unique_ptr<EVP_PKEY_CTX, FnDeleter<EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY_keygen_init(context.get());
  std::vector<OSSL_PARAM> params = {
      OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS, &bits)};
  if (digest != nullptr) {
    params.push_back(OSSL_PARAM_construct_utf8_string(
        OSSL_PKEY_PARAM_RSA_DIGEST, const_cast<char*>(digest), 0));
  }
  params.push_back(OSSL_PARAM_construct_end());
  EVP_PKEY_CTX_set_params(context.get(), params.data());
  EVP_PKEY* key = nullptr;
  EVP_PKEY_generate(context.get(), &key);
  return Key(key);
}

struct Kind {
  std::string name;
  Key (*make)();
  Schemes schemes;
};

std::vector<Kind> ClassicKinds() {
  return {
      {"p256", [] { return EcKey("P-256"); }, {kEcdsaSecp256r1Sha256}},
      {"p384", [] { return EcKey("P-384"); }, {kEcdsaSecp384r1Sha384}},
      {"ed25519", Ed25519Key, {kEd25519}},
      {"rsa",
       [] { return RsaKey("RSA", 2048); },
       {kRsaPssRsaeSha256, kRsaPssRsaeSha384, kRsaPssRsaeSha512}},
      {"rsa_pss",
       [] { return RsaKey("RSA-PSS", 2048); },
       {kRsaPssPssSha256, kRsaPssPssSha384, kRsaPssPssSha512}},
      {"rsa_pss_of_sha384",
       [] { return RsaKey("RSA-PSS", 2048, "SHA384"); },
       {kRsaPssPssSha384}},
      {"p521", [] { return EcKey("P-521"); }, {kEcdsaSecp521r1Sha512}},
      {"ed448",
       [] { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448")); },
       {kEd448}},
      {"secp256k1", [] { return EcKey("secp256k1"); }, {}},
      {"x25519",
       [] { return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519")); },
       {}},
  };
}

Key MlDsaKey(const char* name) {
  return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, name));
}

bool HasMlDsa() { return MlDsaKey("ML-DSA-44") != nullptr; }

// ML-DSA where this libcrypto has it.
const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kKinds = [] {
    std::vector<Kind> kinds = ClassicKinds();
    if (HasMlDsa()) {
      kinds.push_back(
          {"mldsa44", [] { return MlDsaKey("ML-DSA-44"); }, {kMlDsa44}});
      kinds.push_back(
          {"mldsa65", [] { return MlDsaKey("ML-DSA-65"); }, {kMlDsa65}});
      kinds.push_back(
          {"mldsa87", [] { return MlDsaKey("ML-DSA-87"); }, {kMlDsa87}});
    }
    ERR_clear_error();
    return kinds;
  }();
  return kKinds;
}

struct Keys {
  Key key;
  Key other;
};

// Of each kind two, made once: RSA keys take their time.
const Keys& KeysOf(const Kind& kind) {
  static std::map<std::string, Keys> made;
  Keys& pair = made[kind.name];
  if (!pair.key) {
    pair = {kind.make(), kind.make()};
  }
  return pair;
}

class EveryKey : public testing::TestWithParam<Kind> {};

TEST_P(EveryKey, SignsWithItsSchemesAndNoOther) {
  const Key& key = KeysOf(GetParam()).key;
  EXPECT_EQ(SchemesOfKey(key.get()), GetParam().schemes);
  for (const SignatureScheme scheme : CertificateSchemes()) {
    const Result<Bytes> signature =
        SignCertificateVerify(key.get(), scheme, Role::kServer, kHash);
    if (std::ranges::count(GetParam().schemes, scheme) == 0) {
      EXPECT_EQ(signature.error().code, Code::kNoCommonSignatureScheme);
      EXPECT_EQ(CheckCertificateVerify(key.get(), scheme, Role::kServer, kHash,
                                       Bytes(256))
                    .error()
                    .code,
                Code::kIllegalParameter);
    } else {
      EXPECT_TRUE(CheckCertificateVerify(key.get(), scheme, Role::kServer,
                                         kHash, *signature)
                      .ok());
    }
  }
}

TEST_P(EveryKey, ChecksRoleHashKeyAndEveryByte) {
  const auto& [key, other] = KeysOf(GetParam());
  for (const SignatureScheme scheme : GetParam().schemes) {
    const Bytes signature =
        SignCertificateVerify(key.get(), scheme, Role::kClient, kHash).value();
    const auto refused = [&](EVP_PKEY* with, Role signer, const HashValue& hash,
                             ByteView bytes) {
      const Status status =
          CheckCertificateVerify(with, scheme, signer, hash, bytes);
      return !status.ok() && status.error().code == Code::kBadCertificateVerify;
    };
    EXPECT_TRUE(refused(key.get(), Role::kServer, kHash, signature));
    EXPECT_TRUE(
        refused(key.get(), Role::kClient, HashValue(Bytes(32, 1)), signature));
    EXPECT_TRUE(refused(other.get(), Role::kClient, kHash, signature));
    EXPECT_TRUE(refused(key.get(), Role::kClient, kHash, ByteView()));
    for (std::size_t i = 0; i < signature.size(); i += 7) {
      Bytes flipped = signature;
      flipped[i] ^= 1;
      EXPECT_TRUE(refused(key.get(), Role::kClient, kHash, flipped)) << i;
    }
    Bytes longer = signature;
    longer.push_back(0);
    EXPECT_TRUE(refused(key.get(), Role::kClient, kHash, longer));
  }
}

INSTANTIATE_TEST_SUITE_P(Keys, EveryKey, testing::ValuesIn(Kinds()),
                         [](const auto& param) { return param.param.name; });

// RFC 8446 section 4.2.3: the salt is as long as the digest.
TEST(Signature, RefusesPssWithAnotherSaltLength) {
  const Key key = RsaKey("RSA", 2048);
  const Bytes content = CertificateVerifyContent(Role::kServer, kHash);
  std::unique_ptr<EVP_MD_CTX, FnDeleter<EVP_MD_CTX_free>> context(
      EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;
  EVP_DigestSignInit_ex(context.get(), &parameters, "SHA256", nullptr, nullptr,
                        key.get(), nullptr);
  EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
  EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, 20);
  Bytes signature(256);
  std::size_t size = signature.size();
  ASSERT_EQ(EVP_DigestSign(context.get(), signature.data(), &size,
                           content.data(), content.size()),
            1);
  EXPECT_EQ(CheckCertificateVerify(key.get(), kRsaPssRsaeSha256, Role::kServer,
                                   kHash, signature)
                .error()
                .code,
            Code::kBadCertificateVerify);
}

TEST(Signature, SmallRsaKeysHaveNoRoomForALongHash) {
  const Key key = RsaKey("RSA", 1024);
  EXPECT_EQ(SchemesOfKey(key.get()),
            (Schemes{kRsaPssRsaeSha256, kRsaPssRsaeSha384}));
}

TEST(Signature, NoKeyHasNoScheme) {
  EXPECT_TRUE(SchemesOfKey(nullptr).empty());
  EXPECT_FALSE(CanSign(nullptr));
}

// Offered first where libcrypto has it, and not at all where it has not.
TEST(Signature, OffersMlDsaWhereItIsThere) {
  Schemes first(HandshakeSchemes().begin(), HandshakeSchemes().begin() + 3);
  EXPECT_EQ(first == (Schemes{kMlDsa65, kMlDsa87, kMlDsa44}), HasMlDsa());
  for (const SignatureScheme scheme : {kMlDsa44, kMlDsa65, kMlDsa87}) {
    EXPECT_EQ(std::ranges::count(CertificateSchemes(), scheme) == 1,
              HasMlDsa());
  }
  EXPECT_EQ(HandshakeSchemes().size(), HasMlDsa() ? 14U : 11U);
}

// RFC 8446 section 4.2.3: PKCS#1 v1.5 "MUST NOT be used in signed TLS
// handshake messages".
TEST(Signature, Pkcs1IsForCertificatesOnly) {
  EXPECT_EQ(HandshakeSchemes().size() + 3, CertificateSchemes().size());
  EXPECT_EQ(std::ranges::count(HandshakeSchemes(), kRsaPkcs1Sha256), 0);
  EXPECT_EQ(std::ranges::count(CertificateSchemes(), kRsaPkcs1Sha256), 1);
}

TEST(Signature, CoversTheContentOfRfc8446) {
  const Bytes content = CertificateVerifyContent(Role::kServer, kHash);
  const std::string text(content.begin(), content.end());
  EXPECT_EQ(text.substr(0, 64), std::string(64, ' '));
  EXPECT_EQ(text.substr(64, 34),
            std::string("TLS 1.3, server CertificateVerify\0", 34));
  EXPECT_EQ(text.substr(98), std::string(32, '\x5a'));
}

// RFC 8448 section 3: the certificate's key over the transcript up to it.
TEST(Signature, VerifiesTheTraceOfRfc8448) {
  namespace simple = rfc8448::simple;
  Result<Transcript> transcript = Transcript::Create(HashAlgorithm::kSha256);
  for (const auto message :
       {simple::kClientHello, simple::kServerHello,
        simple::kEncryptedExtensions, simple::kCertificate}) {
    ASSERT_TRUE(transcript->Add(FromHex(message)).ok());
  }
  // Certificate: header (4), context (1), list length (3), entry length (3).
  const Bytes message = FromHex(simple::kCertificate);
  const uint8_t* der = message.data() + 11;
  const std::unique_ptr<X509, FnDeleter<X509_free>> certificate(
      d2i_X509(nullptr, &der, 0x1b0));
  ASSERT_TRUE(certificate);
  const Bytes verify = FromHex(simple::kCertificateVerify);
  EXPECT_TRUE(CheckCertificateVerify(X509_get0_pubkey(certificate.get()),
                                     kRsaPssRsaeSha256, Role::kServer,
                                     *transcript->Current(),
                                     ByteView(verify).subspan(8))
                  .ok());
}

}  // namespace
}  // namespace ktlsd::handshake
