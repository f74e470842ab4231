#include "handshake/crypto/aead.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/key_access.h"
#include "base/libcrypto.h"

namespace ktlsd::handshake {

struct AeadTraits {
  CipherSuite suite;
  const char* name;      // for EVP_CIPHER_fetch
  std::size_t key_size;  // bytes
  // CCM: libcrypto wants the sizes of nonce and tag before the key, and the
  // length of a record before its content.
  bool announces_size;
};

namespace {

constexpr std::size_t kIvSize = 12;  // bytes; RFC 8446 section 5.3

constexpr std::array<AeadTraits, 4> kAeads = {{
    {CipherSuite::kAes128GcmSha256, "AES-128-GCM", 16, false},
    {CipherSuite::kAes256GcmSha384, "AES-256-GCM", 32, false},
    {CipherSuite::kChaCha20Poly1305Sha256, "ChaCha20-Poly1305", 32, false},
    {CipherSuite::kAes128CcmSha256, "AES-128-CCM", 16, true},
}};

const EVP_CIPHER* Cipher(const AeadTraits& traits) {
  static constinit std::array<FetchedOnce<EVP_CIPHER, EVP_CIPHER_free>,
                              kAeads.size()>
      ciphers;
  return ciphers[static_cast<std::size_t>(&traits - kAeads.data())].Get(
      [&] { return EVP_CIPHER_fetch(nullptr, traits.name, nullptr); });
}

}  // namespace

void Aead::Free::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);  // wipes the key
}

Aead::Aead(const AeadTraits& traits, HashSecret iv)
    : traits_(&traits), context_(EVP_CIPHER_CTX_new()), iv_(std::move(iv)) {}

Result<Aead> Aead::Create(Direction direction, CipherSuite suite,
                          HkdfExpander& traffic) {
  const auto row = std::ranges::find(kAeads, suite, &AeadTraits::suite);
  if (row == kAeads.end()) {
    return Error{Code::kApiMisuse, "an unknown cipher suite"};
  }
  if (traffic.algorithm() != HashOf(suite)) {
    return Error{Code::kApiMisuse, "a secret of another hash"};
  }
  // RFC 8446 section 7.3.
  ASSIGN_OR_RETURN(const HashSecret key,
                   traffic.Expand("key", ByteView(), row->key_size));
  ASSIGN_OR_RETURN(HashSecret iv, traffic.Expand("iv", ByteView(), kIvSize));
  Aead aead(*row, std::move(iv));
  if (!aead.context_ || !aead.SetKey(direction, key.Reveal(KeyAccess()))) {
    return CryptoError("no record cipher");
  }
  return aead;
}

bool Aead::SetKey(Direction direction, ByteView key) {
  const int sealing = static_cast<int>(direction);
  EVP_CIPHER_CTX* context = context_.get();
  const EVP_CIPHER* cipher = Cipher(*traits_);
  if (cipher == nullptr) {
    return false;
  }
  if (traits_->announces_size &&
      (EVP_CipherInit_ex2(context, cipher, nullptr, nullptr, sealing,
                          nullptr) != 1 ||
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, kIvSize,
                           nullptr) != 1 ||
       EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, nullptr) !=
           1)) {
    return false;
  }
  // The others' nonces have kIvSize bytes unless another size is asked for.
  return EVP_CipherInit_ex2(context, traits_->announces_size ? nullptr : cipher,
                            key.data(), nullptr, sealing, nullptr) == 1;
}

// RFC 8446 section 5.3: the sequence number, big endian, padded on the left
// to iv_length, is XORed with the static iv.
bool Aead::SetNonce(uint64_t sequence) {
  std::array<uint8_t, kIvSize> nonce{};
  std::ranges::copy(iv_.Reveal(KeyAccess()), nonce.begin());
  for (std::size_t i = kIvSize; sequence != 0; sequence >>= 8) {
    nonce[--i] ^= static_cast<uint8_t>(sequence);
  }
  const bool set = EVP_CipherInit_ex2(context_.get(), nullptr, nullptr,
                                      nonce.data(), -1, nullptr) == 1;
  OPENSSL_cleanse(nonce.data(), nonce.size());
  return set;
}

bool Aead::SetTag(ByteView tag) {
  std::array<uint8_t, kTagSize> copy{};
  std::ranges::copy(tag, copy.begin());
  return EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize,
                             copy.data()) == 1;
}

bool Aead::Crypt(ByteView header, std::span<uint8_t> data) {
  EVP_CIPHER_CTX* context = context_.get();
  const int size = static_cast<int>(data.size());
  int done = 0;
  if (traits_->announces_size &&
      EVP_CipherUpdate(context, nullptr, &done, nullptr, size) != 1) {
    return false;
  }
  return EVP_CipherUpdate(context, nullptr, &done, header.data(),
                          static_cast<int>(header.size())) == 1 &&
         EVP_CipherUpdate(context, data.data(), &done, data.data(), size) ==
             1 &&
         done == size;
}

bool Aead::Seal(uint64_t sequence, ByteView header, std::span<uint8_t> data,
                std::span<uint8_t> tag) {
  std::array<uint8_t, kTagSize> rest{};
  int done = 0;
  return SetNonce(sequence) && Crypt(header, data) &&
         EVP_CipherFinal_ex(context_.get(), rest.data(), &done) == 1 &&
         done == 0 &&
         EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG,
                             static_cast<int>(tag.size()), tag.data()) == 1;
}

bool Aead::Open(uint64_t sequence, ByteView header, std::span<uint8_t> data,
                ByteView tag) {
  std::array<uint8_t, kTagSize> rest{};
  int done = 0;
  // CCM checks the tag with the data, the others at the end.
  return SetNonce(sequence) && SetTag(tag) && Crypt(header, data) &&
         EVP_CipherFinal_ex(context_.get(), rest.data(), &done) == 1 &&
         done == 0;
}

}  // namespace ktlsd::handshake
