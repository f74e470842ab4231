#include "handshake/record_protection.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/hkdf.h"
#include "base/key_access.h"
#include "base/libcrypto.h"

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kIvSize = 12;   // bytes; RFC 8446 section 5.3
constexpr std::size_t kTagSize = 16;  // bytes; all suites of appendix B.4

struct AeadTraits {
  CipherSuite suite;
  const char* name;      // for EVP_CIPHER_fetch
  std::size_t key_size;  // bytes
  // CCM: libcrypto wants the sizes of nonce and tag before the key, and the
  // length of a record before its content.
  bool announces_size;
};

constexpr std::array<AeadTraits, 4> kAeads = {{
    {CipherSuite::kAes128GcmSha256, "AES-128-GCM", 16, false},
    {CipherSuite::kAes256GcmSha384, "AES-256-GCM", 32, false},
    {CipherSuite::kChaCha20Poly1305Sha256, "ChaCha20-Poly1305", 32, false},
    {CipherSuite::kAes128CcmSha256, "AES-128-CCM", 16, true},
}};

enum class Direction : int { kOpen = 0, kSeal = 1 };  // as EVP_CipherInit's

const EVP_CIPHER* Cipher(std::size_t row) {
  static constinit std::array<FetchedOnce<EVP_CIPHER, EVP_CIPHER_free>,
                              kAeads.size()>
      ciphers;
  return ciphers[row].Get(
      [row] { return EVP_CIPHER_fetch(nullptr, kAeads[row].name, nullptr); });
}

// One AEAD key with its static iv. The methods return false when libcrypto
// fails, and Open also when the tag is wrong.
class Aead {
 public:
  static Result<Aead> Create(Direction direction, CipherSuite suite,
                             const HashSecret& traffic_secret);

  // Encrypts `data` in place, and writes the tag.
  bool Seal(uint64_t sequence, ByteView header, std::span<uint8_t> data,
            std::span<uint8_t> tag);
  // Decrypts `data` in place.
  bool Open(uint64_t sequence, ByteView header, std::span<uint8_t> data,
            ByteView tag);

 private:
  Aead(const AeadTraits& traits, HashSecret iv)
      : traits_(&traits), context_(EVP_CIPHER_CTX_new()), iv_(std::move(iv)) {}

  bool SetKey(Direction direction, const EVP_CIPHER* cipher, ByteView key);
  bool SetNonce(uint64_t sequence);
  bool SetTag(ByteView tag);
  bool Crypt(ByteView header, std::span<uint8_t> data);

  const AeadTraits* traits_;
  std::unique_ptr<EVP_CIPHER_CTX, FnDeleter<EVP_CIPHER_CTX_free>> context_;
  HashSecret iv_;
};

Result<Aead> Aead::Create(Direction direction, CipherSuite suite,
                          const HashSecret& traffic_secret) {
  const auto row = std::ranges::find(kAeads, suite, &AeadTraits::suite);
  if (row == kAeads.end()) {
    return Error{Code::kApiMisuse, "an unknown cipher suite"};
  }
  const HashAlgorithm hash = HashOf(suite);
  // RFC 8446 section 7.3.
  ASSIGN_OR_RETURN(HkdfExpander expander,
                   HkdfExpander::Create(hash, traffic_secret));
  ASSIGN_OR_RETURN(const HashSecret key,
                   expander.Expand("key", ByteView(), row->key_size));
  ASSIGN_OR_RETURN(HashSecret iv, expander.Expand("iv", ByteView(), kIvSize));
  Aead aead(*row, std::move(iv));
  const EVP_CIPHER* cipher =
      Cipher(static_cast<std::size_t>(row - kAeads.begin()));
  if (cipher == nullptr || !aead.context_ ||
      !aead.SetKey(direction, cipher, key.Reveal(KeyAccess()))) {
    return CryptoError("no record cipher");
  }
  return aead;
}

bool Aead::SetKey(Direction direction, const EVP_CIPHER* cipher, ByteView key) {
  const int sealing = static_cast<int>(direction);
  EVP_CIPHER_CTX* context = context_.get();
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

// RFC 8446 section 5.3: sequence numbers "MUST NOT wrap".
constexpr uint64_t kLastSequence = std::numeric_limits<uint64_t>::max();

Error SequenceSpent() {
  return Error{Code::kInternal, "record sequence number spent"};
}

// Cuts TLSInnerPlaintext (RFC 8446 section 5.2) into content and type.
Result<OpenedRecord> SplitInner(Bytes inner) {
  if (inner.size() > kMaxPlaintext + 1) {
    return Error{Code::kRecordOverflow, "record plaintext too long"};
  }
  // RFC 8446 section 5.4: the type is the last byte that is not zero.
  while (!inner.empty() && inner.back() == 0) {
    inner.pop_back();
  }
  if (inner.empty()) {
    return Error{Code::kUnexpectedMessage, "record without a content type"};
  }
  const auto type = static_cast<ContentType>(inner.back());
  inner.pop_back();
  return OpenedRecord{type, std::move(inner)};
}

}  // namespace

