#include "handshake/psk.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/key_access.h"
#include "handshake/key_schedule.h"

namespace ktlsd::handshake {
namespace {

// "NVMe" and a version.
bool IsNvmeIdentity(std::string_view text) {
  return text.size() > 4 && text.starts_with("NVMe") && text[4] >= '0' &&
         text[4] <= '9';
}

// "NVMe", version 0 or 1, a type, two digits of the hash, a space.
bool HasKnownForm(std::string_view text) {
  constexpr std::size_t kPrefixSize = 9;
  return text.size() >= kPrefixSize && (text[4] == '0' || text[4] == '1') &&
         (text[5] == 'R' || text[5] == 'G') && text[8] == ' ';
}

}  // namespace

Result<std::optional<HashAlgorithm>> NvmePskHash(ByteView identity,
                                                 std::size_t key_size) {
  const std::string text(identity.begin(), identity.end());
  if (!IsNvmeIdentity(text)) {
    return std::optional<HashAlgorithm>();
  }
  if (!HasKnownForm(text)) {
    return Error{Code::kKeyRejected,
                 "the NVMe identity of a PSK is of a form that is not known"};
  }
  const std::string_view digits = std::string_view(text).substr(6, 2);
  std::optional<HashAlgorithm> hash;
  if (digits == "01") {
    hash = HashAlgorithm::kSha256;
  } else if (digits == "02") {
    hash = HashAlgorithm::kSha384;
  } else {
    return Error{Code::kKeyRejected,
                 "the NVMe identity of a PSK names no hash of TLS"};
  }
  if (key_size != HashSize(*hash)) {
    return Error{Code::kKeyRejected,
                 "a PSK is not as long as the hash in its NVMe identity"};
  }
  return hash;
}

Result<HashSecret> PskBinder(const PskKey& psk,
                             const PskBinderRequest& request) {
  ASSIGN_OR_RETURN(
      const EarlySchedule early,
      EarlySchedule::WithPsk(request.hash, psk.Reveal(KeyAccess())));
  ASSIGN_OR_RETURN(const HashSecret key, early.ExternalBinderFinishedKey());
  return FinishedMac(request.hash, key, request.transcript_hash);
}

Status CheckPskBinder(const PskKey& psk, const PskProof& proof) {
  ASSIGN_OR_RETURN(const HashSecret binder, PskBinder(psk, proof.claim));
  if (!SecretEquals(binder, proof.binder)) {
    return Error{Code::kBadPskBinder, "the client's binder is wrong"};
  }
  return Ok{};
}

Result<HashSecret> PskHandshakeSecret(const PskKey& psk,
                                      const PskSecretRequest& request) {
  ASSIGN_OR_RETURN(
      EarlySchedule early,
      EarlySchedule::WithPsk(request.hash, psk.Reveal(KeyAccess())));
  ASSIGN_OR_RETURN(HandshakeSchedule schedule,
                   std::move(early).Advance(request.ecdhe));
  return std::move(schedule).Release();
}

}  // namespace ktlsd::handshake
