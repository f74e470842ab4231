#include "handshake/crypto/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

#include "base/key_access.h"
#include "base/libcrypto.h"

namespace ktlsd::handshake {
namespace {

// Null when libcrypto does not have it.
const EVP_MD* Digest(HashAlgorithm algorithm) {
  static constinit std::array<FetchedOnce<EVP_MD, EVP_MD_free>, 2> digests;
  return digests[static_cast<std::size_t>(algorithm)].Get([algorithm] {
    return EVP_MD_fetch(nullptr, HashName(algorithm), nullptr);
  });
}

bool Start(EVP_MD_CTX* context, HashAlgorithm algorithm) {
  const EVP_MD* digest = Digest(algorithm);
  return context != nullptr && digest != nullptr &&
         EVP_DigestInit_ex2(context, digest, nullptr) == 1;
}

}  // namespace

HashValue::HashValue(ByteView bytes)
    : size_(std::min(bytes.size(), bytes_.size())) {
  std::ranges::copy(bytes.first(size_), bytes_.begin());
}

bool HashValue::operator==(const HashValue& other) const {
  return SameBytes(view(), other.view());
}

Result<HashValue> Hash(HashAlgorithm algorithm, ByteView data) {
  std::array<uint8_t, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  const EVP_MD* digest = Digest(algorithm);
  if (digest == nullptr || EVP_Digest(data.data(), data.size(), out.data(),
                                      &size, digest, nullptr) != 1) {
    return CryptoError("hashing failed");
  }
  return HashValue(ByteView(out).first(size));
}

void Transcript::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Transcript::Transcript(HashAlgorithm algorithm)
    : algorithm_(algorithm),
      context_(EVP_MD_CTX_new()),
      copy_(EVP_MD_CTX_new()) {}
Transcript::Transcript(Transcript&&) noexcept = default;
Transcript& Transcript::operator=(Transcript&&) noexcept = default;
Transcript::~Transcript() = default;

Result<Transcript> Transcript::Create(HashAlgorithm algorithm) {
  Transcript transcript(algorithm);
  if (!Start(transcript.context_.get(), algorithm)) {
    return CryptoError("no transcript hash");
  }
  return transcript;
}

Status Transcript::Add(ByteView message) {
  if (!context_) {
    return Error{Code::kApiMisuse, "a transcript that was moved away"};
  }
  if (EVP_DigestUpdate(context_.get(), message.data(), message.size()) != 1) {
    return CryptoError("transcript hash failed");
  }
  return Ok{};
}

Result<HashValue> Transcript::Current() const {
  return CurrentWith(ByteView());
}

Result<HashValue> Transcript::CurrentWith(ByteView more) const {
  if (!context_) {
    return Error{Code::kApiMisuse, "a transcript that was moved away"};
  }
  std::array<uint8_t, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  if (!copy_ || EVP_MD_CTX_copy_ex(copy_.get(), context_.get()) != 1 ||
      EVP_DigestUpdate(copy_.get(), more.data(), more.size()) != 1 ||
      EVP_DigestFinal_ex(copy_.get(), out.data(), &size) != 1) {
    return CryptoError("transcript hash failed");
  }
  return HashValue(ByteView(out).first(size));
}

Status Transcript::ReplaceByMessageHash() {
  ASSIGN_OR_RETURN(const HashValue hello, Current());
  if (!Start(context_.get(), algorithm_)) {
    return CryptoError("no transcript hash");
  }
  // RFC 8446 section 4.4.1: a handshake message of type 254 (message_hash)
  // whose body is the hash.
  constexpr uint8_t kMessageHash = 254;
  const std::array<uint8_t, 4> header = {
      kMessageHash, 0, 0, static_cast<uint8_t>(hello.view().size())};
  RETURN_IF_ERROR(Add(header));
  return Add(hello.view());
}

bool SecretEquals(const HashSecret& ours, ByteView received) {
  const ByteView bytes = ours.Reveal(KeyAccess());
  return !bytes.empty() && bytes.size() == received.size() &&
         CRYPTO_memcmp(bytes.data(), received.data(), bytes.size()) == 0;
}

}  // namespace ktlsd::handshake