struct RecordSealer::State {
  CipherSuite suite;
  HashSecret traffic_secret;  // empty once there is an aead
  std::optional<Aead> aead = std::nullopt;

  // Sets the key up unless that has been done. Not null.
  Result<Aead*> Start() {
    if (!aead) {
      ASSIGN_OR_RETURN(Aead made,
                       Aead::Create(Direction::kSeal, suite, traffic_secret));
      aead = std::move(made);
      traffic_secret.Wipe();
    }
    return &*aead;
  }
};

RecordSealer::RecordSealer(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
RecordSealer::RecordSealer(RecordSealer&&) noexcept = default;
RecordSealer& RecordSealer::operator=(RecordSealer&&) noexcept = default;
RecordSealer::~RecordSealer() = default;

Result<RecordSealer> RecordSealer::Create(CipherSuite suite,
                                          const HashSecret& traffic_secret) {
  RecordSealer sealer = CreateLater(suite, traffic_secret);
  RETURN_IF_ERROR(sealer.state_->Start());
  return sealer;
}

RecordSealer RecordSealer::CreateLater(CipherSuite suite,
                                       const HashSecret& traffic_secret) {
  const KeyAccess access;
  return RecordSealer(std::make_unique<State>(
      State{suite, HashSecret(access, traffic_secret.Reveal(access))}));
}

Status RecordSealer::Seal(ContentType type, ByteView content, Bytes& out) {
  if (!state_ || content.size() > kMaxPlaintext) {
    return Error{Code::kApiMisuse, "cannot seal this record"};
  }
  if (sequence_ == kLastSequence) {
    return SequenceSpent();
  }
  ASSIGN_OR_RETURN(Aead* const aead, state_->Start());
  const std::size_t length = content.size() + 1 + kTagSize;
  const std::array<uint8_t, kRecordHeaderSize> header = {
      static_cast<uint8_t>(ContentType::kApplicationData),
      static_cast<uint8_t>(kVersionTls12 >> 8),
      static_cast<uint8_t>(kVersionTls12),
      static_cast<uint8_t>(length >> 8),
      static_cast<uint8_t>(length),
  };
  const std::size_t start = out.size();
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), content.begin(), content.end());
  out.push_back(static_cast<uint8_t>(type));
  out.resize(start + header.size() + length);
  const std::span<uint8_t> body = std::span(out).last(length);
  if (!aead->Seal(sequence_, header, body.first(content.size() + 1),
                  body.last(kTagSize))) {
    out.resize(start);
    return CryptoError("sealing a record failed");
  }
  ++sequence_;
  return Ok{};
}

struct RecordOpener::State {
  Aead aead;
};

RecordOpener::RecordOpener(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
RecordOpener::RecordOpener(RecordOpener&&) noexcept = default;
RecordOpener& RecordOpener::operator=(RecordOpener&&) noexcept = default;
RecordOpener::~RecordOpener() = default;

Result<RecordOpener> RecordOpener::Create(CipherSuite suite,
                                          const HashSecret& traffic_secret) {
  ASSIGN_OR_RETURN(Aead aead,
                   Aead::Create(Direction::kOpen, suite, traffic_secret));
  return RecordOpener(std::make_unique<State>(std::move(aead)));
}

Result<OpenedRecord> RecordOpener::Open(ByteView header, ByteView body) {
  if (!state_) {
    return Error{Code::kApiMisuse, "an opener that was moved away"};
  }
  if (body.size() > kMaxCiphertext) {
    return Error{Code::kRecordOverflow, "record too long"};
  }
  if (body.size() < kTagSize) {
    return Error{Code::kBadRecordMac, "record shorter than its tag"};
  }
  if (sequence_ == kLastSequence) {
    return SequenceSpent();
  }
  const ByteView ciphertext = body.first(body.size() - kTagSize);
  Bytes inner(ciphertext.begin(), ciphertext.end());
  if (!state_->aead.Open(sequence_, header, inner, body.last(kTagSize))) {
    OPENSSL_cleanse(inner.data(), inner.size());
    return CryptoError(Code::kBadRecordMac, "record does not decrypt");
  }
  ++sequence_;
  return SplitInner(std::move(inner));
}

}  // namespace ktlsd::handshake
