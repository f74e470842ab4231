// Messages with every field set, and the pieces of broken ones.
//
// Layer:     handshake/codec/testing.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error_codes.h"
#include "base/result.h"
#include "handshake/codec/messages.h"
#include "handshake/wire.h"

namespace ktlsd::handshake {

ClientHello SampleClientHello();
ServerHello SampleServerHello();
ServerHello SampleHelloRetryRequest();
EncryptedExtensions SampleEncryptedExtensions();
CertificateRequest SampleCertificateRequest();
Certificate SampleCertificate();
CertificateVerify SampleCertificateVerify();

// The body of a message that must have been serialized.
Bytes BodyOf(const Result<Bytes>& message);

// An extension as it is on the wire.
struct RawExtension {
  uint16_t type;
  Bytes data;
};

inline const RawExtension kVersionsOf13 = {43, {2, 3, 4}};

// A ClientHello body with these extensions and compression methods.
Bytes RawClientHello(std::span<const RawExtension> extensions,
                     const Bytes& compression = {0});
// A ServerHello body.
Bytes RawServerHello(std::span<const RawExtension> extensions,
                     const Random& random = {}, uint8_t compression = 0);
// An extension block with its length.
Bytes RawBlock(std::span<const RawExtension> extensions);

Bytes Joined(std::initializer_list<Bytes> parts);

// The code of a failure, or nothing: what a parser said.
template <typename Message>
std::optional<Code> Failure(const Result<Message>& result) {
  return result.ok() ? std::nullopt : std::optional(result.error().code);
}

// The lengths at which `body`, cut short, does not give kDecodeError.
template <typename Message>
std::vector<std::size_t> UnrefusedCuts(Result<Message> (*parse)(ByteView),
                                       const Bytes& body) {
  std::vector<std::size_t> cuts;
  for (std::size_t size = 0; size < body.size(); ++size) {
    // A copy of the exact size: the address sanitizer sees a read beyond it.
    const Bytes cut(body.begin(),
                    body.begin() + static_cast<std::ptrdiff_t>(size));
    if (Failure(parse(cut)) != Code::kDecodeError) {
      cuts.push_back(size);
    }
  }
  return cuts;
}

// What `parse` says to `body` with a byte behind it.
template <typename Message>
std::optional<Code> WithOneByteMore(Result<Message> (*parse)(ByteView),
                                    Bytes body) {
  body.push_back(0);
  return Failure(parse(body));
}

}  // namespace ktlsd::handshake
