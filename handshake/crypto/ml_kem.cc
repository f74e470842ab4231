#include "handshake/crypto/ml_kem.h"

#include "base/libcrypto.h"

namespace ktlsd::handshake {
namespace {

Error WrongKey() {
  return CryptoError(Code::kIllegalParameter,
                     "malformed ML-KEM encapsulation key");
}

}  // namespace

PkeyPtr NewMlKemKey(const MlKem& kem) {
  const PkeyContextPtr context(
      EVP_PKEY_CTX_new_from_name(nullptr, kem.algorithm, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_generate(context.get(), &key) != 1) {
    return nullptr;
  }
  return PkeyPtr(key);
}

Bytes EncapsulationKey(const MlKem& kem, EVP_PKEY* key) {
  Bytes encoded(kem.key_size);
  std::size_t size = encoded.size();
  if (EVP_PKEY_get_raw_public_key(key, encoded.data(), &size) != 1 ||
      size != encoded.size()) {
    return {};
  }
  return encoded;
}

Result<Bytes> Encapsulate(const MlKem& kem, ByteView encapsulation_key,
                          std::span<uint8_t> secret) {
  if (encapsulation_key.size() != kem.key_size) {
    return Error{Code::kIllegalParameter,
                 "ML-KEM encapsulation key of wrong length"};
  }
  const PkeyPtr key(EVP_PKEY_new_raw_public_key_ex(
      nullptr, kem.algorithm, nullptr, encapsulation_key.data(),
      encapsulation_key.size()));
  if (!key) {
    return WrongKey();
  }
  const PkeyContextPtr context(
      EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  Bytes ciphertext(kem.ciphertext_size);
  std::size_t size = ciphertext.size();
  std::size_t secret_size = secret.size();
  if (!context || EVP_PKEY_encapsulate_init(context.get(), nullptr) != 1 ||
      EVP_PKEY_encapsulate(context.get(), ciphertext.data(), &size,
                           secret.data(), &secret_size) != 1 ||
      size != ciphertext.size() || secret_size != secret.size()) {
    return CryptoError("ML-KEM encapsulation failed");
  }
  return ciphertext;
}

Status Decapsulate(const MlKem& kem, EVP_PKEY* key, ByteView ciphertext,
                   std::span<uint8_t> secret) {
  if (ciphertext.size() != kem.ciphertext_size) {
    return Error{Code::kIllegalParameter, "ML-KEM ciphertext of wrong length"};
  }
  const PkeyContextPtr context(
      EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  std::size_t size = secret.size();
  if (!context || EVP_PKEY_decapsulate_init(context.get(), nullptr) != 1 ||
      EVP_PKEY_decapsulate(context.get(), secret.data(), &size,
                           ciphertext.data(), ciphertext.size()) != 1 ||
      size != secret.size()) {
    return CryptoError("ML-KEM decapsulation failed");
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
