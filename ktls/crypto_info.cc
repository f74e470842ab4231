#include "ktls/crypto_info.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/hkdf.h"
#include "base/key_access.h"
#include "ktls/uapi.h"

namespace ktlsd::ktls {
namespace {

constexpr std::size_t kIvSize = 12;  // bytes; RFC 8446 section 5.3

// Writes the struct `Info` of cipher number `Cipher`.
template <typename Info, uint16_t Cipher>
void Write(ByteView key, ByteView iv, uint64_t next_record,
           std::span<uint8_t> out) {
  static_assert(sizeof(Info::salt) + sizeof(Info::iv) == kIvSize);
  static_assert(sizeof(Info::rec_seq) == sizeof(next_record));
  Info info{};
  info.info.version = TLS_1_3_VERSION;
  info.info.cipher_type = Cipher;
  std::ranges::copy(iv.first(sizeof(info.salt)), info.salt);
  std::ranges::copy(iv.subspan(sizeof(info.salt)), info.iv);
  std::ranges::copy(key, info.key);
  for (std::size_t i = sizeof(info.rec_seq); i-- > 0; next_record >>= 8) {
    info.rec_seq[i] = static_cast<uint8_t>(next_record);
  }
  std::memcpy(out.data(), &info, sizeof(info));
  ::explicit_bzero(&info, sizeof(info));
}

struct CipherTraits {
  CipherSuite suite;
  uint16_t cipher;
  std::size_t key_size;   // bytes
  std::size_t info_size;  // bytes
  void (*write)(ByteView key, ByteView iv, uint64_t next_record,
                std::span<uint8_t> out);
};

template <typename Info, uint16_t Cipher>
constexpr CipherTraits Row(CipherSuite suite) {
  static_assert(sizeof(Info) <= kMaxCryptoInfo);
  return {suite, Cipher, sizeof(Info::key), sizeof(Info), &Write<Info, Cipher>};
}

constexpr std::array kCiphers = {
    Row<tls12_crypto_info_aes_gcm_128, TLS_CIPHER_AES_GCM_128>(
        CipherSuite::kAes128GcmSha256),
    Row<tls12_crypto_info_aes_gcm_256, TLS_CIPHER_AES_GCM_256>(
        CipherSuite::kAes256GcmSha384),
    Row<tls12_crypto_info_chacha20_poly1305, TLS_CIPHER_CHACHA20_POLY1305>(
        CipherSuite::kChaCha20Poly1305Sha256),
    Row<tls12_crypto_info_aes_ccm_128, TLS_CIPHER_AES_CCM_128>(
        CipherSuite::kAes128CcmSha256),
};

constexpr std::array<CipherSuite, kCiphers.size()> kSuites = [] {
  std::array<CipherSuite, kCiphers.size()> suites{};
  std::ranges::transform(kCiphers, suites.begin(), &CipherTraits::suite);
  return suites;
}();

const CipherTraits* TraitsOf(CipherSuite suite) {
  const auto* row = std::ranges::find(kCiphers, suite, &CipherTraits::suite);
  return row == kCiphers.end() ? nullptr : row;
}

}  // namespace

Result<CryptoInfo> MakeCryptoInfo(CipherSuite suite,
                                  const DirectionKeys& keys) {
  const CipherTraits* traits = TraitsOf(suite);
  if (traits == nullptr) {
    return Error{Code::kCipherNotOffloadable, "the kernel has no such cipher"};
  }
  ASSIGN_OR_RETURN(HkdfExpander traffic,
                   HkdfExpander::Create(HashOf(suite), keys.traffic_secret));
  ASSIGN_OR_RETURN(const HashSecret key,
                   traffic.Expand("key", ByteView(), traits->key_size));
  ASSIGN_OR_RETURN(const HashSecret iv,
                   traffic.Expand("iv", ByteView(), kIvSize));
  return CryptoInfo::Filled(
      KeyAccess(), traits->info_size, [&](std::span<uint8_t> out) {
        traits->write(key.Reveal(KeyAccess()), iv.Reveal(KeyAccess()),
                      keys.next_record, out);
        return true;
      });
}

std::span<const CipherSuite> KnownSuites() { return kSuites; }

std::optional<uint16_t> KernelCipher(CipherSuite suite) {
  const CipherTraits* traits = TraitsOf(suite);
  return traits == nullptr ? std::nullopt : std::optional(traits->cipher);
}

std::optional<CipherSuite> SuiteOfKernelCipher(uint16_t cipher) {
  const auto* row = std::ranges::find(kCiphers, cipher, &CipherTraits::cipher);
  return row == kCiphers.end() ? std::nullopt : std::optional(row->suite);
}

}  // namespace ktlsd::ktls
