#include "handshake/record_protection.h"

#include <openssl/crypto.h>

#include <array>
#include <limits>
#include <span>
#include <utility>

#include "base/key_access.h"
#include "base/libcrypto.h"

namespace ktlsd::handshake {
namespace {

constexpr std::size_t kTagSize = Aead::kTagSize;

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

Result<RecordSealer> RecordSealer::Create(CipherSuite suite,
                                          HkdfExpander& traffic) {
  ASSIGN_OR_RETURN(Aead aead,
                   Aead::Create(Aead::Direction::kSeal, suite, traffic));
  return RecordSealer(suite, std::move(aead), HashSecret());
}

Result<RecordSealer> RecordSealer::Create(CipherSuite suite,
                                          const HashSecret& traffic_secret) {
  RecordSealer sealer = CreateLater(suite, traffic_secret);
  RETURN_IF_ERROR(sealer.Key());
  return sealer;
}

RecordSealer RecordSealer::CreateLater(CipherSuite suite,
                                       const HashSecret& traffic_secret) {
  const KeyAccess access;
  return RecordSealer(suite, std::nullopt,
                      HashSecret(access, traffic_secret.Reveal(access)));
}

// Makes the key unless that has been done.
Result<Aead*> RecordSealer::Key() {
  if (!aead_) {
    ASSIGN_OR_RETURN(HkdfExpander traffic,
                     HkdfExpander::Create(HashOf(suite_), traffic_secret_));
    ASSIGN_OR_RETURN(Aead made,
                     Aead::Create(Aead::Direction::kSeal, suite_, traffic));
    aead_.emplace(std::move(made));
    traffic_secret_.Wipe();
  }
  return &*aead_;
}

Status RecordSealer::Seal(ContentType type, ByteView content, Bytes& out) {
  ASSIGN_OR_RETURN(Aead* const aead, Key());
  if (!aead->has_key() || content.size() > kMaxPlaintext) {
    return Error{Code::kApiMisuse, "cannot seal this record"};
  }
  if (sequence_ == kLastSequence) {
    return SequenceSpent();
  }
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

Result<RecordOpener> RecordOpener::Create(CipherSuite suite,
                                          HkdfExpander& traffic) {
  ASSIGN_OR_RETURN(Aead aead,
                   Aead::Create(Aead::Direction::kOpen, suite, traffic));
  return RecordOpener(std::move(aead));
}

Result<RecordOpener> RecordOpener::Create(CipherSuite suite,
                                          const HashSecret& traffic_secret) {
  ASSIGN_OR_RETURN(HkdfExpander traffic,
                   HkdfExpander::Create(HashOf(suite), traffic_secret));
  return Create(suite, traffic);
}

Result<OpenedRecord> RecordOpener::Open(ByteView header, ByteView body) {
  if (!aead_.has_key()) {
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
  if (!aead_.Open(sequence_, header, inner, body.last(kTagSize))) {
    OPENSSL_cleanse(inner.data(), inner.size());
    return CryptoError(Code::kBadRecordMac, "record does not decrypt");
  }
  ++sequence_;
  return SplitInner(std::move(inner));
}

}  // namespace ktlsd::handshake
