// A certificate chain of ours with its private key.
//
// Scope:     PEM and DER in, signatures out. The key never leaves.
// Layer:     handshake. Held by the daemon's keeper process, and by embedding
//            programs.
// Threads:   immutable once made; Sign is const.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/shared.h"
#include "handshake/config.h"
#include "handshake/crypto/digest.h"
#include "handshake/crypto/key_home.h"
#include "handshake/wire.h"

struct evp_pkey_st;

namespace ktlsd::handshake {

// Whether libcrypto has keys of a kind that quantum computers do not break
// (ML-DSA).
bool HasPostQuantumKeys();

class Credential {
 public:
  // Errors: kCertificateUnusable no certificate, or one that does not parse
  //         kPrivateKeyUnusable  no key, an encrypted one, or of a kind that
  //                              TLS 1.3 cannot sign with; or a key that does
  //                              not belong to the first certificate
  static Result<Credential> FromPem(ByteView certificates,
                                    ByteView private_key);
  // `certificates`: one or more DER certificates one behind the other;
  // `private_key`: PKCS#8 or the key's own DER form.
  static Result<Credential> FromDer(ByteView certificates,
                                    ByteView private_key);
  // With a private key of libcrypto's, which may stand for one in a token.
  // Shares it; what `home` names must outlive the credential.
  static Result<Credential> FromKey(ByteView certificates, evp_pkey_st& key,
                                    const KeyHome& home);
  Credential(Credential&&) noexcept;
  Credential& operator=(Credential&&) noexcept;
  ~Credential();

  const std::vector<Bytes>& chain() const;              // DER, end entity first
  const std::vector<SignatureScheme>& schemes() const;  // best first
  // What a handshake is told of it; without an OCSP response.
  const Shared<LocalCertificate>& certificate() const;

  // A CertificateVerify signature as `signer` over `transcript_hash`.
  Result<Bytes> Sign(SignatureScheme scheme, Role signer,
                     const HashValue& transcript_hash) const;

 private:
  struct State;
  explicit Credential(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ktlsd::handshake
