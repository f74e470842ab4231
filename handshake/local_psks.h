// The external PSKs of one program, and the answers to the waits of a handshake
// that uses one of them.
//
// Scope:     for whoever holds PSKs and an Engine in one process: embedding
//            programs and tests.
// Layer:     handshake.
// Threads:   may be read by several threads. Copies share the keys.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "handshake/codec/messages.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/proofs.h"
#include "handshake/psk.h"
#include "handshake/psk_wait.h"

namespace ktlsd::handshake {

class LocalPsks {
 public:
  // Adds a PSK, a copy of `key`; the first one added is offered first. Its hash
  // is that of its identity where that is one of NVMe/TCP, else `hash`, else
  // SHA-256 (RFC 8446 section 4.2.11).
  //
  // Errors: kConfigUnusable an identity that is empty, longer than
  //                         65535 bytes, or here already; a key that is empty
  //                         or longer than 256 bytes
  //         kKeyRejected    a key whose length, or `hash`, is not that of the
  //                         NVMe identity
  Status Add(ByteView identity, ByteView key,
             std::optional<HashAlgorithm> hash = std::nullopt);

  bool empty() const { return psks_.empty(); }
  std::vector<PskName> names() const;

  // The first of `offered` that is here and for one of `hashes`: all bytes of
  // an identity are compared.
  std::optional<PskChoice> Choose(const OfferedPsks& offered,
                                  std::span<const HashAlgorithm> hashes) const;

  // Errors: kKeyUnavailable for an identity that is not here, or a hash that
  //         is not its.
  Result<HashSecret> Binder(const PskBinderRequest& request) const;
  // Also kBadPskBinder.
  Result<PskVerified> Judge(const PskProof& proof) const;
  Result<HashSecret> HandshakeSecret(const PskSecretRequest& request) const;

 private:
  struct Entry {
    PskName name;
    std::shared_ptr<const PskKey> key;  // one for all copies, wiped with them
  };
  const Entry* Find(ByteView identity) const;
  Result<const Entry*> Find(ByteView identity, HashAlgorithm hash) const;

  std::vector<Entry> psks_;
};

}  // namespace ktlsd::handshake
