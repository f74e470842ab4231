// Hashes of TLS 1.3, by libcrypto; HMAC and HKDF come with it (base/hkdf.h).
//
// Scope:     SHA-256, SHA-384 (SHA-512 for signatures only); the running
//            transcript hash of RFC 8446 section 4.4.1.
// Layer:     handshake/crypto: the one seam to libcrypto.
// Threads:   thread-compatible.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/hkdf.h"
#include "base/result.h"
#include "base/session_keys.h"

struct evp_md_ctx_st;

namespace ktlsd::handshake {

using ktlsd::HashAlgorithm;
using ktlsd::HashOf;
using ktlsd::HashSize;
using ktlsd::HkdfExpander;
using ktlsd::HkdfExpandLabel;
using ktlsd::HkdfExpandLabelInto;
using ktlsd::HkdfExtract;
using ktlsd::Hmac;

// A public hash value of 32 or 48 bytes.
class HashValue {
 public:
  HashValue() = default;
  // Keeps at most 48 bytes.
  explicit HashValue(ByteView bytes);
  ByteView view() const { return ByteView(bytes_).first(size_); }
  bool operator==(const HashValue& other) const;

 private:
  std::array<uint8_t, 48> bytes_{};
  std::size_t size_ = 0;
};

Result<HashValue> Hash(HashAlgorithm algorithm, ByteView data);

// The hash over all handshake messages so far. Move-only.
class Transcript {
 public:
  static Result<Transcript> Create(HashAlgorithm algorithm);
  Transcript(Transcript&&) noexcept;
  Transcript& operator=(Transcript&&) noexcept;
  ~Transcript();

  HashAlgorithm algorithm() const { return algorithm_; }
  Status Add(ByteView message);
  // The hash of what was added; more may be added afterwards.
  Result<HashValue> Current() const;
  // The hash of what was added and `more`, which is not kept.
  Result<HashValue> CurrentWith(ByteView more) const;
  // Replaces everything added (ClientHello1) by the synthetic message_hash
  // message of RFC 8446 section 4.4.1.
  Status ReplaceByMessageHash();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  explicit Transcript(HashAlgorithm algorithm);

  HashAlgorithm algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
  std::unique_ptr<evp_md_ctx_st, Free> copy_;  // where Current() ends a hash
};

// Compares a received MAC with ours in constant time.
bool SecretEquals(const HashSecret& ours, ByteView received);

}  // namespace ktlsd::handshake
