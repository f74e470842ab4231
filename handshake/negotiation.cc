#include "handshake/negotiation.h"

#include <span>
#include <utility>

#include "base/key_access.h"

namespace ktlsd::handshake {

const KeyShareEntry* FindShare(const ClientHello& hello, NamedGroup group) {
  if (!hello.key_shares) {
    return nullptr;
  }
  const auto found =
      std::ranges::find(*hello.key_shares, group, &KeyShareEntry::group);
  return found == hello.key_shares->end() ? nullptr : &*found;
}

std::optional<uint16_t> SendLimit(std::optional<uint16_t> record_size_limit) {
  if (!record_size_limit || *record_size_limit >= kFullRecordSizeLimit) {
    return std::nullopt;
  }
  return static_cast<uint16_t>(*record_size_limit - 1);
}

Status SendChain(const LocalCertificate* certificate, bool staple,
                 Transcript& transcript, Channel& channel) {
  std::span<const Bytes> chain;
  const Bytes* response = nullptr;
  if (certificate != nullptr) {
    chain = certificate->chain;
    if (staple && certificate->ocsp_response) {
      response = &*certificate->ocsp_response;
    }
  }
  return SendWritten(
      [&](ByteWriter& out) { WriteCertificate(out, chain, response); },
      transcript, channel);
}

Status SendSignature(SignatureScheme scheme, ByteView signature,
                     Transcript& transcript, Channel& channel) {
  return SendWritten(
      [&](ByteWriter& out) { WriteCertificateVerify(out, scheme, signature); },
      transcript, channel);
}

Result<PeerProof> TakeChain(Certificate& certificate, bool ocsp_requested) {
  PeerProof proof;
  for (CertificateEntry& entry : certificate.entries) {
    for (const uint16_t type : entry.extension_types) {
      if (!ocsp_requested ||
          type != static_cast<uint16_t>(ExtensionType::kStatusRequest)) {
        return Error{Code::kUnsupportedExtension,
                     "a certificate extension that we did not offer"};
      }
    }
    if (proof.chain.empty()) {
      proof.ocsp_response = std::move(entry.ocsp_response);
    }
    proof.chain.push_back(std::move(entry.der));
  }
  return proof;
}

Bytes ToSend(const HashSecret& mac) {
  const ByteView bytes = mac.Reveal(KeyAccess());
  return {bytes.begin(), bytes.end()};
}

Result<HashSecret> StartOpening(CipherSuite suite, const HashSecret& secret,
                                Channel& channel) {
  ASSIGN_OR_RETURN(HkdfExpander traffic,
                   HkdfExpander::Create(HashOf(suite), secret));
  ASSIGN_OR_RETURN(RecordOpener opener, RecordOpener::Create(suite, traffic));
  RETURN_IF_ERROR(channel.StartOpening(std::move(opener)));
  return FinishedKey(traffic);
}

Result<HashSecret> StartSealing(CipherSuite suite, const HashSecret& secret,
                                Channel& channel) {
  ASSIGN_OR_RETURN(HkdfExpander traffic,
                   HkdfExpander::Create(HashOf(suite), secret));
  ASSIGN_OR_RETURN(RecordSealer sealer, RecordSealer::Create(suite, traffic));
  RETURN_IF_ERROR(channel.StartSealing(std::move(sealer)));
  return FinishedKey(traffic);
}

Status SendFinished(const HashSecret& finished_key, Transcript& transcript,
                    Channel& channel) {
  ASSIGN_OR_RETURN(const HashValue hash, transcript.Current());
  ASSIGN_OR_RETURN(const HashSecret mac,
                   FinishedMac(transcript.algorithm(), finished_key, hash));
  return SendWritten(
      [&](ByteWriter& out) { WriteFinished(out, mac.Reveal(KeyAccess())); },
      transcript, channel);
}

Status VerifyFinished(HashAlgorithm algorithm, const HashSecret& finished_key,
                      const HashValue& hash, ByteView received) {
  if (received.size() != HashSize(algorithm)) {
    return Error{Code::kDecodeError, "a Finished of the wrong length"};
  }
  ASSIGN_OR_RETURN(const HashSecret mac,
                   FinishedMac(algorithm, finished_key, hash));
  if (!SecretEquals(mac, received)) {
    return Error{Code::kBadFinished, "the peer's Finished is wrong"};
  }
  return Ok{};
}

}  // namespace ktlsd::handshake
