#include "tools/benchmarks/floor.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "base/fn_deleter.h"

namespace ktlsd::benchmarks {
namespace {

using Key = std::unique_ptr<EVP_PKEY, FnDeleter<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, FnDeleter<EVP_PKEY_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, FnDeleter<EVP_MD_CTX_free>>;

constexpr std::size_t kX25519Size = 32;     // bytes
constexpr std::size_t kMaxSignature = 512;  // bytes

void Check(int result) { Need(result == 1, "libcrypto refuses the floor"); }

// Makes keys of one algorithm.
class KeyMaker {
 public:
  explicit KeyMaker(const char* algorithm)
      : context_(EVP_PKEY_CTX_new_from_name(nullptr, algorithm, nullptr)) {
    Check(EVP_PKEY_keygen_init(context_.get()));
  }
  Key Make() const {
    EVP_PKEY* key = nullptr;
    Check(EVP_PKEY_generate(context_.get(), &key));
    return Key(key);
  }

 private:
  Context context_;
};

Bytes PublicOf(EVP_PKEY* key) {
  unsigned char* encoded = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &encoded);
  Bytes bytes(encoded, encoded + size);
  OPENSSL_free(encoded);
  return bytes;
}

// A key pair, and the secret with a peer's share.
class Agreement {
 public:
  void Do() const {
    const Key own = maker_.Make();
    std::array<uint8_t, kX25519Size> share{};
    std::size_t size = share.size();
    Check(EVP_PKEY_get_raw_public_key(own.get(), share.data(), &size));
    const Key peer(EVP_PKEY_new_raw_public_key_ex(
        nullptr, "X25519", nullptr, peer_share_.data(), peer_share_.size()));
    const Context context(
        EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
    Check(EVP_PKEY_derive_init(context.get()));
    Check(EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), 0));
    std::array<uint8_t, kX25519Size> secret{};
    size = secret.size();
    Check(EVP_PKEY_derive(context.get(), secret.data(), &size));
  }

 private:
  KeyMaker maker_{"X25519"};
  Bytes peer_share_ = PublicOf(maker_.Make().get());
};

// ML-KEM-768: a key pair and a decapsulation, or an encapsulation.
class Kem {
 public:
  explicit Kem(Role role) : role_(role) {
    Encapsulate(peer_.get(), ciphertext_);
  }

  void Do() const {
    std::vector<uint8_t> ciphertext;
    if (role_ == Role::kServer) {
      // The client's key is another each time: it is decoded anew.
      const Key theirs(EVP_PKEY_new_raw_public_key_ex(
          nullptr, "ML-KEM-768", nullptr, share_.data(), share_.size()));
      return Encapsulate(theirs.get(), ciphertext);
    }
    const Key own = maker_.Make();
    const Context context(
        EVP_PKEY_CTX_new_from_pkey(nullptr, own.get(), nullptr));
    Check(EVP_PKEY_decapsulate_init(context.get(), nullptr));
    std::array<uint8_t, 32> secret{};
    std::size_t size = secret.size();
    Check(EVP_PKEY_decapsulate(context.get(), secret.data(), &size,
                               ciphertext_.data(), ciphertext_.size()));
  }

 private:
  static void Encapsulate(EVP_PKEY* key, std::vector<uint8_t>& ciphertext) {
    const Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    Check(EVP_PKEY_encapsulate_init(context.get(), nullptr));
    std::array<uint8_t, 32> secret{};
    std::size_t secret_size = secret.size();
    std::size_t size = 0;
    Check(EVP_PKEY_encapsulate(context.get(), nullptr, &size, nullptr,
                               &secret_size));
    ciphertext.resize(size);
    Check(EVP_PKEY_encapsulate(context.get(), ciphertext.data(), &size,
                               secret.data(), &secret_size));
  }

  Role role_;
  KeyMaker maker_{"ML-KEM-768"};
  Key peer_ = maker_.Make();
  Bytes share_ = PublicOf(peer_.get());
  std::vector<uint8_t> ciphertext_;
};

// How an RSA signature is padded: RSASSA-PSS in a CertificateVerify, PKCS#1
// v1.5 in a certificate.
enum class Use : uint8_t { kHandshake, kCertificate };

