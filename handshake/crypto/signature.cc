#include "handshake/crypto/signature.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <string_view>

#include "base/libcrypto.h"

namespace ktlsd::handshake {
namespace {

using DigestContext = std::unique_ptr<EVP_MD_CTX, FnDeleter<EVP_MD_CTX_free>>;

enum class Padding : uint8_t { kNone, kPss, kPkcs1 };

struct SchemeTraits {
  SignatureScheme scheme;
  const char* key_type;     // as EVP_PKEY_is_a knows it
  const char* curve;        // null: any, or none; else libcrypto's name
  const char* digest;       // null where it is part of the algorithm
  std::size_t digest_size;  // bytes
  Padding padding;
};

// Best first; those of a CertificateVerify before those for certificates only.
constexpr std::array<SchemeTraits, 17> kSchemes = {{
    {SignatureScheme::kMlDsa65, "ML-DSA-65", nullptr, nullptr, 0,
     Padding::kNone},
    {SignatureScheme::kMlDsa87, "ML-DSA-87", nullptr, nullptr, 0,
     Padding::kNone},
    {SignatureScheme::kMlDsa44, "ML-DSA-44", nullptr, nullptr, 0,
     Padding::kNone},
    {SignatureScheme::kEcdsaSecp256r1Sha256, "EC", "prime256v1", "SHA2-256", 32,
     Padding::kNone},
    {SignatureScheme::kEcdsaSecp384r1Sha384, "EC", "secp384r1", "SHA2-384", 48,
     Padding::kNone},
    {SignatureScheme::kEd25519, "ED25519", nullptr, nullptr, 0, Padding::kNone},
    {SignatureScheme::kRsaPssRsaeSha256, "RSA", nullptr, "SHA2-256", 32,
     Padding::kPss},
    {SignatureScheme::kRsaPssRsaeSha384, "RSA", nullptr, "SHA2-384", 48,
     Padding::kPss},
    {SignatureScheme::kRsaPssRsaeSha512, "RSA", nullptr, "SHA2-512", 64,
     Padding::kPss},
    {SignatureScheme::kRsaPssPssSha256, "RSA-PSS", nullptr, "SHA2-256", 32,
     Padding::kPss},
    {SignatureScheme::kRsaPssPssSha384, "RSA-PSS", nullptr, "SHA2-384", 48,
     Padding::kPss},
    {SignatureScheme::kRsaPssPssSha512, "RSA-PSS", nullptr, "SHA2-512", 64,
     Padding::kPss},
    {SignatureScheme::kEcdsaSecp521r1Sha512, "EC", "secp521r1", "SHA2-512", 64,
     Padding::kNone},
    {SignatureScheme::kEd448, "ED448", nullptr, nullptr, 0, Padding::kNone},
    {SignatureScheme::kRsaPkcs1Sha256, "RSA", nullptr, "SHA2-256", 32,
     Padding::kPkcs1},
    {SignatureScheme::kRsaPkcs1Sha384, "RSA", nullptr, "SHA2-384", 48,
     Padding::kPkcs1},
    {SignatureScheme::kRsaPkcs1Sha512, "RSA", nullptr, "SHA2-512", 64,
     Padding::kPkcs1},
}};
constexpr std::size_t kHandshakeSchemeCount = 14;

constexpr bool Pkcs1RowsAreLast() {
  for (std::size_t i = 0; i < kSchemes.size(); ++i) {
    if ((kSchemes[i].padding == Padding::kPkcs1) !=
        (i >= kHandshakeSchemeCount)) {
      return false;
    }
  }
  return true;
}
static_assert(Pkcs1RowsAreLast(),
              "RFC 8446 section 4.2.3: no PKCS#1 in CertificateVerify");

// The schemes of kSchemes that the running libcrypto has.
struct Offered {
  std::array<SignatureScheme, kSchemes.size()> schemes{};
  std::size_t in_handshake = 0;
  std::size_t count = 0;
};

// ML-DSA came with OpenSSL 3.5, and a provider may leave out others.
bool IsThere(const SchemeTraits& traits) {
  const std::unique_ptr<EVP_KEYMGMT, FnDeleter<EVP_KEYMGMT_free>> keys(
      EVP_KEYMGMT_fetch(nullptr, traits.key_type, nullptr));
  return keys != nullptr;
}

Offered ProbeSchemes() {
  Offered offered;
  for (std::size_t i = 0; i < kSchemes.size(); ++i) {
    if (IsThere(kSchemes[i])) {
      offered.schemes[offered.count++] = kSchemes[i].scheme;
      if (i < kHandshakeSchemeCount) {
        ++offered.in_handshake;
      }
    } else if (TakeNoMemory()) {
      throw std::bad_alloc();  // the next caller probes again
    }
  }
  return offered;
}

const Offered& OfferedSchemes() {
  static const Offered kOffered = ProbeSchemes();
  return kOffered;
}

// The row of a scheme that may stand in a CertificateVerify, or null.
const SchemeTraits* HandshakeTraits(SignatureScheme scheme) {
  const auto rows = std::span(kSchemes).first(kHandshakeSchemeCount);
  const auto row = std::ranges::find(rows, scheme, &SchemeTraits::scheme);
  return row == rows.end() ? nullptr : &*row;
}

bool SetPadding(const SchemeTraits& traits, EVP_PKEY_CTX* context) {
  // RFC 8446 section 4.2.3: the salt is as long as the digest; MGF1 uses the
  // same digest, which is libcrypto's default.
  return traits.padding != Padding::kPss ||
         (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
          EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) ==
              1);
}

bool StartSigning(const SchemeTraits& traits, EVP_PKEY* key,
                  const KeyHome& home, EVP_MD_CTX* context) {
  EVP_PKEY_CTX* parameters = nullptr;
  return context != nullptr &&
         EVP_DigestSignInit_ex(context, &parameters, traits.digest,
                               home.library, home.properties, key,
                               nullptr) == 1 &&
         SetPadding(traits, parameters);
}

bool StartVerifying(const SchemeTraits& traits, EVP_PKEY* key,
                    EVP_MD_CTX* context) {
  EVP_PKEY_CTX* parameters = nullptr;
  return context != nullptr &&
         EVP_DigestVerifyInit_ex(context, &parameters, traits.digest, nullptr,
                                 nullptr, key, nullptr) == 1 &&
         SetPadding(traits, parameters);
}

bool IsOnCurve(EVP_PKEY* key, const char* curve) {
  std::array<char, 80> name{};
  std::size_t size = 0;
  // A provider may have another name for it; looking names up is slow.
  return EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) == 1 &&
         (std::string_view(name.data()) == curve ||
          OBJ_txt2nid(name.data()) == OBJ_txt2nid(curve));
}

