// Choices and small steps that both sides of a handshake share.
//
// Scope:     pure functions.
// Layer:     handshake.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/session_keys.h"
#include "handshake/channel.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/signature.h"
#include "handshake/key_schedule.h"
#include "handshake/peer_proof.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

template <typename T>
bool Contains(const std::vector<T>& list, const T& value) {
  return std::ranges::find(list, value) != list.end();
}

// The first of `preferred` that `offered` has.
template <typename T>
std::optional<T> FirstCommon(const std::vector<T>& preferred,
                             const std::vector<T>& offered) {
  const auto found = std::ranges::find_if(
      preferred,
      [&offered](const T& value) { return Contains(offered, value); });
  if (found == preferred.end()) {
    return std::nullopt;
  }
  return *found;
}

// The key share of `group` in a hello, or nullptr.
const KeyShareEntry* FindShare(const ClientHello& hello, NamedGroup group);

// The most content of a record for a peer with this record_size_limit, in
// bytes: one byte goes to the content type (RFC 8449 section 4). None when that
// is no less than the protocol's own limit.
std::optional<uint16_t> SendLimit(std::optional<uint16_t> record_size_limit);

// Queues the message that `write`(ByteWriter&) writes, and adds it to
// `transcript`.
template <typename Write>
Status SendWritten(Write write, Transcript& transcript, Channel& channel) {
  ASSIGN_OR_RETURN(const ByteView message,
                   channel.SendWritten(std::move(write)));
  return transcript.Add(message);
}

// The same for `message`, of messages.h.
template <typename Message>
Status SendHandshake(const Message& message, Transcript& transcript,
                     Channel& channel) {
  return SendWritten([&](ByteWriter& out) { Write(out, message); }, transcript,
                     channel);
}

// The same for a Certificate with our chain, empty for nullptr. With `staple`
// our OCSP response goes with the end entity, if there is one.
Status SendChain(const LocalCertificate* certificate, bool staple,
                 Transcript& transcript, Channel& channel);

// Moves chain and OCSP response out of a peer's Certificate; the rest of the
// proof comes with its CertificateVerify.
// Errors: kUnsupportedExtension for an extension that we did not ask for.
Result<PeerProof> TakeChain(Certificate& certificate, bool ocsp_requested);

// A binder or verify_data of ours, which is sent: from here on no secret.
Bytes ToSend(const HashSecret& mac);

// The same for a CertificateVerify with our `signature`.
Status SendSignature(SignatureScheme scheme, ByteView signature,
                     Transcript& transcript, Channel& channel);

// The peer's records, or ours, are protected by the keys of `secret`, a
// handshake traffic secret, from now on. Return the key of that side's
// Finished.
Result<HashSecret> StartOpening(CipherSuite suite, const HashSecret& secret,
                                Channel& channel);
Result<HashSecret> StartSealing(CipherSuite suite, const HashSecret& secret,
                                Channel& channel);

// SendWritten() for the Finished over what `transcript` covers.
Status SendFinished(const HashSecret& finished_key, Transcript& transcript,
                    Channel& channel);

// Errors: kBadFinished, kDecodeError for a wrong length.
Status VerifyFinished(HashAlgorithm algorithm, const HashSecret& finished_key,
                      const HashValue& hash, ByteView received);

}  // namespace ktlsd::handshake