// Signatures of a SHA-256 hash by one ECDSA or RSA key.
class HashSignatures {
 public:
  HashSignatures(EVP_PKEY* key, Use use)
      : signer_(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr)),
        verifier_(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr)) {
    Check(EVP_PKEY_sign_init(signer_.get()));
    Check(EVP_PKEY_verify_init(verifier_.get()));
    for (EVP_PKEY_CTX* context : {signer_.get(), verifier_.get()}) {
      Check(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()));
      if (EVP_PKEY_is_a(key, "RSA") == 1 && use == Use::kHandshake) {
        Check(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING));
        Check(
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST));
      }
    }
    Sign();
  }

  void Sign() {
    std::size_t size = kMaxSignature;
    signature_.resize(size);
    Check(EVP_PKEY_sign(signer_.get(), signature_.data(), &size, kHash.data(),
                        kHash.size()));
    signature_.resize(size);
  }
  void Verify() {
    Check(EVP_PKEY_verify(verifier_.get(), signature_.data(), signature_.size(),
                          kHash.data(), kHash.size()));
  }

 private:
  static constexpr std::array<uint8_t, 32> kHash{};

  Context signer_;
  Context verifier_;
  Bytes signature_;
};

// Signatures by one Ed25519 key of what is as long as the content of a
// CertificateVerify.
class EdSignatures {
 public:
  explicit EdSignatures(EVP_PKEY* key) {
    Check(EVP_DigestSignInit_ex(signer_.get(), nullptr, nullptr, nullptr,
                                nullptr, key, nullptr));
    Check(EVP_DigestVerifyInit_ex(verifier_.get(), nullptr, nullptr, nullptr,
                                  nullptr, key, nullptr));
    Sign();
  }

  void Sign() {
    std::size_t size = kMaxSignature;
    signature_.resize(size);
    // Once more with the same key.
    Check(EVP_DigestSignInit_ex(signer_.get(), nullptr, nullptr, nullptr,
                                nullptr, nullptr, nullptr));
    Check(EVP_DigestSign(signer_.get(), signature_.data(), &size,
                         kContent.data(), kContent.size()));
    signature_.resize(size);
  }
  void Verify() {
    Check(EVP_DigestVerifyInit_ex(verifier_.get(), nullptr, nullptr, nullptr,
                                  nullptr, nullptr, nullptr));
    Check(EVP_DigestVerify(verifier_.get(), signature_.data(),
                           signature_.size(), kContent.data(),
                           kContent.size()));
  }

 private:
  static constexpr std::array<uint8_t, 146> kContent{};

  Digest signer_{EVP_MD_CTX_new()};
  Digest verifier_{EVP_MD_CTX_new()};
  Bytes signature_;
};

// Adds `what` with a key to `operations`.
template <typename Made>
void AddOf(std::shared_ptr<Made> made, void (Made::*what)(),
           std::vector<std::function<void()>>& operations) {
  operations.emplace_back([made, what] { (made.get()->*what)(); });
}

void AddSigning(EVP_PKEY* key, std::vector<std::function<void()>>& operations) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    AddOf(std::make_shared<EdSignatures>(key), &EdSignatures::Sign, operations);
  } else {
    AddOf(std::make_shared<HashSignatures>(key, Use::kHandshake),
          &HashSignatures::Sign, operations);
  }
}

void AddVerifying(EVP_PKEY* key, Use use,
                  std::vector<std::function<void()>>& operations) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    AddOf(std::make_shared<EdSignatures>(key), &EdSignatures::Verify,
          operations);
  } else {
    AddOf(std::make_shared<HashSignatures>(key, use), &HashSignatures::Verify,
          operations);
  }
}

}  // namespace

std::function<void()> FloorOf(const Case& wanted, Role role) {
  std::vector<std::function<void()>> operations;
  operations.emplace_back(
      [agreement = std::make_shared<Agreement>()] { agreement->Do(); });
  if (wanted.group == handshake::NamedGroup::kX25519MlKem768) {
    operations.emplace_back([kem = std::make_shared<Kem>(role)] { kem->Do(); });
  }
  const bool server = role == Role::kServer;
  if (wanted.pki && (server || wanted.mutual)) {
    AddSigning((server ? wanted.pki->server : wanted.pki->client).key(),
               operations);
  }
  if (wanted.pki && (!server || wanted.mutual)) {
    AddVerifying((server ? wanted.pki->client : wanted.pki->server).key(),
                 Use::kHandshake, operations);
    AddVerifying(wanted.pki->root.key(), Use::kCertificate, operations);
  }
  return [operations] {
    for (const auto& operation : operations) {
      operation();
    }
  };
}

}  // namespace ktlsd::benchmarks