// An RSASSA-PSS key may be bound to one hash; libcrypto then refuses others. No
// other kind of RSA key is.
bool AllowsDigest(const SchemeTraits& traits, EVP_PKEY* key) {
  if (std::string_view(traits.key_type) != "RSA-PSS") {
    return true;
  }
  const DigestContext context(EVP_MD_CTX_new());
  return StartVerifying(traits, key, context.get());
}

// RFC 8017 section 9.1.1: emLen >= hLen + sLen + 2.
bool HasRoomForPss(const SchemeTraits& traits, EVP_PKEY* key) {
  const int size = EVP_PKEY_get_size(key);
  return size > 0 &&
         static_cast<std::size_t>(size) >= 2 * traits.digest_size + 2;
}

// Where it does not, libcrypto's queue may tell why.
bool Fits(const SchemeTraits& traits, EVP_PKEY* key) {
  const bool fits = key != nullptr &&
                    EVP_PKEY_is_a(key, traits.key_type) == 1 &&
                    (traits.curve == nullptr || IsOnCurve(key, traits.curve)) &&
                    (traits.padding != Padding::kPss ||
                     (HasRoomForPss(traits, key) && AllowsDigest(traits, key)));
  return fits;
}

std::string_view ContextString(Role signer) {
  return signer == Role::kServer ? "TLS 1.3, server CertificateVerify"
                                 : "TLS 1.3, client CertificateVerify";
}

// RFC 8446 section 4.4.3: 64 spaces, the context string, a zero byte, the hash.
class VerifyContent {
 public:
  VerifyContent(Role signer, const HashValue& transcript_hash) {
    const std::string_view context = ContextString(signer);
    const ByteView hash = transcript_hash.view();
    auto next = std::fill_n(bytes_.begin(), kSpaces, ' ');
    next = std::ranges::copy(context, next).out;
    *next++ = 0;
    next = std::ranges::copy(hash, next).out;
    size_ = static_cast<std::size_t>(next - bytes_.begin());
  }
  ByteView view() const { return ByteView(bytes_).first(size_); }

 private:
  static constexpr std::size_t kSpaces = 64;
  static constexpr std::size_t kMaxContext = 33;  // bytes; both have as many
  static constexpr std::size_t kMaxHash = 48;     // bytes; of a HashValue

  std::array<uint8_t, kSpaces + kMaxContext + 1 + kMaxHash> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace

std::span<const SignatureScheme> HandshakeSchemes() {
  const Offered& offered = OfferedSchemes();
  return std::span(offered.schemes).first(offered.in_handshake);
}

std::span<const SignatureScheme> CertificateSchemes() {
  const Offered& offered = OfferedSchemes();
  return std::span(offered.schemes).first(offered.count);
}

std::vector<SignatureScheme> SchemesOfKey(evp_pkey_st* key) {
  std::vector<SignatureScheme> schemes;
  for (const SignatureScheme scheme : HandshakeSchemes()) {
    if (Fits(*HandshakeTraits(scheme), key)) {
      schemes.push_back(scheme);
    }
  }
  ERR_clear_error();
  return schemes;
}

bool CanSign(evp_pkey_st* key) {
  const bool can =
      std::ranges::any_of(HandshakeSchemes(), [key](SignatureScheme scheme) {
        return Fits(*HandshakeTraits(scheme), key);
      });
  ERR_clear_error();
  return can;
}

Bytes CertificateVerifyContent(Role signer, const HashValue& transcript_hash) {
  const VerifyContent content(signer, transcript_hash);
  return {content.view().begin(), content.view().end()};
}

Result<Bytes> SignCertificateVerify(evp_pkey_st* key, SignatureScheme scheme,
                                    Role signer,
                                    const HashValue& transcript_hash,
                                    const KeyHome& home) {
  const SchemeTraits* traits = HandshakeTraits(scheme);
  if (traits == nullptr || !Fits(*traits, key)) {
    return CryptoError(Code::kNoCommonSignatureScheme,
                       "the key cannot sign with this scheme");
  }
  const VerifyContent whole(signer, transcript_hash);
  const ByteView content = whole.view();
  const DigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (!StartSigning(*traits, key, home, context.get()) ||
      EVP_DigestSign(context.get(), nullptr, &size, content.data(),
                     content.size()) != 1) {
    return CryptoError("signing failed");
  }
  Bytes signature(size);
  // When it runs out of memory while encoding an ECDSA signature, libcrypto
  // (3.0) reports success and a size of 2^32 - 1.
  if (EVP_DigestSign(context.get(), signature.data(), &size, content.data(),
                     content.size()) != 1 ||
      size > signature.size()) {
    return CryptoError("signing failed");
  }
  signature.resize(size);
  return signature;
}

Status CheckCertificateVerify(evp_pkey_st* key, SignatureScheme scheme,
                              Role signer, const HashValue& transcript_hash,
                              ByteView signature) {
  const SchemeTraits* traits = HandshakeTraits(scheme);
  if (traits == nullptr || !Fits(*traits, key)) {
    return CryptoError(Code::kIllegalParameter,
                       "signature scheme does not fit the certificate's key");
  }
  const VerifyContent whole(signer, transcript_hash);
  const ByteView content = whole.view();
  const DigestContext context(EVP_MD_CTX_new());
  if (!context) {
    return NoMemory();
  }
  if (!StartVerifying(*traits, key, context.get())) {
    return CryptoError("cannot verify with this key");
  }
  const int verdict =
      EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                       content.data(), content.size());
  if (verdict != 1) {
    return CryptoError(Code::kBadCertificateVerify,
                       "CertificateVerify is wrong");
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
